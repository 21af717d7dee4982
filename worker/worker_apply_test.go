package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// network is the one project that they are about.
var network = run.JobDocument{RepositoryID: 7, Project: run.JobProject{Name: "network", Dir: "network", Workspace: "default"}}

// planAndApply prepares plans of one project, and applies of the newest plan.
func planAndApply(f **workerFixture) func(context.Context, run.Run) (run.Preparation, error) {
	return func(ctx context.Context, r run.Run) (run.Preparation, error) {
		doc := network
		doc.Command = r.Kind
		p := run.Preparation{HeadSHA: "aaa", BaseRef: "main", Behind: (*f).behind, Untouched: (*f).untouched, Documents: []run.JobDocument{doc}}
		if r.Kind != run.KindApply {
			return p, nil
		}
		runs, err := (*f).store.PullRuns(ctx, 7, r.PullRequest, 50)
		if err != nil {
			return p, err
		}
		s := run.StatusAt(runs, "aaa")[0]
		p.Documents[0].Fence, p.Documents[0].Plan = s.Plan.Document.Fence, &run.JobPlan{JobID: s.Plan.ID}
		return p, nil
	}
}

func withApplies(t *testing.T, f func(*workerFixture)) {
	var fx *workerFixture
	withWorker(t, func(ctx context.Context, r run.Run) (run.Preparation, error) { return planAndApply(&fx)(ctx, r) },
		func(w *workerFixture) {
			fx = w
			f(w)
		})
}

func (f *workerFixture) ask(kind run.Kind, pull int) string {
	f.Helper()
	r := run.Run{ID: run.NewID(time.Now()), Key: fmt.Sprint(kind, pull, time.Now().UnixNano()), Kind: kind, Trigger: run.TriggerComment,
		State: run.StateAccepted, Subject: run.Subject{Repository: run.Repository{ID: 7}, PullRequest: pull}, CreatedAt: time.Now()}
	time.Sleep(time.Millisecond) // ids sort by time, and time stands still in a bubble
	if _, err := f.worker.Submit(f.Context(), r); err != nil {
		f.Fatal(err)
	}
	synctest.Wait()
	return r.ID
}

// end ends the one job of a run and returns the run.
func (f *workerFixture) end(id string, o run.Outcome) run.Run {
	f.Helper()
	f.backend.messages <- finished(run.JobID(id, 0), 1, o)
	return f.run(id)
}

func (f *workerFixture) run(id string) run.Run {
	f.Helper()
	synctest.Wait()
	r, err := f.store.Run(f.Context(), id)
	if err != nil {
		f.Fatal(err)
	}
	return r
}

func (f *workerFixture) notices() []string {
	f.Helper()
	due, err := f.store.DueNotices(f.Context(), time.Now(), 100)
	if err != nil {
		f.Fatal(err)
	}
	var out []string
	for _, n := range due {
		out = append(out, fmt.Sprintf("%s #%d", n.Kind, n.PullRequest))
	}
	return out
}

func TestASecondPullRequestWaitsForTheLockAndIsPlannedAgain(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		first := f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		second := f.end(f.ask(run.KindPlan, 2), run.OutcomeSucceeded)
		if first.Jobs[0].Document.Fence == 0 || len(first.Blocked) != 0 {
			t.Errorf("the first plan has no lock: %+v", first)
		}
		if len(second.Blocked) != 1 || second.Blocked[0].Holder.PullRequest != 1 || second.Blocked[0].Place != 1 {
			t.Errorf("the second plan is blocked by %+v", second.Blocked)
		}
		if !slices.Contains(f.notices(), "comment #1") || !slices.Contains(f.notices(), "comment #2") {
			t.Errorf("told of it: %v", f.notices())
		}
		if err := f.worker.Close(f.Context(), run.Repository{ID: 7}, 1, run.Over{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		runs, err := f.store.PullRuns(f.Context(), 7, 2, 10)
		if err != nil {
			t.Fatal(err)
		}
		again := runs[0]
		if len(runs) != 2 || again.Trigger != run.TriggerTurn || !slices.Equal(again.Selectors, []string{"network"}) {
			t.Fatalf("runs of the second: %+v", runs)
		}
		if again = f.end(again.ID, run.OutcomeSucceeded); len(again.Blocked) != 0 || again.Jobs[0].Document.Fence <= first.Jobs[0].Document.Fence {
			t.Errorf("the plan made in turn: %+v", again)
		}
	})
}

func TestAnApplyTakesItsPlanOnce(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		id := f.ask(run.KindApply, 1)
		if r := f.run(f.ask(run.KindApply, 1)); r.State != run.StateRefused || r.Problem.Code != "lock_lost" {
			t.Errorf("an apply beside another is %s: %+v", r.State, r.Problem)
		}
		released, busy, err := f.worker.Unlock(f.Context(), run.Subject{Repository: run.Repository{ID: 7}, PullRequest: 1}, nil)
		if err != nil || len(released) != 0 || !slices.Equal(busy, []string{"network"}) {
			t.Errorf("unlocked %v, busy %v, %v while an apply runs", released, busy, err)
		}
		if r := f.end(id, run.OutcomeSucceeded); r.State != run.StateSucceeded || f.backend.started(r.Jobs[0].ID) != 1 {
			t.Errorf("the apply is %s", r.State)
		}
		if !slices.Contains(f.notices(), "merge #1") {
			t.Errorf("nobody is asked to merge: %v", f.notices())
		}
		if r := f.run(f.ask(run.KindApply, 1)); r.State != run.StateRefused || r.Problem.Code != "plan_used" {
			t.Errorf("the second apply of a plan is %s: %+v", r.State, r.Problem)
		}
	})
}

// Found in use: a plan that was requested during an apply showed a state that was half
// applied, and its report took the place of the apply's.
func TestAPlanThatIsAskedForDuringAnApplyWaitsAndRunsWhenThatEnds(t *testing.T) {
	for name, outcome := range map[string]run.Outcome{"well": run.OutcomeSucceeded, "badly": run.OutcomeFailed} {
		t.Run("which ends "+name, func(t *testing.T) {
			withApplies(t, func(f *workerFixture) {
				f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
				apply := f.ask(run.KindApply, 1)
				plan := f.ask(run.KindPlan, 1)
				if r := f.run(plan); r.State != run.StateAccepted || r.WaitsFor([]run.Run{f.run(apply)}) == nil {
					t.Errorf("during the apply the plan is %s", r.State)
				}
				if !slices.Contains(f.notices(), "comment #1") {
					t.Errorf("nobody is told that it waits: %v", f.notices())
				}
				other := f.ask(run.KindPlan, 2)
				if r := f.run(other); r.State != run.StateRunning {
					t.Errorf("a plan of another pull request is %s", r.State)
				}
				f.end(apply, outcome)
				if r := f.run(plan); r.State != run.StateRunning || len(r.Blocked) != 0 {
					t.Errorf("after the apply the plan is %s, blocked %v", r.State, r.Blocked)
				}
			})
		})
	}
}

func TestAPlanOfOtherProjectsDoesNotWaitForAnApply(t *testing.T) {
	apply := run.Run{ID: "1", Kind: run.KindApply, State: run.StateRunning, Subject: run.Subject{PullRequest: 1}, Jobs: []run.Job{{Document: run.JobDocument{
		Project: run.JobProject{Name: "network-dev", Dir: "live/dev/network"}}}}}
	judged := run.Run{ID: "1", Kind: run.KindApply, State: run.StateAccepted, Subject: run.Subject{PullRequest: 1}}
	for _, c := range []struct {
		selectors string
		apply     run.Run
		waits     bool
	}{
		{"", apply, true}, {"network-dev", apply, true}, {"network-*", apply, true}, {"live/dev/network", apply, true}, {"live/dev/*", apply, true},
		{"live/dev", apply, true}, {"./live/dev/network/", apply, true}, {"orders-dev", apply, false}, {"orders-dev network-dev", apply, true},
		{"live/prod", apply, false}, {"net", apply, false}, {"orders-dev", judged, true},
	} {
		plan := run.Run{ID: "2", Kind: run.KindPlan, Trigger: run.TriggerComment, State: run.StateAccepted, Subject: run.Subject{PullRequest: 1}, Selectors: strings.Fields(c.selectors)}
		if got := plan.WaitsFor([]run.Run{c.apply}) != nil; got != c.waits {
			t.Errorf("/plan %s beside an apply that is %s waits: %v", c.selectors, c.apply.State, got)
		}
	}
	earlier := run.Run{ID: "0", Kind: run.KindPlan, Trigger: run.TriggerComment, State: run.StateAccepted, Subject: run.Subject{PullRequest: 1}}
	pushed := run.Run{ID: "2", Kind: run.KindPlan, Trigger: run.TriggerPush, State: run.StateAccepted, Subject: run.Subject{PullRequest: 1}}
	over, elsewhere := apply, apply
	over.State, elsewhere.PullRequest = run.StateFailed, 2
	if earlier.WaitsFor([]run.Run{judged}) != nil || pushed.WaitsFor([]run.Run{apply}) != nil || earlier.WaitsFor([]run.Run{over, elsewhere}) != nil {
		t.Error("a plan waits for an apply that was asked for later, is over, or is of another pull request, or a push waits")
	}
}

func TestT18AnApplyThatNobodyCanLookAtDoesNotBegin(t *testing.T) {
	for name, err := range map[string]error{"GitHub stays away": &run.Temporary{Err: errors.New("502")}, "something else": errors.New("no space left")} {
		t.Run(name, func(t *testing.T) {
			withApplies(t, func(f *workerFixture) {
				f.recheck = func(context.Context, run.Run) error { return err }
				f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
				id := f.ask(run.KindApply, 1)
				time.Sleep(time.Minute)
				if r := f.run(id); r.State != run.StateRunning {
					t.Errorf("after a minute: %s", r.State)
				}
				time.Sleep(time.Hour)
				r := f.run(id)
				if r.State != run.StateFailed || r.Jobs[0].Result.Problem == nil || r.Jobs[0].Result.Problem.Code != "recheck" {
					t.Errorf("after an hour: %s, %+v", r.State, r.Jobs[0].Result)
				}
				if started := f.backend.started(r.Jobs[0].ID); started > 0 {
					t.Errorf("the engine was asked %d times", started)
				}
			})
		})
	}
}

func TestT18TheLastLookBeforeAnApplyCounts(t *testing.T) {
	moved := &run.Problem{Code: "head_moved", Message: "moved"}
	for name, c := range map[string]struct {
		errs []error
		want run.State
		code string
	}{
		"all is as it was":      {nil, run.StateRunning, ""},
		"the head moved":        {[]error{moved}, run.StateFailed, "head_moved"},
		"GitHub was away":       {[]error{&run.Temporary{Err: errors.New("502")}, nil}, run.StateRunning, ""},
		"and then it had moved": {[]error{&run.Temporary{Err: errors.New("502")}, moved}, run.StateFailed, "head_moved"},
	} {
		t.Run(name, func(t *testing.T) {
			withApplies(t, func(f *workerFixture) {
				errs := c.errs
				f.recheck = func(context.Context, run.Run) error {
					if len(errs) == 0 {
						return nil
					}
					err := errs[0]
					errs = errs[1:]
					return err
				}
				f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
				id := f.ask(run.KindApply, 1)
				time.Sleep(time.Minute)
				r := f.run(id)
				if r.State != c.want {
					t.Fatalf("state %s", r.State)
				}
				if started := f.backend.started(r.Jobs[0].ID); (started > 0) != (c.code == "") {
					t.Errorf("the engine was asked %d times", started)
				}
				if c.code != "" && r.Jobs[0].Result.Problem.Code != c.code {
					t.Errorf("problem %+v", r.Jobs[0].Result.Problem)
				}
			})
		})
	}
}

// What waits in the backend for its turn has not begun.
func TestT18AnApplyThatWaitsInTheBackendIsLookedAtAgain(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		moves := time.Now().Add(time.Second)
		f.recheck = func(context.Context, run.Run) error {
			if time.Now().Before(moves) {
				return nil
			}
			return &run.Problem{Code: "base_moved", Message: "moved"}
		}
		f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		r := f.run(f.ask(run.KindApply, 1))
		if r.State != run.StateRunning || f.backend.started(r.Jobs[0].ID) == 0 {
			t.Fatalf("not with the backend: %+v", r)
		}
		time.Sleep(time.Minute) // of the bubble's clock: the next sweep
		if r = f.run(r.ID); r.State != run.StateCancelled || r.Jobs[0].State != run.JobCancelled {
			t.Errorf("state %s, job %s", r.State, r.Jobs[0].State)
		}
	})
}

// A lock that is given back in between makes the plan worthless, also when the
// same pull request takes it again.
func TestT32AnApplyNeedsTheFenceOfItsPlan(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		plan := f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		if _, _, err := f.worker.Unlock(f.Context(), plan.Pull(), nil); err != nil {
			t.Fatal(err)
		}
		if r := f.run(f.ask(run.KindApply, 1)); r.State != run.StateRefused {
			t.Errorf("an apply without the lock is %s", r.State)
		}
	})
}

// An apply that was refused before it began leaves nothing behind that a merge
// would have to wait for; one that may have changed something does.
func TestT37OnlyAnApplyThatBeganKeepsItsLockAfterTheMerge(t *testing.T) {
	for _, began := range []bool{false, true} {
		withApplies(t, func(f *workerFixture) {
			r := f.run(f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded).ID)
			id := f.ask(run.KindApply, 1)
			m := finished(run.JobID(id, 0), 1, run.OutcomeFailed)
			m.Result.Began = began
			f.backend.messages <- m
			f.run(id)
			if err := f.worker.Close(f.Context(), r.Repository, 1, run.Over{Merged: true}); err != nil {
				t.Fatal(err)
			}
			locks, err := f.store.Locks(f.Context())
			if err != nil {
				t.Fatal(err)
			}
			if held := len(locks.Held(r.Pull())) > 0; held != began {
				t.Errorf("began %v: the lock is held after the merge: %v", began, held)
			}
		})
	}
}

// What such an apply made is in no state, so its lock says more than that it failed.
func TestAnApplyThatLeftItsStateBesideTheBackendMarksItsLock(t *testing.T) {
	for code, want := range map[string]bool{run.CodeStateNotSaved: true, run.CodeStateNotRemote: true, "apply_failed": false} {
		withApplies(t, func(f *workerFixture) {
			r := f.run(f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded).ID)
			id := f.ask(run.KindApply, 1)
			m := finished(run.JobID(id, 0), 1, run.OutcomeFailed)
			m.Result.Began, m.Result.Problem = true, &run.Problem{Code: code, Message: "x"}
			f.backend.messages <- m
			f.run(id)
			locks, err := f.store.Locks(f.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range locks.Locks {
				if l.Holder.Is(r.Pull()) && (!l.Dirty || l.Astray != want) {
					t.Errorf("%s: %+v", code, l)
				}
			}
		})
	}
}
