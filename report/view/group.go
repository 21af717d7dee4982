package view

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/lockkeeper/lockkeeper/run"
)

// Group is one row: projects with the same change that are as far, or one project.
type Group struct {
	Projects []run.ProjectStatus
	State    run.JobState // of the plan
	Status   Status
	Counts   run.Counts // of each
	Summary  *run.Summary
	Policy   *run.PolicyResult // nil when no rules judged the plan
}

// Groups sorts what is to be shown: what was not applied first, then what loses
// something, then failed plans, other changes, what is still to come, and no
// changes last; by name within each. Planned projects with equal digests share
// a row, when their plans warn of the same.
func (m Model) Groups() []Group {
	byKey := map[string]int{}
	var out []Group
	for _, s := range m.Projects {
		g := Group{
			Projects: []run.ProjectStatus{s}, State: s.Plan.State, Status: m.Status(s), Counts: JobCounts(s.Plan), Policy: policyOf(s.Plan),
		}
		key := ""
		if summary, ok := m.Summaries[s.Plan.ID]; ok && g.State == run.JobSucceeded {
			g.Summary, key = &summary, fmt.Sprintf("%s %s %v %q %q %q %q %s", summary.Digest, g.Status, g.Counts, findingsOf(g.Policy), summary.Warnings, summary.Checks, summary.Drift, madeKey(s.Plan))
		}
		if at, ok := byKey[key]; ok && key != "" {
			out[at].Projects = append(out[at].Projects, s)
			continue
		}
		byKey[key] = len(out)
		out = append(out, g)
	}
	slices.SortStableFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Projects[0].Project, b.Projects[0].Project))
	})
	return out
}

func (g Group) rank() int {
	switch {
	case g.Status == StatusFailed || g.Status == StatusInterrupted:
		return 0
	case g.Status == StatusCancelled || g.Status == StatusSkipped:
		return 1
	case g.Counts.Destroy+g.Counts.Replace > 0:
		return 2
	case g.State == run.JobFailed:
		return 3
	case !g.Counts.Empty():
		return 4
	case g.State != run.JobSucceeded:
		return 5
	default:
		return 6
	}
}

// policyOf is what rules said about a plan; nil when none judged it.
func policyOf(j run.Job) *run.PolicyResult {
	if j.State != run.JobSucceeded || j.Result == nil || j.Result.Policy == nil {
		return nil
	}
	r := j.Result.Policy
	if r.Rules == 0 && len(r.Denied)+len(r.Warned) == 0 {
		return nil
	}
	return r
}

// findingsOf is everything that the rules said, to compare.
func findingsOf(r *run.PolicyResult) []run.PolicyFinding {
	if r == nil {
		return nil
	}
	return append(append([]run.PolicyFinding{{Message: strconv.Itoa(len(r.Denied))}}, r.Denied...), r.Warned...)
}

// Denied reports whether rules deny the plans of the group.
func (g Group) Denied() bool { return Denied(g.Projects[0]) }

// Denied reports whether rules deny a plan.
func Denied(s run.ProjectStatus) bool {
	r := policyOf(s.Plan)
	return r != nil && len(r.Denied) > 0
}

// Warned lists the messages of rules that warn.
func (g Group) Warned() []string {
	if g.Policy == nil {
		return nil
	}
	var out []string
	for _, f := range g.Policy.Warned {
		out = append(out, f.Message)
	}
	return out
}

// DeniedPlans is how many plans rules deny.
func DeniedPlans(groups []Group) int {
	n := 0
	for _, g := range groups {
		if g.Denied() {
			n += len(g.Projects)
		}
	}
	return n
}

// MadeOf is what programs made while a job planned; nil for nothing.
func MadeOf(j run.Job) *run.Made {
	if j.State != run.JobSucceeded || j.Result == nil {
		return nil
	}
	return j.Result.Made
}

// Lacks reports whether an apply of the plan would miss files.
func Lacks(s run.ProjectStatus) bool { return MadeOf(s.Plan).Lacks() }

// MadeFiles reports whether planning made files.
func (g Group) MadeFiles() bool { return MadeOf(g.Projects[0].Plan) != nil }

// madeKey tells groups with other files apart.
func madeKey(j run.Job) string {
	if m := MadeOf(j); m != nil {
		made, _ := j.Artifact(run.ArtifactMade)
		return fmt.Sprintf("%s %+v", made.SHA256, *m)
	}
	return ""
}
