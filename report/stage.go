package report

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// stage is how far a pull request is at one commit, in one word.
type stage int

const (
	planned     stage = iota // or being planned
	speculative              // planned without the locks
	applying
	applyFailed  // a project was not applied, or nobody knows
	applyStopped // a project was not begun
	partlyApplied
	allApplied
)

func (p picked) stage() stage {
	switch {
	case p.apply != nil && !p.apply.State.Final():
		return applying
	case p.apply == nil || p.active() || p.elsewhere():
		if p.some(run.Standing.Speculative) && !p.some(p.open) {
			return speculative
		}
		return planned
	case p.has(statusFailed, statusInterrupted):
		return applyFailed
	case p.has(statusCancelled, statusSkipped):
		return applyStopped
	case p.some(func(s run.Standing) bool { return !p.later(s) && !s.Applied() }):
		return partlyApplied
	}
	return allApplied
}

// status is how far one project is, in words.
type status string

const (
	statusFailed      status = "failed"
	statusInterrupted status = "interrupted"
	statusCancelled   status = "cancelled"
	statusSkipped     status = "skipped"
	statusApplying    status = "applying"
	statusStopping    status = "stopping"
	statusWaiting     status = "waiting"
	statusApplied     status = "applied"
	statusPart        status = "applied in part"
	statusOvertaken   status = "changed by another since"
	statusOpen        status = "not applied"
	statusNoPlan      status = "not planned"
	statusLater       status = "left for the merge"
	statusNoApply     status = "not applied here"
	statusUntouched   status = "not changed here"
	statusPartOnly    status = "planned in part"
	statusNoChanges   status = "no changes"
)

// statuses lists every status, the one that needs a person most first.
var statuses = []status{statusInterrupted, statusFailed, statusCancelled, statusSkipped, statusApplying, statusStopping, statusWaiting,
	statusOvertaken, statusApplied, statusPart, statusOpen, statusNoPlan, statusLater, statusNoApply, statusUntouched, statusPartOnly, statusNoChanges}

func (p picked) status(s run.Standing) status {
	switch {
	case s.Partial() && s.Done():
		return statusPart
	case s.Overtaken != nil && (s.Done() || s.Apply == nil && s.Empty()):
		return statusOvertaken
	case s.Apply != nil:
		return p.applyStatus(*s.Apply)
	case s.Plan.State != run.JobSucceeded:
		return statusNoPlan
	case s.Empty() && s.Partial():
		return statusPartOnly
	case s.Empty():
		return statusNoChanges
	case s.Untouched():
		return statusUntouched
	case p.noApply[s.Plan.Document.Environment.Name]:
		return statusNoApply
	case s.Plan.Document.Project.AfterMerge, s.PlanOnly():
		return statusLater
	}
	return statusOpen
}

// codeInterrupted is the problem of an apply that ended in the middle: nobody
// knows what it did.
const codeInterrupted = "interrupted"

func (p picked) applyStatus(j run.Job) status {
	if j.State != run.JobSucceeded && j.Result != nil && j.Result.Problem != nil && j.Result.Problem.Code == codeInterrupted {
		return statusInterrupted
	}
	switch j.State {
	case run.JobSucceeded:
		return statusApplied
	case run.JobFailed:
		return statusFailed
	case run.JobCancelled:
		return statusCancelled
	case run.JobSkipped:
		return statusSkipped
	case run.JobRunning:
		return statusApplying
	}
	if p.apply != nil && p.apply.Ending() {
		return statusStopping
	}
	return statusWaiting
}

// later reports whether a project is not for /apply: the merge applies it, or
// nobody from here.
func (p picked) later(s run.Standing) bool {
	return s.Untouched() || s.PlanOnly() || s.Plan.Document.Project.AfterMerge || p.noApply[s.Plan.Document.Environment.Name]
}

// narrowed reports whether nothing is left to do but a whole plan.
func (p picked) narrowed(s run.Standing) bool {
	return p.status(s) == statusPart || p.status(s) == statusPartOnly
}

// open reports whether /apply may take the plan, if the gate lets it.
func (p picked) open(s run.Standing) bool {
	return p.status(s) == statusOpen && !s.Speculative() && !p.released(s) && !p.ofAnother(s.PlanRun)
}

// ready reports whether /apply may take everything that is left, if the gate
// lets it.
func (p picked) ready() bool {
	return p.some(p.open) && !p.some(func(s run.Standing) bool {
		return p.status(s) == statusNoPlan || p.status(s) == statusOpen && !p.open(s)
	})
}

// released reports whether the pull request no longer holds the locks under
// which the plan was made.
func (p picked) released(s run.Standing) bool {
	doc := s.Plan.Document
	return doc.Fence > 0 && slices.ContainsFunc(run.LockKeys(doc), func(key string) bool { return !p.mine[key] })
}

func (p picked) some(is func(run.Standing) bool) bool { return slices.ContainsFunc(p.standings, is) }

func (p picked) has(list ...status) bool {
	return p.some(func(s run.Standing) bool { return slices.Contains(list, p.status(s)) })
}

// having counts the projects of a status.
func (p picked) having(one status) int {
	n := 0
	for _, s := range p.standings {
		if p.status(s) == one {
			n++
		}
	}
	return n
}
