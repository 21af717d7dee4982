package run

import (
	"slices"
	"strings"
)

// Partial reports whether the plan looked at less than everything, by its flags or
// as terraform says itself. It may be applied, and nothing that it shows or changes
// says how far the whole project is.
func (s ProjectStatus) Partial() bool {
	return len(s.Narrowed()) > 0 || s.Plan.Result != nil && s.Plan.Result.Partial
}

// Narrowed lists the flags with which the plan looked at less than everything:
// less of the configuration, nothing of it, or nothing of what is really there
// (terraform plan, "Planning Modes" and "Planning Options"). A plan that was not
// refreshed is whole where the environment takes it for that.
func (s ProjectStatus) Narrowed() []string {
	var out []string
	for _, flag := range s.Plan.Document.Flags {
		if narrows(flag) || NotRefreshed(flag) && !slices.Contains(s.PlanRun.Unrefreshed, s.Project) {
			out = append(out, flag)
		}
	}
	return out
}

func narrows(flag string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
	return slices.Contains([]string{"target", "target-file", "exclude", "exclude-file", "refresh-only"}, name)
}

// NotRefreshed finds the flag of a plan that does not look at what is really there.
func NotRefreshed(flag string) bool {
	name, value, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
	return name == "refresh" && value != "" && value != "true"
}

// Missed counts what a plan did not look at, as far as that is known: what an
// earlier whole plan of the same project at the commit would change and this one
// would not. It is 0 when nobody knows, as after an apply.
func (s ProjectStatus) Missed(runs []Run) int {
	if !s.Partial() || s.Apply != nil {
		return 0
	}
	for _, r := range runs {
		if r.HeadSHA != s.PlanRun.HeadSHA || r.CreatedAt.After(s.PlanRun.CreatedAt) || r.ID == s.PlanRun.ID {
			continue
		}
		i := slices.IndexFunc(r.Jobs, func(j Job) bool { return j.Document.Project.Name == s.Project })
		if i < 0 {
			continue
		}
		earlier := ProjectStatus{Project: s.Project, PlanRun: r, Plan: r.Jobs[i]}
		switch {
		case r.Kind == KindApply:
			return 0
		case r.Kind != KindPlan || earlier.Partial():
			continue
		case earlier.Plan.State != JobSucceeded || earlier.counts() == nil || s.counts() == nil:
			return 0
		}
		return max(0, earlier.counts().total()-s.counts().total())
	}
	return 0
}

func (s ProjectStatus) counts() *Counts {
	if s.Plan.Result == nil {
		return nil
	}
	return s.Plan.Result.Counts
}

// total is how many changes are counted.
func (c Counts) total() int {
	return c.Add + c.Change + c.Replace + c.Destroy + c.Import + c.Forget + c.Move + c.Outputs
}
