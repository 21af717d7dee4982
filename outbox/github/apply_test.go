package github

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// begun is an apply of a planned run that has just begun.
func begun(plan run.Run) run.Run {
	r := plan
	r.ID, r.Kind, r.Line, r.Actor, r.State, r.FinishedAt = "apply", run.KindApply, "/apply", "bob", run.StateRunning, time.Time{}
	r.CreatedAt, r.PreparedAt = viewtest.Noon.Add(time.Hour), viewtest.Noon.Add(time.Hour+time.Second)
	r.Jobs = slices.Clone(plan.Jobs)
	for i, j := range r.Jobs {
		r.Jobs[i] = run.Job{ID: run.JobID(r.ID, i), Document: j.Document, State: run.JobQueued}
		r.Jobs[i].Document.Plan = &run.JobPlan{JobID: j.ID}
	}
	return r
}

func ended(r run.Run, jobs run.JobState) run.Run {
	r.State, r.FinishedAt, r.Jobs = run.StateSucceeded, r.PreparedAt.Add(time.Minute), slices.Clone(r.Jobs)
	for i := range r.Jobs {
		r.Jobs[i].State, r.Jobs[i].Result = jobs, &run.Result{Outcome: run.OutcomeSucceeded}
		if jobs != run.JobSucceeded {
			r.State, r.Jobs[i].Result = run.StateFailed, &run.Result{Outcome: run.OutcomeFailed, Problem: &viewtest.BucketTaken}
		}
	}
	return r
}

func TestTheStartAndTheEndOfAnApplyCostSixCalls(t *testing.T) {
	for name, c := range map[string]struct {
		state  run.JobState
		checks []string
	}{
		"that succeeds": {run.JobSucceeded, []string{"lockkeeper/plan completed success", "lockkeeper/apply completed success"}},
		"that fails":    {run.JobFailed, []string{"lockkeeper/plan completed success", "lockkeeper/apply completed failure"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			plan := b.planned(1)
			b.store.setRun(started(plan), run.RefreshCheck(plan))
			b.drain()
			b.store.setRun(plan, atEnd(plan)...)
			b.drain()
			before := len(b.github.seen())

			r := begun(plan)
			b.store.setRun(r, atEnd(r)...)
			b.drain()
			if body := b.github.bodies(1)[0]; !strings.HasPrefix(body, "### Applying ") || strings.Contains(body, "apply `/apply`") {
				t.Errorf("while it runs, the comment is\n%s", body)
			}
			if got := b.github.checkStates(); !slices.Contains(got, "lockkeeper/apply in_progress") {
				t.Errorf("while it runs: %v", got)
			}
			r = ended(r, c.state)
			b.store.setRun(r, append(atEnd(r), run.Answer(r))...)
			b.drain()
			want := []string{"PATCH comment", "PATCH check", "PATCH check", "POST comment", "PATCH comment", "PATCH check"}
			if diff := cmp.Diff(want, b.github.seen()[before:]); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.checks, b.github.checkStates()); diff != "" {
				t.Error(diff)
			}
			if said := b.github.bodies(1); len(said) != 2 || !strings.HasPrefix(said[1], "@bob ") {
				t.Errorf("who asked is not told: %q", said)
			}
			b.store.put(append(atEnd(r), run.Answer(r))...)
			b.drain()
			if got := len(b.github.seen()) - before; got != 6 {
				t.Errorf("saying the same again made %d more calls", got-6)
			}
		})
	}
}

func TestALockThatChangesNothingForAPullRequestCostsNothing(t *testing.T) {
	b := newBench(t)
	plan := b.planned(12)
	b.store.setRun(started(plan), run.RefreshCheck(plan))
	b.drain()
	b.store.setRun(plan, atEnd(plan)...)
	b.drain()
	refresh := func(l viewtest.Locking) []string {
		before := len(b.github.seen())
		b.store.mu.Lock()
		b.store.locks = l.Locks
		b.store.mu.Unlock()
		b.store.put(run.RefreshComment(viewtest.Repository, 12))
		b.drain()
		return b.github.seen()[before:]
	}
	mine := viewtest.Locking{}.Held(12, "network-prod")
	if got := refresh(mine); len(got) != 0 {
		t.Errorf("a lock that nobody waits for made %v", got)
	}
	if got := refresh(mine.Held(4012, "else").Wants(4015, "else")); len(got) != 0 {
		t.Errorf("locks of others made %v", got)
	}
	if got := refresh(mine.Wants(4015, "network-prod")); !slices.Equal(got, []string{"PATCH comment"}) {
		t.Errorf("somebody who waits made %v", got)
	}
	if body := b.github.bodies(12)[0]; !strings.Contains(body, "#4015 waits for network-prod") {
		t.Errorf("the comment does not say who waits:\n%s", body)
	}
	if got := refresh(mine.Wants(4015, "network-prod")); len(got) != 0 {
		t.Errorf("the same again made %v", got)
	}
}

func TestApplyingLaterThanTheNewestRunsIsFound(t *testing.T) {
	b := newBench(t)
	plan := b.planned(1)
	b.store.setRun(plan)
	for i := range 2 * newestRuns { // applies say nothing about what was planned before them
		r := ended(begun(plan), run.JobFailed)
		r.ID, r.CreatedAt = "apply"+string(rune('a'+i)), viewtest.Noon.Add(time.Duration(i+1)*time.Hour)
		for k := range r.Jobs {
			r.Jobs[k].ID = run.JobID(r.ID, k)
		}
		b.store.setRun(r)
	}
	b.store.put(run.RefreshComment(viewtest.Repository, 1))
	b.drain()
	if body := b.github.bodies(1)[0]; !strings.HasPrefix(body, "### Apply failed: ") {
		t.Errorf("the comment:\n%s", body)
	}
}

// merging is a sink of merges alone.
type merging func() error

func (merging) Kinds() []run.NoticeKind { return []run.NoticeKind{run.NoticeMerge} }

func (m merging) Send(context.Context, run.Notice) error { return m() }

func TestAMergeComesBehindWhatItStandsOn(t *testing.T) {
	b := newBench(t)
	plan := b.planned(1)
	r := ended(begun(plan), run.JobSucceeded)
	var merged []string
	fails := 1
	b.sender.Sinks = append([]run.Sink{merging(func() error {
		merged = append(merged, strings.Join(b.github.checkStates(), ", "))
		if fails--; fails >= 0 {
			return &run.RetryError{Err: errors.New("try again")}
		}
		return nil
	})}, b.sender.Sinks...)
	b.store.setRun(plan)
	b.store.setRun(r, append([]run.Notice{run.MergePull(r)}, atEnd(r)...)...)
	b.drain()
	green := "lockkeeper/plan completed success, lockkeeper/apply completed success"
	if diff := cmp.Diff([]string{green, green}, merged); diff != "" {
		t.Errorf("what was on GitHub when it merged: %s", diff)
	}
}

func TestLocksThatCannotBeReadSendNothing(t *testing.T) {
	b := newBench(t)
	plan := b.planned(1)
	b.store.noLocks = errors.New("the disk is full")
	b.store.setRun(plan, atEnd(plan)...)
	b.round()
	b.wantCalls()
	b.store.noLocks = nil
	b.drain()
	b.wantCalls("POST comment", "POST check", "POST check")
}
