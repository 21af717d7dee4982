package view

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
func (m Model) ofAnother(r run.Run) bool {
	return m.Base != "" && r.BaseRef != "" && r.BaseRef != m.Base
}

// Foreign are the projects that were planned for another base branch only.
func (m Model) Foreign() []string {
	var out []string
	for _, s := range m.Projects {
		if m.ofAnother(s.PlanRun) {
			out = append(out, s.Project)
		}
	}
	return out
}

// Elsewhere reports whether some of what was planned of the commit was for another
// base branch, as when the pull request goes into one that nothing is planned for.
func (m Model) Elsewhere() bool {
	refused := m.Run.State == run.StateRefused && m.Run.Problem != nil && m.Run.Problem.Code == run.CodeBase
	return refused || len(m.Foreign()) > 0
}

// Retargeted reports whether the plan that is under way is the first one for its base
// branch, so that what a check says is about another one.
func (m Model) Retargeted() bool {
	i := slices.IndexFunc(m.Runs, func(r run.Run) bool {
		return r.ID < m.Run.ID && r.Kind == run.KindPlan && r.HeadSHA == m.Run.HeadSHA && !r.PreparedAt.IsZero()
	})
	return m.Run.State == run.StateRunning && i >= 0 && m.ofAnother(m.Runs[i])
}
