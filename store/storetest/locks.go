package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockkeeper/lockkeeper/run"
)

// Holder is a pull request.
func Holder(number int) run.Subject {
	return run.Subject{Repository: run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 5}, PullRequest: number}
}

// Change alters locks and saves nothing beside them.
func Change(t testing.TB, s Store, f func(*run.Locks)) {
	t.Helper()
	err := s.UpdateLocks(t.Context(), func(l *run.Locks) (run.Saved, error) { f(l); return run.Saved{}, nil })
	if err != nil {
		t.Fatal(err)
	}
}

// EveryKind puts something into each column.
func EveryKind(l *run.Locks) {
	at := Noon.Add(1234567 * time.Nanosecond) // finer than what is stored
	l.Claim(Holder(1), run.Claims(Documents("a", 2)), true, at)
	l.Claim(Holder(2), run.Claims(Documents("a", 1)), true, at)
	l.Claim(Holder(3), run.Claims(Documents("b", 1)), true, at)
	l.Claim(Holder(5), run.Claims(Documents("c", 1)), true, at)
	docs := Documents("a", 2)
	docs[0].Fence, docs[1].Fence = 2, 2
	if err := l.Begin(Holder(1), "run", docs[:1], at); err != nil {
		panic(err)
	}
	for i := range l.Locks {
		if l.Locks[i].Project == "b-0" {
			l.Locks[i].WarnedAt, l.Locks[i].Dirty, l.Locks[i].Astray, l.Locks[i].Applied, l.Locks[i].Closing = at, true, true, true, true
		}
	}
	l.Close(Holder(4), true, at)
	l.Release(Holder(5), nil)
	for i := range l.Locks {
		if l.Locks[i].Project == "c-0" || l.Locks[i].Key == "dir:7:infra/c-0//default" {
			l.Locks[i].Last = run.Applied{By: Holder(5), At: at, Merged: true}
		}
		if l.Locks[i].Project == "a-1" {
			l.Locks[i].Idle, l.Locks[i].Plan, l.Locks[i].Merged = true, "run", true
		}
	}
	l.Waiters[0].Idle = true
	l.LeaveBehind(Holder(6), run.Claims(Documents("d", 1))[0], true, at)
	l.LeaveBehind(Holder(7), run.Claims(Documents("d", 1))[0], false, at)
	l.Done = append(l.Done, run.Done{Key: "dir:7:infra/d-0//default", Holder: Holder(8)})
}

func (u suite) TestLocksThatAreReadBelongToTheReader(t *testing.T) {
	s := u.fresh(t)
	Change(t, s, EveryKind)
	l := Must[run.Locks](t)(s.Locks(t.Context()))
	before := fmt.Sprintf("%+v", l)
	l.Release(Holder(3), nil)
	l.Turns(Noon)
	l.Close(Holder(2), true, Noon)
	if after := fmt.Sprintf("%+v", Must[run.Locks](t)(s.Locks(t.Context()))); after != before {
		t.Errorf("what a reader did to its copy is seen by the next (-before +after):\n%s", cmp.Diff(before, after))
	}
}

func (u suite) TestAnUpdateOfLocksThatFailsChangesNothing(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	Must[bool](t)(s.CreateRun(ctx, Run("1", "k"), nil))
	Change(t, s, func(l *run.Locks) {
		EveryKind(l)
		l.Consumed = []run.Consumed{{PlanJob: "plan", ApplyJob: "apply"}}
	})
	before := Must[run.Locks](t)(s.Locks(ctx))
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		want error
		f    func(*run.Locks) error
	}{
		"change":         {boom, func(*run.Locks) error { return boom }},
		"consumed plan":  {run.ErrConsumed, func(l *run.Locks) error { l.Consumed = Consumed("new", "x", "plan", "other"); return nil }},
		"consumed twice": {run.ErrConsumed, func(l *run.Locks) error { l.Consumed = Consumed("new", "x", "new", "y"); return nil }},
		"lost fence":     {nil, func(l *run.Locks) error { l.Locks = l.Locks[1:]; return nil }},
		"fence back":     {nil, func(l *run.Locks) error { l.Locks[0].Fence--; return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.UpdateRunAndLocks(ctx, "1", func(r *run.Run, l *run.Locks) (run.Saved, error) {
				r.State = run.StateFailed
				l.Release(Holder(1), nil)
				l.Claim(Holder(9), run.Claims(Documents("x", 1)), true, Noon)
				return run.Saved{Runs: []run.Run{Run("2", "k2")}, Notices: []run.Notice{run.RefreshCheck(*r)}}, test.f(l)
			})
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if d := cmp.Diff(before, Must[run.Locks](t)(s.Locks(ctx)), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("locks (-before +after):\n%s", d)
			}
			if got := Must[run.Run](t)(s.Run(ctx, "1")); got.State != run.StateAccepted {
				t.Errorf("state %s", got.State)
			}
			if _, err := s.Run(ctx, "2"); !errors.Is(err, run.ErrNotFound) {
				t.Errorf("the new run: %v", err)
			}
			if due := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 10)); len(due) != 0 {
				t.Errorf("notices %v", due)
			}
		})
	}
	Change(t, s, func(l *run.Locks) { l.Consumed = Consumed("new", "z") }) // none of them took it
	if _, err := s.UpdateRunAndLocks(ctx, "none", nil); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

// Consumed are plans and, after each, the apply that it was given to.
func Consumed(pairs ...string) (out []run.Consumed) {
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, run.Consumed{PlanJob: pair[0], ApplyJob: pair[1]})
	}
	return out
}

// TestT32APlanIsGivenOnce gives a plan to many applies at once.
func (u suite) TestT32APlanIsGivenOnce(t *testing.T) {
	place := t.TempDir()
	s := u.open(t, place, true)
	results := make(chan error)
	for i := range 20 {
		go func() {
			results <- s.UpdateLocks(context.Background(), func(l *run.Locks) (run.Saved, error) {
				l.Consumed = Consumed("plan", fmt.Sprint(i))
				return run.Saved{}, nil
			})
		}()
	}
	given := 0
	for range 20 {
		switch err := <-results; {
		case err == nil:
			given++
		case !errors.Is(err, run.ErrConsumed):
			t.Error(err)
		}
	}
	if given != 1 {
		t.Errorf("given %d times", given)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = u.open(t, place, true)
	if err := s.Sweep(t.Context(), time.Now().Add(1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	err := s.UpdateLocks(t.Context(), func(l *run.Locks) (run.Saved, error) {
		l.Consumed = Consumed("plan", "late")
		return run.Saved{}, nil
	})
	if !errors.Is(err, run.ErrConsumed) {
		t.Errorf("error %v, want ErrConsumed", err)
	}
}

// TestAPlanIsGivenToTheSameApplyAgain is about an update that is done again
// because nobody knew whether it was done.
func (u suite) TestAPlanIsGivenToTheSameApplyAgain(t *testing.T) {
	s := u.fresh(t)
	for range 2 {
		Change(t, s, func(l *run.Locks) { l.Consumed = Consumed("plan", "apply") })
	}
}

func (u suite) TestRunsAndNoticesAreSavedWithLocks(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	Must[bool](t)(s.CreateRun(ctx, Run("1", "k"), nil))
	Must[run.Run](t)(s.UpdateRun(ctx, "1", func(r *run.Run) ([]run.Notice, error) { r.Behind++; return nil, nil })) // it is in memory now
	saved := run.Saved{
		Runs:    []run.Run{Run("2", "new"), Run("3", "k")}, // one has a key that is there
		Notices: []run.Notice{run.RefreshComment(run.Repository{ID: 7}, 3)},
	}
	r := Must[run.Run](t)(s.UpdateRunAndLocks(ctx, "1", func(r *run.Run, l *run.Locks) (run.Saved, error) {
		r.State = run.StateRunning
		EveryKind(l)
		return saved, nil
	}))
	if got := Must[run.Run](t)(s.Run(ctx, "1")); r.State != run.StateRunning || got.State != run.StateRunning {
		t.Errorf("states %s and %s", r.State, got.State)
	}
	Must[run.Run](t)(s.Run(ctx, "2"))
	if _, err := s.Run(ctx, "3"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("a second run with one key: %v", err)
	}
	if due := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 10)); len(due) != 1 {
		t.Errorf("notices %v", due)
	}
}

func (u suite) TestAPlaceInTheLineIsNeverGivenTwice(t *testing.T) {
	place := t.TempDir()
	for want := range int64(3) {
		s := u.open(t, place, true)
		Change(t, s, func(l *run.Locks) {
			l.Claim(Holder(1), run.Claims(Documents("p", 1)), true, Noon)
			l.Claim(Holder(2), run.Claims(Documents("p", 1)), true, Noon)
			if got := l.Waiters[0].ID; got != want+2 { // who has the lock took one, too
				t.Errorf("place %d, want %d", got, want+2)
			}
			l.Release(Holder(2), nil)
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Documents are those of n projects.
func Documents(prefix string, n int) []run.JobDocument {
	docs := make([]run.JobDocument, n)
	for i := range docs {
		name := fmt.Sprintf("%s-%d", prefix, i)
		docs[i] = run.JobDocument{RepositoryID: 7, Project: run.JobProject{Name: name, Dir: "infra/" + name, Workspace: "default", State: "s3/acme/" + name}}
	}
	return docs
}
