package local

import (
	"sync"
	"syscall"
	"testing"
	"time"
)

// A fork has every open file of its parent until it runs its own program: for
// that moment the lock of a job that is over is held by a process that is none
// of the job's. An apply that was killed was once taken for one that lives, and
// what terraform had printed was lost.
func TestALockThatAForkHoldsForAMomentIsFree(t *testing.T) {
	t.Parallel()
	f := files(t.TempDir())
	alive, locked, err := f.lock()
	if err != nil || !locked {
		t.Fatal(locked, err)
	}
	forked, err := syscall.Dup(int(alive.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if err := alive.Close(); err != nil {
		t.Fatal(err)
	}
	if _, locked, err := f.lock(); err != nil || locked {
		t.Fatal("the fork does not hold the lock", err)
	}
	var forks sync.WaitGroup
	defer forks.Wait()
	forks.Go(func() {
		time.Sleep(5 * time.Millisecond)
		if err := syscall.Close(forked); err != nil {
			t.Error(err)
		}
	})
	again, locked, err := f.lockFree()
	if err != nil || !locked {
		t.Fatal("taken for a process of the job", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
