package report

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// baseOf is the base branch of the newest run of a commit that knows it. Who
// changes the base of a pull request leaves the commit as it is.
func baseOf(runs []run.Run, head string) string {
	i := slices.IndexFunc(runs, func(r run.Run) bool { return r.HeadSHA == head && r.BaseRef != "" })
	if i < 0 {
		return ""
	}
	return runs[i].BaseRef
}

// ofAnother reports whether a run was for another base branch than the pull request
// goes into now: it says nothing about what is merged.
func (p picked) ofAnother(r run.Run) bool {
	return p.base != "" && r.BaseRef != "" && r.BaseRef != p.base
}

// foreign are the projects that were planned for another base branch only.
func (p picked) foreign() []string {
	var out []string
	for _, s := range p.standings {
		if p.ofAnother(s.PlanRun) {
			out = append(out, s.Project)
		}
	}
	return out
}

// elsewhere reports whether some of what was planned of the commit was for another
// base branch, as when the pull request goes into one that nothing is planned for.
func (p picked) elsewhere() bool {
	refused := p.run.State == run.StateRefused && p.run.Problem != nil && p.run.Problem.Code == run.CodeBase
	return refused || len(p.foreign()) > 0
}

// retargeted reports whether the plan that is under way is the first one for its base
// branch, so that what a check says is about another one.
func (v View) retargeted(p picked) bool {
	i := slices.IndexFunc(v.Runs, func(r run.Run) bool {
		return r.ID < p.run.ID && r.Kind == run.KindPlan && r.HeadSHA == p.run.HeadSHA && !r.PreparedAt.IsZero()
	})
	return p.run.State == run.StateRunning && i >= 0 && p.ofAnother(v.Runs[i])
}
