package run

import (
	"slices"
	"strings"
)

// ProjectStatus is how far one project is at one commit of a pull request.
type ProjectStatus struct {
	Project string
	PlanRun Run  // of Plan
	Plan    Job  // the newest plan job of the project at the commit
	Apply   *Job // the newest apply of that plan; nil when it was not applied
	// Overtaken is what another pull request applied since the plan was made; see
	// Locks.Overtake.
	Overtaken *Applied
}

// Empty reports whether the plan succeeded and changes nothing.
func (s ProjectStatus) Empty() bool {
	r := s.Plan.Result
	return s.Plan.State == JobSucceeded && r != nil && r.Counts != nil && r.Counts.Empty()
}

// Applied reports whether nothing is left to apply: the plan is whole and was
// applied with success, or changes nothing and is not speculative; and nobody else
// has applied anything since.
func (s ProjectStatus) Applied() bool {
	if s.Partial() || s.Overtaken != nil {
		return false
	}
	return s.Done() || s.Apply == nil && s.Empty() && !s.Speculative()
}

// Done reports whether the plan was applied with success.
func (s ProjectStatus) Done() bool { return s.Apply != nil && s.Apply.State == JobSucceeded }

// Speculative reports whether the plan was made without the locks.
func (s ProjectStatus) Speculative() bool { return len(s.PlanRun.Blocked) > 0 }

// Untouched reports whether the pull request does not change the project, which
// is planned because someone named it. Nothing is applied to it from here.
func (s ProjectStatus) Untouched() bool { return slices.Contains(s.PlanRun.Untouched, s.Project) }

// PlanOnly reports whether only the head of the pull request names the project, and it
// is applied after the merge, from another one.
func (s ProjectStatus) PlanOnly() bool { return slices.Contains(s.PlanRun.PlanOnly, s.Project) }

// StatusAt reads from the runs of a pull request, newest first, how far each
// project is at a commit, by name. A plan of everything that the commit changes
// replaces all plans before it; a plan of named projects replaces those.
func StatusAt(runs []Run, head string) []ProjectStatus {
	found := map[string]*ProjectStatus{}
	applies := map[string]*Job{} // by the plan's job id, the newest
	complete := false
	for _, r := range runs {
		if r.HeadSHA != head {
			continue
		}
		if r.Kind == KindApply {
			for i, j := range r.Jobs {
				if p := j.Document.Plan; p != nil && applies[p.JobID] == nil {
					applies[p.JobID] = &r.Jobs[i]
				}
			}
			continue
		}
		if complete || r.Kind != KindPlan {
			continue
		}
		for _, j := range r.Jobs {
			if name := j.Document.Project.Name; found[name] == nil {
				found[name] = &ProjectStatus{Project: name, PlanRun: r, Plan: j, Apply: applies[j.ID]}
			}
		}
		complete = r.AllProjects()
	}
	out := make([]ProjectStatus, 0, len(found))
	for _, s := range found {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b ProjectStatus) int { return strings.Compare(a.Project, b.Project) })
	return out
}
