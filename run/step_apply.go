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
	if r.Kind.Mutating() && r.CancelledBy == "" {
		return EffectWithdraw
	}
	return EffectCancel
}

// cancelAsked ends a run because a person says so, also one that something else
// ends already.
func (r *Run) cancelAsked(e CancelAsked) {
	if r.State.Final() || r.CancelledBy != "" {
		return
	}
	r.CancelledBy = e.By
	if r.State == StateAccepted {
		r.State, r.FinishedAt = StateCancelled, e.At
	}
}

// ready reports whether every project that comes before a job's own has been
// applied. Plans change nothing, so they need no order.
func (r *Run) ready(j Job) bool {
	return !r.Kind.Mutating() || !slices.ContainsFunc(r.Jobs, func(before Job) bool {
		return comesBefore(before, j) && before.State != JobSucceeded
	})
}

func comesBefore(a, b Job) bool {
	return slices.Contains(b.Document.Project.After, a.Document.Project.Name)
}

// skip gives up the jobs that wait for one that was not applied.
func (r *Run) skip(at time.Time) {
	if !r.Kind.Mutating() {
		return
	}
	for again := true; again; {
		again = false
		for i, j := range r.Jobs {
			if j.State != JobQueued {
				continue
			}
			n := slices.IndexFunc(r.Jobs, func(before Job) bool {
				return comesBefore(before, j) && before.State.Final() && before.State != JobSucceeded
			})
			if n >= 0 {
				r.Jobs[i].skipped(r.Jobs[n].Document.Project.Name, at)
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
