package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// group is one row: projects with the same change, or one project.
type group struct {
	jobs    []run.Job
	state   run.JobState
	counts  run.Counts // of each
	summary *run.Summary
}

// groups sorts what is to be shown: what loses something first, then failures,
// then other changes, what is still to come, and no changes last; by name
// within each. Planned projects with equal digests share a row.
func (v View) groups(p picked) []group {
	byKey := map[string]int{}
	var out []group
	for _, j := range p.jobs {
		g := group{jobs: []run.Job{j}, state: j.State, counts: jobCounts(j)}
		key := ""
		if s, ok := v.Summaries[j.ID]; ok && j.State == run.JobSucceeded {
			g.summary, key = &s, s.Digest
		}
		if at, ok := byKey[key]; ok && key != "" && out[at].counts == g.counts {
			out[at].jobs = append(out[at].jobs, j)
			continue
		}
		byKey[key] = len(out)
		out = append(out, g)
	}
	for _, g := range out {
		slices.SortFunc(g.jobs, func(a, b run.Job) int { return cmp.Compare(projectOf(a), projectOf(b)) })
	}
	slices.SortStableFunc(out, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(projectOf(a.jobs[0]), projectOf(b.jobs[0])))
	})
	return out
}

func (g group) rank() int {
	switch {
	case g.counts.Destroy+g.counts.Replace > 0:
		return 0
	case g.state == run.JobFailed:
		return 1
	case !g.counts.Empty():
		return 2
	case g.state != run.JobSucceeded:
		return 3
	default:
		return 4
	}
}

func projectOf(j run.Job) string { return j.Document.Project.Name }

// groupNames is how many names a row shows.
const groupNames = 5

// names writes the projects of a group with write; all but a few are counted
// when there are many.
func (g group) names(write func(string) string) string {
	var out []string
	for i, j := range g.jobs {
		if i == groupNames-1 && len(g.jobs) > groupNames {
			return strings.Join(out, ", ") + " and " + number(len(g.jobs)-i) + " more"
		}
		out = append(out, write(projectOf(j)))
	}
	return strings.Join(out, ", ")
}

// environments writes the names of the environments, each once.
func (g group) environments() string {
	var out []string
	for _, j := range g.jobs {
		if e := name(j.Document.Environment.Name); !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	if len(out) > groupNames {
		return many(len(out), "environment")
	}
	return strings.Join(out, ", ")
}
