package view

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// Stage is how far a pull request is at one commit, in one word.
type Stage int

// The stages that exist.
const (
	Planned     Stage = iota // or being planned
	Speculative              // planned without the locks
	Applying
	ApplyFailed  // a project was not applied, or nobody knows
	ApplyStopped // a project was not begun
	PartlyApplied
	AllApplied
)

// Stage is how far the pull request is.
func (m Model) Stage() Stage {
	switch {
	case m.Apply != nil && !m.Apply.State.Final():
		return Applying
	case m.Apply == nil || m.Active() || m.Elsewhere():
		if m.Some(run.ProjectStatus.Speculative) && !m.Some(m.Open) {
			return Speculative
		}
		return Planned
	case m.Has(StatusFailed, StatusInterrupted):
		return ApplyFailed
	case m.Has(StatusCancelled, StatusSkipped):
		return ApplyStopped
	case m.Some(func(s run.ProjectStatus) bool { return !m.Later(s) && !s.Applied() }):
		return PartlyApplied
	}
	return AllApplied
}

// Status is how far one project is, in words.
type Status string

// The statuses that exist.
const (
	StatusFailed      Status = "failed"
	StatusInterrupted Status = "interrupted"
	StatusCancelled   Status = "cancelled"
	StatusSkipped     Status = "skipped"
	StatusApplying    Status = "applying"
	StatusStopping    Status = "stopping"
	StatusWaiting     Status = "waiting"
	StatusApplied     Status = "applied"
	StatusPart        Status = "applied in part"
	StatusOvertaken   Status = "changed by another since"
	StatusOpen        Status = "not applied"
	StatusNoPlan      Status = "not planned"
	StatusLater       Status = "left for the merge"
	StatusNoApply     Status = "not applied here"
	StatusUntouched   Status = "not changed here"
	StatusPartOnly    Status = "planned in part"
	StatusNoChanges   Status = "no changes"
)

// Statuses lists every status, the one that needs a person most first.
var Statuses = []Status{StatusInterrupted, StatusFailed, StatusCancelled, StatusSkipped, StatusApplying, StatusStopping, StatusWaiting,
	StatusOvertaken, StatusApplied, StatusPart, StatusOpen, StatusNoPlan, StatusLater, StatusNoApply, StatusUntouched, StatusPartOnly, StatusNoChanges}

// Status is how far a project is.
func (m Model) Status(s run.ProjectStatus) Status {
	switch {
	case s.Partial() && s.Done():
		return StatusPart
	case s.Overtaken != nil && (s.Done() || s.Apply == nil && s.Empty()):
		return StatusOvertaken
	case s.Apply != nil:
		return m.ApplyStatus(*s.Apply)
	case s.Plan.State != run.JobSucceeded:
		return StatusNoPlan
	case s.Empty() && s.Partial():
		return StatusPartOnly
	case s.Empty():
		return StatusNoChanges
	case s.Untouched():
		return StatusUntouched
	case m.NoApply[s.Plan.Document.Environment.Name]:
		return StatusNoApply
	case s.Plan.Document.Project.AfterMerge, s.PlanOnly():
		return StatusLater
	}
	return StatusOpen
}

// codeInterrupted is the problem of an apply that ended in the middle: nobody
// knows what it did.
const codeInterrupted = "interrupted"

// ApplyStatus is how far the job of an apply is.
func (m Model) ApplyStatus(j run.Job) Status {
	if j.State != run.JobSucceeded && j.Result != nil && j.Result.Problem != nil && j.Result.Problem.Code == codeInterrupted {
		return StatusInterrupted
	}
	switch j.State {
	case run.JobSucceeded:
		return StatusApplied
	case run.JobFailed:
		return StatusFailed
	case run.JobCancelled:
		return StatusCancelled
	case run.JobSkipped:
		return StatusSkipped
	case run.JobRunning:
		return StatusApplying
	}
	if m.Apply != nil && m.Apply.Ending() {
		return StatusStopping
	}
	return StatusWaiting
}

// Later reports whether a project is not for /apply: the merge applies it, or
// nobody from here.
func (m Model) Later(s run.ProjectStatus) bool {
	return s.Untouched() || s.PlanOnly() || s.Plan.Document.Project.AfterMerge || m.NoApply[s.Plan.Document.Environment.Name]
}

// Narrowed reports whether nothing is left to do but a whole plan.
func (m Model) Narrowed(s run.ProjectStatus) bool {
	return m.Status(s) == StatusPart || m.Status(s) == StatusPartOnly
}

// Open reports whether /apply may take the plan, if the gate lets it.
func (m Model) Open(s run.ProjectStatus) bool {
	return m.Status(s) == StatusOpen && !s.Speculative() && !m.Released(s) && !m.ofAnother(s.PlanRun)
}

// Ready reports whether /apply may take everything that is left, if the gate
// lets it.
func (m Model) Ready() bool {
	return m.Some(m.Open) && !m.Some(func(s run.ProjectStatus) bool {
		return m.Status(s) == StatusNoPlan || m.Status(s) == StatusOpen && !m.Open(s)
	})
}

// Released reports whether the pull request no longer holds the locks under
// which the plan was made.
func (m Model) Released(s run.ProjectStatus) bool {
	doc := s.Plan.Document
	return doc.Fence > 0 && slices.ContainsFunc(run.LockKeys(doc), func(key string) bool { return !m.mine[key] })
}

// Some reports whether something holds of a project.
func (m Model) Some(is func(run.ProjectStatus) bool) bool {
	return slices.ContainsFunc(m.Projects, is)
}

// Has reports whether a project has one of these statuses.
func (m Model) Has(list ...Status) bool {
	return m.Some(func(s run.ProjectStatus) bool { return slices.Contains(list, m.Status(s)) })
}

// Having counts the projects of a status.
func (m Model) Having(one Status) int {
	n := 0
	for _, s := range m.Projects {
		if m.Status(s) == one {
			n++
		}
	}
	return n
}
