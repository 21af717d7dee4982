package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockkeeper/lockkeeper/run"
)

func holder(number int) run.Holder {
	return run.Holder{Repository: run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 5}, PullRequest: number}
}

// change alters locks and saves nothing beside them.
func change(t testing.TB, s *SQLite, f func(*run.Locks)) {
	t.Helper()
	err := s.UpdateLocks(t.Context(), func(l *run.Locks) (run.Saved, error) { f(l); return run.Saved{}, nil })
	if err != nil {
		t.Fatal(err)
	}
}

// everything puts something into each column.
func everything(l *run.Locks) {
	at := noon.Add(1234567 * time.Nanosecond) // finer than what is kept
	l.Claim(holder(1), run.Claims(documents("a", 2)), true, at)
	l.Claim(holder(2), run.Claims(documents("a", 1)), true, at)
	l.Claim(holder(3), run.Claims(documents("b", 1)), true, at)
	l.Claim(holder(5), run.Claims(documents("c", 1)), true, at)
	docs := documents("a", 2)
	docs[0].Fence, docs[1].Fence = 2, 2
	if err := l.Begin(holder(1), "run", docs[:1], at); err != nil {
		panic(err)
	}
	for i := range l.Locks {
		if l.Locks[i].Project == "b-0" {
			l.Locks[i].WarnedAt, l.Locks[i].Dirty, l.Locks[i].Astray, l.Locks[i].Applied, l.Locks[i].Closing = at, true, true, true, true
		}
	}
	l.Close(holder(4), true, at)
	l.Release(holder(5), nil)
	for i := range l.Locks {
		if l.Locks[i].Project == "c-0" || l.Locks[i].Key == "dir:7:infra/c-0//default" {
			l.Locks[i].Last = run.Applied{By: holder(5), At: at, Merged: true}
		}
		if l.Locks[i].Project == "a-1" {
			l.Locks[i].Idle, l.Locks[i].Plan, l.Locks[i].Merged = true, "run", true
		}
	}
	l.Waiters[0].Idle = true
	l.LeaveBehind(holder(6), run.Claims(documents("d", 1))[0], true, at)
	l.LeaveBehind(holder(7), run.Claims(documents("d", 1))[0], false, at)
	l.Done = append(l.Done, run.Done{Key: "dir:7:infra/d-0//default", Holder: holder(8)})
}

func TestLocksAreReadAsTheyWereWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	s := open(t, file)
	change(t, s, everything)
	kept := must[run.Locks](t)(s.Locks(t.Context()))
	if len(kept.Left) != 2 || len(kept.Done) != 1 || !kept.Waiters[0].Idle {
		t.Fatalf("kept: %+v", kept)
	}
	if len(kept.Locks) != 8 || len(kept.Waiters) != 1 || len(kept.Closed) != 1 || kept.LastWaiter != 4 {
		t.Fatalf("kept: %+v", kept)
	}
	if _, known := s.locks.get(); !known {
		t.Error("the next change reads all rows again")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	read := must[run.Locks](t)(open(t, file).Locks(t.Context()))
	if d := cmp.Diff(kept, read); d != "" {
		t.Errorf("(-in memory +on disk):\n%s", d)
	}
	var want run.Locks
	everything(&want)
	soon := cmpopts.EquateApproxTime(time.Millisecond)
	if d := cmp.Diff(want, read, soon, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-written +read):\n%s", d)
	}
}

func TestLocksThatAreReadBelongToTheReader(t *testing.T) {
	s := fresh(t)
	change(t, s, everything)
	l := must[run.Locks](t)(s.Locks(t.Context()))
	before := fmt.Sprintf("%+v", l)
	l.Release(holder(3), nil)
	l.Turns(noon)
	l.Close(holder(2), true, noon)
	if after := fmt.Sprintf("%+v", must[run.Locks](t)(s.Locks(t.Context()))); after != before {
		t.Errorf("what a reader did to its copy is seen by the next (-before +after):\n%s", cmp.Diff(before, after))
	}
}

func TestOnlyRowsThatDifferAreWritten(t *testing.T) {
	s := fresh(t)
	rows := func(f func(*run.Locks)) (n int) {
		t.Helper()
		var before, after int
		if err := s.write.QueryRow(`SELECT total_changes()`).Scan(&before); err != nil {
			t.Fatal(err)
		}
		change(t, s, f)
		if err := s.write.QueryRow(`SELECT total_changes()`).Scan(&after); err != nil {
			t.Fatal(err)
		}
		return after - before
	}
	for _, step := range []struct {
		name string
		want int
		f    func(*run.Locks)
	}{
		{"forty locks, and the line", 41, func(l *run.Locks) { l.Claim(holder(1), run.Claims(documents("p", 20)), true, noon) }},
		{"nothing", 0, func(*run.Locks) {}},
		{"one who waits, and the line", 2, func(l *run.Locks) { l.Claim(holder(2), run.Claims(documents("p", 1)), true, noon) }},
		{"the same again", 0, func(l *run.Locks) { l.Claim(holder(2), run.Claims(documents("p", 1)), true, noon) }},
		{"two locks", 2, func(l *run.Locks) { l.Release(holder(1), []string{"p-0"}) }},
		{"two locks and the end of waiting", 3, func(l *run.Locks) { l.Turns(noon) }},
		{"a close", 3, func(l *run.Locks) { l.Close(holder(2), true, noon) }},
	} {
		if got := rows(step.f); got != step.want {
			t.Errorf("%s: %d rows written, want %d", step.name, got, step.want)
		}
	}
}

func TestAnUpdateOfLocksThatFailsChangesNothing(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	must[bool](t)(s.CreateRun(ctx, aRun("1", "k"), nil))
	change(t, s, func(l *run.Locks) {
		everything(l)
		l.Consumed = []run.Consumed{{PlanJob: "plan", ApplyJob: "apply"}}
	})
	before := must[run.Locks](t)(s.Locks(ctx))
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		want error
		f    func(*run.Locks) error
	}{
		"change":         {boom, func(*run.Locks) error { return boom }},
		"consumed plan":  {run.ErrConsumed, func(l *run.Locks) error { l.Consumed = consumed("new", "x", "plan", "other"); return nil }},
		"consumed twice": {run.ErrConsumed, func(l *run.Locks) error { l.Consumed = consumed("new", "x", "new", "y"); return nil }},
		"lost fence":     {nil, func(l *run.Locks) error { l.Locks = l.Locks[1:]; return nil }},
		"fence back":     {nil, func(l *run.Locks) error { l.Locks[0].Fence--; return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.UpdateRunAndLocks(ctx, "1", func(r *run.Run, l *run.Locks) (run.Saved, error) {
				r.State = run.StateFailed
				l.Release(holder(1), nil)
				l.Claim(holder(9), run.Claims(documents("x", 1)), true, noon)
				return run.Saved{Runs: []run.Run{aRun("2", "k2")}, Notices: []run.Notice{run.RefreshCheck(*r)}}, test.f(l)
			})
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if d := cmp.Diff(before, must[run.Locks](t)(s.Locks(ctx)), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("locks (-before +after):\n%s", d)
			}
			if got := must[run.Run](t)(s.Run(ctx, "1")); got.State != run.StateAccepted {
				t.Errorf("state %s", got.State)
			}
			if _, err := s.Run(ctx, "2"); !errors.Is(err, run.ErrNotFound) {
				t.Errorf("the new run: %v", err)
			}
			if due := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 10)); len(due) != 0 {
				t.Errorf("notices %v", due)
			}
		})
	}
	change(t, s, func(l *run.Locks) { l.Consumed = consumed("new", "z") }) // none of them took it
	if _, err := s.UpdateRunAndLocks(ctx, "none", nil); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func consumed(pairs ...string) (out []run.Consumed) {
	for pair := range slices.Chunk(pairs, 2) {
		out = append(out, run.Consumed{PlanJob: pair[0], ApplyJob: pair[1]})
	}
	return out
}

// TestT32LocksThatCannotBeReadAreNotFree makes sure that an error is an error.
func TestT32LocksThatCannotBeReadAreNotFree(t *testing.T) {
	s := fresh(t)
	if _, err := s.write.Exec(`DROP TABLE lock_waiters`); err != nil {
		t.Fatal(err)
	}
	if l, err := s.Locks(t.Context()); err == nil {
		t.Errorf("read %+v", l)
	}
	err := s.UpdateLocks(t.Context(), func(*run.Locks) (run.Saved, error) {
		t.Error("asked to change what could not be read")
		return run.Saved{}, nil
	})
	if err == nil {
		t.Error("no error")
	}
}

// TestT32APlanIsGivenOnce gives a plan to many applies at once.
func TestT32APlanIsGivenOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	s := open(t, file)
	results := make(chan error)
	for i := range 20 {
		go func() {
			results <- s.UpdateLocks(context.Background(), func(l *run.Locks) (run.Saved, error) {
				l.Consumed = consumed("plan", fmt.Sprint(i))
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
	s = open(t, file)
	if err := s.Sweep(t.Context(), time.Now().Add(1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	err := s.UpdateLocks(t.Context(), func(l *run.Locks) (run.Saved, error) {
		l.Consumed = consumed("plan", "late")
		return run.Saved{}, nil
	})
	if !errors.Is(err, run.ErrConsumed) {
		t.Errorf("error %v, want ErrConsumed", err)
	}
}

// TestAPlanIsGivenToTheSameApplyAgain is about an update that is done again
// because nobody knew whether it was done.
func TestAPlanIsGivenToTheSameApplyAgain(t *testing.T) {
	s := fresh(t)
	for range 2 {
		change(t, s, func(l *run.Locks) { l.Consumed = consumed("plan", "apply") })
	}
}

func TestRunsAndNoticesAreSavedWithLocks(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	must[bool](t)(s.CreateRun(ctx, aRun("1", "k"), nil))
	must[run.Run](t)(s.UpdateRun(ctx, "1", func(r *run.Run) ([]run.Notice, error) { r.Behind++; return nil, nil })) // it is in memory now
	saved := run.Saved{
		Runs:    []run.Run{aRun("2", "new"), aRun("3", "k")}, // one has a key that is there
		Notices: []run.Notice{run.RefreshComment(run.Repository{ID: 7}, 3)},
	}
	r := must[run.Run](t)(s.UpdateRunAndLocks(ctx, "1", func(r *run.Run, l *run.Locks) (run.Saved, error) {
		r.State = run.StateRunning
		everything(l)
		return saved, nil
	}))
	if got := must[run.Run](t)(s.Run(ctx, "1")); r.State != run.StateRunning || got.State != run.StateRunning {
		t.Errorf("states %s and %s", r.State, got.State)
	}
	must[run.Run](t)(s.Run(ctx, "2"))
	if _, err := s.Run(ctx, "3"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("a second run with one key: %v", err)
	}
	if due := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 10)); len(due) != 1 {
		t.Errorf("notices %v", due)
	}
}

func TestSweepLeavesLocks(t *testing.T) {
	s := fresh(t)
	change(t, s, everything)
	before := must[run.Locks](t)(s.Locks(t.Context()))
	if err := s.Sweep(t.Context(), noon.Add(10_000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.locks.forget()
	if d := cmp.Diff(before, must[run.Locks](t)(s.Locks(t.Context()))); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
}

func TestAPlaceInTheLineIsNeverGivenTwice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	for want := range int64(3) {
		s := open(t, file)
		change(t, s, func(l *run.Locks) {
			l.Claim(holder(1), run.Claims(documents("p", 1)), true, noon)
			l.Claim(holder(2), run.Claims(documents("p", 1)), true, noon)
			if got := l.Waiters[0].ID; got != want+2 { // who has the lock took one, too
				t.Errorf("place %d, want %d", got, want+2)
			}
			l.Release(holder(2), nil)
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestADatabaseFromBeforeLocksGetsThem opens a database of the first schema.
func TestADatabaseFromBeforeLocksGetsThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ofSchema(t, file, 1)
	s := open(t, file)
	must[bool](t)(s.CreateRun(t.Context(), aRun("1", "k"), nil))
	change(t, s, everything)
	must[run.Run](t)(s.Run(t.Context(), "1"))
}

// TestLocksSurviveKillWholeOrNotAtAll kills a process that moves forty locks,
// the line, a run and a used plan in each change, and prints those that were
// kept.
func TestLocksSurviveKillWholeOrNotAtAll(t *testing.T) {
	if file := os.Getenv("STORE_TEST_LOCKS"); file != "" {
		moveLocks(t, file)
		return
	}
	file := filepath.Join(t.TempDir(), "test.db")
	s := open(t, file)
	must[bool](t)(s.CreateRun(t.Context(), aRun("1", "k"), nil))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		kept := killMover(t, file)
		s := open(t, file)
		l := must[run.Locks](t)(s.Locks(t.Context()))
		n := l.LastWaiter / 2 // two more places in each change: of who takes the locks, and of who waits
		if n < kept {
			t.Errorf("change %d was kept and is lost after %d", kept, n)
		}
		r := must[run.Run](t)(s.Run(t.Context(), "1"))
		var used int64
		if err := s.read.QueryRow(`SELECT count(*) FROM consumed_plans`).Scan(&used); err != nil {
			t.Fatal(err)
		}
		if int64(r.Behind) != n || used != n {
			t.Errorf("a part of a change: the line is at %d, the run at %d, %d plans are used", n, r.Behind, used)
		}
		for _, k := range l.Locks {
			if k.Fence != n || k.Holder.PullRequest != int(n) {
				t.Errorf("a part of change %d: %+v", n, k)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killMover kills a process that moves locks at a random point, and returns the
// last change that it said to have kept.
func killMover(t *testing.T, file string) (kept int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLocksSurviveKillWholeOrNotAtAll$")
	cmd.Env = append(os.Environ(), "STORE_TEST_LOCKS="+file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if kept == 0 {
			time.AfterFunc(rand.N(20*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
		if _, err := fmt.Sscan(lines.Text(), &kept); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
	}
	_ = cmd.Wait() // killed
	return kept
}

func moveLocks(t *testing.T, file string) {
	s := open(t, file)
	for {
		var n int64
		must[run.Run](t)(s.UpdateRunAndLocks(t.Context(), "1", func(r *run.Run, l *run.Locks) (run.Saved, error) {
			n = l.LastWaiter/2 + 1
			all := run.Claims(documents("p", 20))
			if n > 1 {
				l.Release(holder(int(n-1)), nil)
			}
			l.Claim(holder(int(n)), all, true, noon)
			l.Claim(holder(1_000_000), all, true, noon) // takes the next place
			l.Release(holder(1_000_000), nil)
			l.Consumed = consumed(fmt.Sprint("plan", n), fmt.Sprint("apply", n))
			r.Behind++
			return run.Saved{}, nil
		}))
		fmt.Println(n)
	}
}
