package report

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// group is one row: projects with the same change that are as far, or one project.
type group struct {
	standings []run.Standing
	state     run.JobState // of the plan
	status    status
	counts    run.Counts // of each
	summary   *run.Summary
	policy    *run.PolicyResult // nil when no rules judged the plan
}

// groups sorts what is to be shown: what was not applied first, then what loses
// something, then failed plans, other changes, what is still to come, and no
// changes last; by name within each. Planned projects with equal digests share
// a row, when their plans warn of the same.
func (v View) groups(p picked) []group {
	byKey := map[string]int{}
	var out []group
	for _, s := range p.standings {
		g := group{
			standings: []run.Standing{s}, state: s.Plan.State, status: p.status(s), counts: jobCounts(s.Plan), policy: policyOf(s.Plan),
		}
		key := ""
		if summary, ok := v.Summaries[s.Plan.ID]; ok && g.state == run.JobSucceeded {
			g.summary, key = &summary, fmt.Sprintf("%s %s %v %q %q %q %q %s", summary.Digest, g.status, g.counts, findingsOf(g.policy), summary.Warnings, summary.Checks, summary.Drift, madeKey(s.Plan))
		}
		if at, ok := byKey[key]; ok && key != "" {
			out[at].standings = append(out[at].standings, s)
			continue
		}
		byKey[key] = len(out)
		out = append(out, g)
	}
	slices.SortStableFunc(out, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.standings[0].Project, b.standings[0].Project))
	})
	return out
}

func (g group) rank() int {
	switch {
	case g.status == statusFailed || g.status == statusInterrupted:
		return 0
	case g.status == statusCancelled || g.status == statusSkipped:
		return 1
	case g.counts.Destroy+g.counts.Replace > 0:
		return 2
	case g.state == run.JobFailed:
		return 3
	case !g.counts.Empty():
		return 4
	case g.state != run.JobSucceeded:
		return 5
	default:
		return 6
	}
}

func projectOf(j run.Job) string { return j.Document.Project.Name }

// groupNames is how many names a row shows.
const groupNames = 5

// names writes the projects of a group with write; all but a few are counted
// when there are many.
func (g group) names(write func(string) string) string {
	var out []string
	for _, s := range g.standings {
		out = append(out, s.Project)
	}
	return fewNames(out, write)
}

// where is the directories of a group's projects whose names do not say them, in parentheses with a space in front; empty for none.
func (g group) where(write func(string) string) string {
	var dirs []string
	for _, s := range g.standings {
		dir := s.Plan.Document.Project.Dir
		if !saysDir(s.Project, dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return ""
	}
	return " (" + fewNames(dirs, write) + ")"
}

// saysDir reports whether a project's name tells people its directory.
func saysDir(project, dir string) bool {
	return dir == "" || dir == "." || strings.Contains(project, strings.ToLower(path.Base(dir)))
}

// fewNames writes names; all but a few are counted when there are many.
func fewNames(names []string, write func(string) string) string {
	var out []string
	for i, one := range names {
		if i == groupNames-1 && len(names) > groupNames {
			return strings.Join(out, ", ") + " and " + number(len(names)-i) + " more"
		}
		out = append(out, write(one))
	}
	return strings.Join(out, ", ")
}

// environments writes the names of the environments, each once.
func (g group) environments() string {
	var out []string
	for _, s := range g.standings {
		if e := name(s.Plan.Document.Environment.Name); !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	if len(out) > groupNames {
		return many(len(out), "environment")
	}
	return strings.Join(out, ", ")
}
