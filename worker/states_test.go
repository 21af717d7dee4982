package worker_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

var oneRepository = run.Repository{ID: 7}

func holderOf(pull int) run.Subject { return run.Subject{Repository: oneRepository, PullRequest: pull} }

// empty ends the plan of a run with no changes.
func (f *workerFixture) empty(id string) run.Run {
	f.Helper()
	m := finished(run.JobID(id, 0), 1, run.OutcomeSucceeded)
	m.Result.Counts = &run.Counts{}
	f.backend.messages <- m
	return f.run(id)
}

func (f *workerFixture) locks() run.Locks {
	f.Helper()
	synctest.Wait()
	l, err := f.store.Locks(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	return l
}

func (f *workerFixture) close(pull int, merged bool) {
	f.Helper()
	f.over(pull, run.Over{Merged: merged, HeadSHA: "aaa", BaseRef: "main"})
}

func (f *workerFixture) over(pull int, over run.Over) {
	f.Helper()
	if err := f.worker.Close(f.Context(), oneRepository, pull, over); err != nil {
		f.Fatal(err)
	}
	synctest.Wait()
}

// applied plans and applies a pull request.
func (f *workerFixture) applied(pull int) {
	f.Helper()
	f.end(f.ask(run.KindPlan, pull), run.OutcomeSucceeded)
	if r := f.end(f.ask(run.KindApply, pull), run.OutcomeSucceeded); r.State != run.StateSucceeded {
		f.Fatalf("the apply is %s: %+v", r.State, r.Problem)
	}
}

// standing is how far the pull request's one project is.
func (f *workerFixture) standing(pull int) run.ProjectStatus {
	f.Helper()
	runs, err := f.store.PullRuns(f.Context(), 7, pull, 50)
	if err != nil {
		f.Fatal(err)
	}
	return f.locks().Overtake(run.StatusAt(runs, "aaa"))[0]
}

// replies are the answers that stand in the outbox of a pull request.
func (f *workerFixture) replies(pull int) (out []string) {
	f.Helper()
	due, err := f.store.DueNotices(f.Context(), time.Now().Add(time.Hour), 1000)
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range due {
		if n.Kind == run.NoticeReply && n.PullRequest == pull && n.Body != "" {
			out = append(out, n.Body)
		}
	}
	return out
}

func TestAFailedPlanGivesItsLockOn(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		failed := f.end(f.ask(run.KindPlan, 1), run.OutcomeFailed)
		second := f.end(f.ask(run.KindPlan, 2), run.OutcomeSucceeded)
		if len(failed.Blocked)+len(second.Blocked) > 0 {
			t.Fatalf("blocked by a plan that failed: %+v", second.Blocked)
		}
		if r := f.run(f.ask(run.KindApply, 1)); r.State != run.StateRefused {
			t.Errorf("an apply whose lock was given on is %s", r.State)
		}
		f.end(f.ask(run.KindPlan, 3), run.OutcomeSucceeded)
		again := f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		if len(again.Blocked) != 1 || again.Blocked[0].Holder.PullRequest != 2 || again.Blocked[0].Place != 1 {
			t.Errorf("planned again behind the one in between: %+v", again.Blocked)
		}
	})
}

func TestWhoWaitsHasTheLockOfAPlanThatTurnsOutEmpty(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		first := f.ask(run.KindPlan, 1)
		if second := f.end(f.ask(run.KindPlan, 2), run.OutcomeSucceeded); len(second.Blocked) != 1 {
			t.Fatalf("not behind a plan that is being made: %+v", second.Blocked)
		}
		f.empty(first)
		runs, err := f.store.PullRuns(f.Context(), 7, 2, 10)
		if err != nil || len(runs) != 2 || runs[0].Trigger != run.TriggerTurn {
			t.Fatalf("the second's turn has not come: %+v, %v", runs, err)
		}
		f.end(runs[0].ID, run.OutcomeSucceeded)
		if !f.standing(1).Applied() {
			t.Error("nothing is applied since, and the plan without changes does not count")
		}
		f.end(f.ask(run.KindApply, 2), run.OutcomeSucceeded)
		if f.standing(1).Applied() {
			t.Error("another pull request applied since, and the plan without changes counts")
		}
		if n := f.notices(); !slices.Contains(n, "check #1") || !slices.Contains(n, "comment #1") {
			t.Errorf("the first is not told: %v", n)
		}
		f.close(2, true)
		if runs, err = f.store.PullRuns(f.Context(), 7, 1, 10); err != nil || runs[0].Trigger != run.TriggerTurn {
			t.Errorf("the first is not planned again when the lock is free: %+v, %v", runs, err)
		}
	})
}

func TestADraftGivesItsLockOn(t *testing.T) {
	var fx *workerFixture
	draft := true
	withWorker(t, func(ctx context.Context, r run.Run) (run.Preparation, error) {
		p, err := planAndApply(&fx)(ctx, r)
		if draft {
			p.Drafts = []string{"network"}
		}
		return p, err
	}, func(f *workerFixture) {
		fx = f
		f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		draft = false
		if second := f.end(f.ask(run.KindPlan, 2), run.OutcomeSucceeded); len(second.Blocked) > 0 {
			t.Errorf("blocked by a draft: %+v", second.Blocked)
		}
	})
}

func TestAnEmptyPlanOfWhatIsAppliedKeepsItsLock(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.applied(1)
		f.empty(f.ask(run.KindPlan, 1))
		if second := f.end(f.ask(run.KindPlan, 2), run.OutcomeSucceeded); len(second.Blocked) != 1 {
			t.Error("what is applied and not merged was given on")
		}
	})
}

func TestAnotherOnesApplyOvertakesTheFirst(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.applied(1)
		if !f.standing(1).Applied() {
			t.Fatal("not applied")
		}
		if _, _, err := f.worker.Unlock(f.Context(), holderOf(1), nil); err != nil {
			t.Fatal(err)
		}
		f.end(f.ask(run.KindPlan, 2), run.OutcomeSucceeded)
		if last := f.locks().LastApplied(f.standing(2).Plan.Document); !last.Foreign(holderOf(2)) {
			t.Errorf("whose work the second would undo: %+v", last)
		}
		f.end(f.ask(run.KindApply, 2), run.OutcomeSucceeded)
		if s := f.standing(1); s.Applied() || s.Overtaken == nil || s.Overtaken.By.PullRequest != 2 {
			t.Errorf("the first is still applied: %+v", s.Overtaken)
		}
		if n := f.notices(); !slices.Contains(n, "check #1") {
			t.Errorf("its check stays: %v", n)
		}
		f.close(1, true)
		if l := f.locks(); len(l.Left) != 1 || !l.Left[0].Merged {
			t.Errorf("it was merged, and what it made is undone: %+v", l.Left)
		}
	})
}

func TestMergedWithoutApplyIsSaidOnceAndUntilItIsPutRight(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		f.close(1, true)
		f.close(1, true)
		said := f.replies(1)
		if len(said) != 1 || !strings.Contains(said[0], "**Merged, but not applied**: `network`") {
			t.Fatalf("said: %q", said)
		}
		f.end(f.ask(run.KindPlan, 2), run.OutcomeSucceeded)
		if l := f.locks(); len(l.Left) != 1 || l.Left[0].Holder.PullRequest != 1 {
			t.Fatalf("left: %+v", l.Left)
		}
		f.end(f.ask(run.KindApply, 2), run.OutcomeSucceeded)
		if l := f.locks(); len(l.Left) != 0 {
			t.Errorf("another pull request applied it: %+v", l.Left)
		}
	})
}

func TestWhatIsLeftIsAcceptedByItsOwnUnlock(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		f.close(1, true)
		if _, _, err := f.worker.Unlock(f.Context(), holderOf(2), []string{"network"}); err != nil || len(f.locks().Left) != 1 {
			t.Errorf("after another one's: %+v, %v", f.locks().Left, err)
		}
		if released, _, err := f.worker.Unlock(f.Context(), holderOf(1), []string{"network"}); err != nil || !slices.Equal(released, []string{"network"}) ||
			len(f.locks().Left) != 0 {
			t.Errorf("after its own: %v, %+v, %v", released, f.locks().Left, err)
		}
	})
}

func TestClosedAfterAnApplyIsSaidAndEndsWithAReopening(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.applied(1)
		f.close(1, false)
		if said := f.replies(1); len(said) != 1 || !strings.Contains(said[0], "**Closed after an apply**: `network`") {
			t.Fatalf("said: %q", said)
		}
		if l := f.locks(); len(l.Left) != 1 || l.Left[0].Merged || len(l.Held(holderOf(1))) != 0 {
			t.Fatalf("left: %+v", l.Left)
		}
		time.Sleep(time.Second)
		f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded) // as after a reopening
		if l := f.locks(); len(l.Left) != 0 || !l.Locks[0].Applied {
			t.Errorf("it is open again, applied and not merged: %+v", l)
		}
	})
}

func TestAMergeOfWhatIsAppliedLeavesNothing(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.applied(1)
		f.close(1, true)
		f.empty(f.ask(run.KindPlan, 2))
		f.close(2, true)
		if l := f.locks(); len(l.Left) != 0 || len(f.replies(1))+len(f.replies(2)) != 0 {
			t.Errorf("left: %+v", l.Left)
		}
		if last := f.locks().Locks[0].Last; last.Foreign(holderOf(3)) {
			t.Errorf("what was merged counts as somebody's work: %+v", last)
		}
	})
}

// A merge that comes before the apply begins withdraws it.
func TestAnApplyThatIsWithdrawnByTheMergeLeavesItsProject(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		id := f.ask(run.KindApply, 1)
		f.close(1, true)
		if r := f.run(id); r.State != run.StateCancelled {
			t.Fatalf("the apply is %s", r.State)
		}
		if l := f.locks(); len(l.Left) != 1 || !l.Left[0].Merged || len(f.replies(1)) != 1 {
			t.Errorf("left %+v, said %q", l.Left, f.replies(1))
		}
	})
}

func TestWhatIsLeftByAnApplyUnderWayIsKnownAtItsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		merged       bool
		clean, dirty []string
		want         string
	}{
		"applied after the merge":          {merged: true, clean: []string{"a"}},
		"failed after the merge":           {merged: true, dirty: []string{"a"}, want: "merged"},
		"nothing done after the merge":     {merged: true, want: "merged"},
		"applied after the close":          {clean: []string{"a"}, want: "closed"},
		"failed in part after the close":   {dirty: []string{"a"}, want: "closed"},
		"nothing was done after the close": {},
	} {
		var l run.Locks
		now := time.Unix(1, 0)
		doc := run.JobDocument{RepositoryID: 7, Project: run.JobProject{Name: "a", Dir: "a", Workspace: "default"}}
		fences, _ := l.Claim(holderOf(1), run.Claims([]run.JobDocument{doc}), true, now)
		doc.Fence = fences["a"]
		if err := l.Begin(holderOf(1), "r", []run.JobDocument{doc}, now); err != nil {
			t.Fatal(err)
		}
		l.Close(holderOf(1), c.merged, now)
		l.End("r", c.clean, c.dirty, nil, now)
		got := ""
		if len(l.Left) == 1 {
			got = map[bool]string{true: "merged", false: "closed"}[l.Left[0].Merged]
		}
		if got != c.want {
			t.Errorf("%s: left %q, want %q", name, got, c.want)
		}
	}
}

// A lock that a person gave back is no longer there to remember what was applied
// under it, and what was applied still runs.
func TestClosedAfterAnApplyAndAnUnlockIsSaid(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.applied(1)
		if _, _, err := f.worker.Unlock(f.Context(), holderOf(1), nil); err != nil {
			f.Fatal(err)
		}
		f.close(1, false)
		f.close(1, false)
		if left := f.locks().Left; len(left) != 1 || left[0].Merged || !left[0].Holder.Is(holderOf(1)) || left[0].Project == "" {
			t.Fatalf("left: %+v", left)
		}
		if said := f.replies(1); len(said) != 1 || !strings.Contains(said[0], "**Closed after an apply**") {
			t.Errorf("said: %q", said)
		}
		f.applied(2)
		if left := f.locks().Left; len(left) > 0 {
			t.Errorf("another one has applied it since: %+v", left)
		}
	})
}

func TestClosedAfterAnApplyThatAnotherOneReplacedLeavesNothing(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.applied(1)
		if _, _, err := f.worker.Unlock(f.Context(), holderOf(1), nil); err != nil {
			f.Fatal(err)
		}
		f.applied(2)
		f.close(1, false)
		if left := f.locks().Left; len(left) > 0 {
			t.Errorf("left: %+v", left)
		}
	})
}

// What was pushed after the apply is merged, too, and nobody knows what it changes.
func TestAMergeOfACommitThatWasNeverPlannedIsSaid(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.applied(1)
		time.Sleep(time.Second)
		pushed := run.Run{ID: run.NewID(time.Now()), Key: "push", Subject: run.Subject{Repository: oneRepository, PullRequest: 1}, Kind: run.KindPlan, Trigger: run.TriggerPush,
			HeadSHA: "bbb", State: run.StateCancelled, CreatedAt: time.Now()}
		if _, _, err := f.store.SubmitRun(f.Context(), pushed, nil, func(run.Run) bool { return false }); err != nil {
			f.Fatal(err)
		}
		f.over(1, run.Over{Merged: true})
		if left := f.locks().Left; len(left) != 1 || !left[0].Merged {
			t.Errorf("left: %+v", left)
		}
	})
}

// What GitHub merged is what counts, whatever runs know of.
func TestAMergeOfAnotherCommitOrBaseThanWasAppliedIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		over run.Over
		left int
	}{
		"what was applied":                             {run.Over{Merged: true, HeadSHA: "aaa", BaseRef: "main"}, 0},
		"nobody knows more":                            {run.Over{Merged: true}, 0},
		"pushed after the apply and never planned":     {run.Over{Merged: true, HeadSHA: "bbb", BaseRef: "main"}, 1},
		"retargeted after the apply and never planned": {run.Over{Merged: true, HeadSHA: "aaa", BaseRef: "release"}, 1},
		"closed, and what was applied is left anyway":  {run.Over{HeadSHA: "bbb", BaseRef: "main"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			withApplies(t, func(f *workerFixture) {
				f.applied(1)
				f.over(1, c.over)
				if left := f.locks().Left; len(left) != c.left || c.left > 0 && left[0].Merged != c.over.Merged {
					t.Errorf("left: %+v", left)
				}
				if said := f.replies(1); len(said) != c.left {
					t.Errorf("said: %q", said)
				}
			})
		})
	}
}
