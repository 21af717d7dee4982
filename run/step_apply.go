package run

import (
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
)

// ending is how a job of a run that ends before its time is ended. A push, a
// close or an objection stops what has not begun to change anything; only a
// person interrupts what has.
func (r *Run) ending() EffectKind {
	if r.Kind.Traits().Changes && r.CancelledBy == "" {
		return EffectWithdraw
	}
	return EffectCancel
}

// cancelRequested ends a run because a person says so, also one that something else
// ends already.
func (r *Run) cancelRequested(e CancelRequested) {
	if r.State.Final() || r.CancelledBy != "" {
		return
	}
	r.CancelledBy = e.By
	if r.State == StateAccepted {
		r.State, r.FinishedAt = StateCancelled, e.At
	}
}

// order says which jobs each job waits for: those of the projects that come before
// its own, where the order matters.
func (r *Run) order() {
	if !r.Kind.Traits().Ordered {
		return
	}
	for i, j := range r.Jobs {
		for _, before := range r.Jobs {
			if slices.Contains(j.Document.Project.After, before.Document.Project.Name) {
				r.Jobs[i].Needs = append(r.Jobs[i].Needs, before.ID)
			}
		}
	}
}

// ready reports whether every job that a job needs has succeeded.
func (r *Run) ready(j Job) bool {
	return !slices.ContainsFunc(j.Needs, func(id string) bool { return r.Job(id).State != JobSucceeded })
}

// skip gives up the jobs that wait for one that did not succeed.
func (r *Run) skip(at time.Time) {
	for again := true; again; {
		again = false
		for i, j := range r.Jobs {
			if j.State != JobQueued {
				continue
			}
			n := slices.IndexFunc(j.Needs, func(id string) bool { s := r.Job(id).State; return s.Final() && s != JobSucceeded })
			if n >= 0 {
				r.Jobs[i].skipped(r.Job(j.Needs[n]).Document.Project.Name, at)
				again = true
			}
		}
	}
}

func (j *Job) skipped(because string, at time.Time) {
	j.State, j.FinishedAt = JobSkipped, at
	j.Result = &Result{Outcome: OutcomeCancelled, Problem: &Problem{
		Code: "skipped",
		Message: "It comes after " + markdown.Quote(because) + ", which was not applied. Its plan was not used, but it was made for " +
			"one apply: comment `/plan`, then `/apply`.",
	}}
}
