package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/store/storetest"
)

// Finding 4: whoever waits for /readyz before sending webhooks waited for the
// first webhook.
func TestAFreshStoreIsReady(t *testing.T) {
	if err := fresh(t).Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAStoreIsReadyAfterRetentionEmptiedIt(t *testing.T) {
	s := fresh(t)
	storetest.Must[bool](t)(s.PutDelivery(t.Context(), storetest.Delivery("a")))
	if err := errors.Join(s.DoneDelivery(t.Context(), "a"), s.Sweep(t.Context(), storetest.Noon.Add(24*time.Hour))); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.read.QueryRowContext(t.Context(), `SELECT count(*) FROM deliveries`).Scan(&left); err != nil || left != 0 {
		t.Fatalf("%d deliveries are left, %v", left, err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAClosedStoreIsNotReady(t *testing.T) {
	s := fresh(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err == nil {
		t.Error("it is ready")
	}
}

// given names the directory for the process in which a test runs again.
const given = "LOCKKEEPER_TEST_DIRECTORY"

// again runs a test in a process of its own, started by the command, and lets it
// have a directory there.
func again(t *testing.T, test func(dir string), command ...string) {
	t.Helper()
	if dir := os.Getenv(given); dir != "" {
		test(dir)
		return
	}
	command = append(command, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), given+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
}

// onASmallDisk runs a test in a directory with a file system of 4 MiB.
func onASmallDisk(t *testing.T, test func(dir string)) {
	t.Helper()
	again(t, func(dir string) {
		err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		if err == nil {
			err = unix.Mount("none", dir, "tmpfs", 0, "size=4m,mode=700")
		}
		if err != nil {
			t.Fatal(err)
		}
		test(dir)
	}, "unshare", "--map-root-user", "--mount")
}

// makeReadOnly lets this process write to no file any more, as when the kernel
// makes a file system read-only after an error of the disk.
func makeReadOnly(t *testing.T) {
	t.Helper()
	const load, equal, end = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load}, // the number of the system call
		{Code: equal, K: unix.SYS_PWRITE64, Jt: 1},
		{Code: end, K: unix.SECCOMP_RET_ALLOW},
		{Code: end, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EROFS)},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		t.Fatal(errno)
	}
}

// later lets the store's clock run ahead, so that what it knows is out of date.
func later(s *Store) { s.Now = func() time.Time { return time.Now().Add(time.Hour) } }

// Finding 4: /readyz said 200 while every webhook got 500.
func TestAStoreOnAFullDiskIsNotReady(t *testing.T) {
	onASmallDisk(t, func(dir string) {
		s := open(t, filepath.Join(dir, "test.db"))
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		filler := filepath.Join(dir, "filler")
		fill(t, filler)
		d := storetest.Delivery("large")
		d.Payload = make([]byte, 30_000)
		for i := 0; ; i++ { // there may be room in the log
			d.GUID = fmt.Sprint("large-", i)
			if _, err := s.PutDelivery(t.Context(), d); err != nil {
				break
			}
		}
		if err := s.Ready(t.Context()); err == nil {
			t.Error("a delivery could not be stored, and the store is ready")
		}
		later(s)
		if err := s.Ready(t.Context()); err == nil {
			t.Error("no delivery can be stored, and the store is ready")
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		s.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("there is room again, and the store is not ready: %v", err)
		}
		if _, err := s.PutDelivery(t.Context(), d); err != nil {
			t.Error(err)
		}
	})
}

// A server that is asked and gets no webhooks finds out, too.
func TestAQuietStoreNoticesAFullDisk(t *testing.T) {
	onASmallDisk(t, func(dir string) {
		s := open(t, filepath.Join(dir, "test.db"))
		fill(t, filepath.Join(dir, "filler"))
		hours := time.Duration(0)
		s.Now = func() time.Time { return time.Now().Add(hours) }
		for range 1000 { // looks; each takes a page of the log, which has room for few
			hours += time.Hour
			if s.Ready(t.Context()) != nil {
				return
			}
		}
		t.Error("it is ready")
	})
}

func TestAStoreThatBecameReadOnlyIsNotReady(t *testing.T) {
	again(t, func(dir string) {
		s := open(t, filepath.Join(dir, "test.db"))
		storetest.Must[bool](t)(s.PutDelivery(t.Context(), storetest.Delivery("a")))
		makeReadOnly(t)
		later(s)
		if err := s.Ready(t.Context()); err == nil {
			t.Error("it is ready")
		}
		if _, err := s.PutDelivery(t.Context(), storetest.Delivery("b")); err == nil {
			t.Error("a delivery was stored")
		}
	})
}

func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for {
			if _, err = f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
}

// However often it is asked: the log does not grow, and a store that is in use
// is not written to for it at all.
func TestBeingAskedIsCheap(t *testing.T) {
	s := fresh(t)
	now := storetest.Noon
	s.Now = func() time.Time { return now }
	before := s.commits.Load()
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if err := s.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.commits.Load() - before; n > 1 {
		t.Errorf("200 questions at once were %d commits", n)
	}
	now = now.Add(readyFor)
	storetest.Must[bool](t)(s.PutDelivery(t.Context(), storetest.Delivery("a")))
	before = s.commits.Load()
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if n := s.commits.Load() - before; n != 0 {
		t.Errorf("a store that just wrote was written to %d times", n)
	}
}

// A disk that hangs is not ready, and holds one question at most.
func TestAStoreThatHangsIsNotReady(t *testing.T) {
	s := fresh(t)
	s.Now = func() time.Time { return storetest.Noon.Add(time.Hour) }
	hold, held := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		_ = s.together(context.Background(), func(context.Context, *sql.Tx) error {
			once.Do(func() { close(held) })
			<-hold
			return nil
		})
	}()
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	answers := make(chan error, 100)
	for range cap(answers) {
		go func() { answers <- s.Ready(ctx) }()
	}
	cancel()
	for range cap(answers) {
		if err := <-answers; err == nil {
			t.Error("it is ready")
		}
	}
	close(hold)
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
