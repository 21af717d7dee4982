package view

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// Unjudged are the projects with something to apply that neither the newest plan nor
// its gate is about.
func (m Model) Unjudged() []string {
	return m.Names(func(s run.ProjectStatus) bool { return m.Open(s) && !m.OfGate(s) })
}

// Judged are those that it is about.
func (m Model) Judged() []string {
	return m.Names(func(s run.ProjectStatus) bool { return m.Open(s) && m.OfGate(s) })
}

// OfGate reports whether the newest plan or its gate is about a project.
func (m Model) OfGate(s run.ProjectStatus) bool {
	return s.PlanRun.ID == m.Run.ID || m.Run.Gate != nil && slices.Contains(m.Run.Gate.Projects, s.Project)
}

// JudgedNothing reports whether the gate is about nothing that is left to apply, such as
// that of a plan of one project which changes nothing.
func (m Model) JudgedNothing() bool {
	return m.Run.Gate != nil && len(m.Judged()) == 0 && len(m.Unjudged()) > 0
}

// StateNotSaved tells an apply after which the state has to be repaired before
// anything else.
func StateNotSaved(s run.ProjectStatus) bool {
	if s.Apply == nil {
		return false
	}
	_, kept := s.Apply.Artifact(run.ArtifactErroredState)
	return kept || s.Apply.Astray()
}
