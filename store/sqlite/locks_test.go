package sqlite

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/storetest"
)

func TestLocksAreReadAsTheyWereWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	s := open(t, file)
	storetest.Change(t, s, storetest.EveryKind)
	kept := storetest.Must[run.Locks](t)(s.Locks(t.Context()))
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
	read := storetest.Must[run.Locks](t)(open(t, file).Locks(t.Context()))
	if d := cmp.Diff(kept, read); d != "" {
		t.Errorf("(-in memory +on disk):\n%s", d)
	}
	var want run.Locks
	storetest.EveryKind(&want)
	soon := cmpopts.EquateApproxTime(time.Millisecond)
	if d := cmp.Diff(want, read, soon, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-written +read):\n%s", d)
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
		storetest.Change(t, s, f)
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
		{"forty locks, and the line", 41, func(l *run.Locks) {
			l.Claim(storetest.Holder(1), run.Claims(storetest.Documents("p", 20)), true, storetest.Noon)
		}},
		{"nothing", 0, func(*run.Locks) {}},
		{"one who waits, and the line", 2, func(l *run.Locks) {
			l.Claim(storetest.Holder(2), run.Claims(storetest.Documents("p", 1)), true, storetest.Noon)
		}},
		{"the same again", 0, func(l *run.Locks) {
			l.Claim(storetest.Holder(2), run.Claims(storetest.Documents("p", 1)), true, storetest.Noon)
		}},
		{"two locks", 2, func(l *run.Locks) { l.Release(storetest.Holder(1), []string{"p-0"}) }},
		{"two locks and the end of waiting", 3, func(l *run.Locks) { l.Turns(storetest.Noon) }},
		{"a close", 3, func(l *run.Locks) { l.Close(storetest.Holder(2), true, storetest.Noon) }},
	} {
		if got := rows(step.f); got != step.want {
			t.Errorf("%s: %d rows written, want %d", step.name, got, step.want)
		}
	}
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

func TestSweepLeavesLocks(t *testing.T) {
	s := fresh(t)
	storetest.Change(t, s, storetest.EveryKind)
	before := storetest.Must[run.Locks](t)(s.Locks(t.Context()))
	if err := s.Sweep(t.Context(), storetest.Noon.Add(10_000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.locks.forget()
	if d := cmp.Diff(before, storetest.Must[run.Locks](t)(s.Locks(t.Context()))); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
}

// TestADatabaseFromBeforeLocksGetsThem opens a database of the first schema.
func TestADatabaseFromBeforeLocksGetsThem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	ofSchema(t, file, 1)
	s := open(t, file)
	storetest.Must[bool](t)(s.CreateRun(t.Context(), storetest.Run("1", "k"), nil))
	storetest.Change(t, s, storetest.EveryKind)
	storetest.Must[run.Run](t)(s.Run(t.Context(), "1"))
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
	storetest.Must[bool](t)(s.CreateRun(t.Context(), storetest.Run("1", "k"), nil))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		kept := killMover(t, file)
		s := open(t, file)
		l := storetest.Must[run.Locks](t)(s.Locks(t.Context()))
		n := l.LastWaiter / 2 // two more places in each change: of who takes the locks, and of who waits
		if n < kept {
			t.Errorf("change %d was kept and is lost after %d", kept, n)
		}
		r := storetest.Must[run.Run](t)(s.Run(t.Context(), "1"))
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
		storetest.Must[run.Run](t)(s.UpdateRunAndLocks(t.Context(), "1", func(r *run.Run, l *run.Locks) (run.Saved, error) {
			n = l.LastWaiter/2 + 1
			all := run.Claims(storetest.Documents("p", 20))
			if n > 1 {
				l.Release(storetest.Holder(int(n-1)), nil)
			}
			l.Claim(storetest.Holder(int(n)), all, true, storetest.Noon)
			l.Claim(storetest.Holder(1_000_000), all, true, storetest.Noon) // takes the next place
			l.Release(storetest.Holder(1_000_000), nil)
			l.Consumed = storetest.Consumed(fmt.Sprint("plan", n), fmt.Sprint("apply", n))
			r.Behind++
			return run.Saved{}, nil
		}))
		fmt.Println(n)
	}
}
