package jail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// starter is a process that has a jail in which a command runs, and that can be
// killed. Its file 3 is one whose lock says that something is alive.
func starter(last, own string, args []string) {
	c := Config{Mode: BestEffort, Stdout: os.Stdout, Stderr: os.Stderr, Keep: []*os.File{os.NewFile(3, "alive")}}
	c.Box.Read, c.Box.Own = []string{os.Args[0]}, []string{own}
	j, err := Start(context.Background(), c)
	if err != nil {
		panic(err)
	}
	exit, err := j.Run(context.Background(), Command{
		Args: append([]string{os.Args[0], "attack"}, args...), Dir: own, Env: []string{}, Grace: time.Minute, Last: last == "last",
	})
	fmt.Println(exit, err)
	os.Exit(0)
}

// started is such a process; its command is up.
type started struct {
	*exec.Cmd
	own, alive string
	supervisor int
}

func startOutside(t *testing.T, last string) *started {
	t.Helper()
	dir := t.TempDir()
	open(t, filepath.Dir(dir), dir)
	s := &started{own: dir + "/own", alive: dir + "/alive"}
	if err := os.Mkdir(s.own, 0o700); err != nil {
		t.Fatal(err)
	}
	alive, err := os.Create(s.alive)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(alive.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	s.Cmd = exec.Command(os.Args[0], "start", last, s.own, "until", s.own+"/up", s.own+"/go", s.own+"/done")
	s.Stdout, s.Stderr, s.ExtraFiles = os.Stdout, os.Stderr, []*os.File{alive}
	s.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := alive.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Kill(-s.Process.Pid, unix.SIGKILL), s.Wait() })
	eventually(t, "the command runs", func() bool { return there(s.own + "/up") })
	for _, child := range childrenOf(s.Process.Pid) {
		s.supervisor = child
	}
	return s
}

// free reports whether nothing of the jail is alive.
func (s *started) free(t *testing.T) bool {
	t.Helper()
	f, err := os.Open(s.alive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

func killed(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func there(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// A command that was begun to be carried out ends by itself when the process that
// started it is killed, and the lock is held until then. Others end at once.
func TestInJailKilledCallers(t *testing.T) {
	inMachine(t)
	s := startOutside(t, "last")
	killed(t, s.Process.Pid)
	_ = s.Wait()
	if s.free(t) {
		t.Error("the lock is free while the command runs")
	}
	if err := os.WriteFile(s.own+"/go", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything is gone", func() bool { return s.free(t) })
	if !there(s.own + "/done") {
		t.Error("the command did not end by itself")
	}

	s = startOutside(t, "other")
	killed(t, s.Process.Pid)
	_ = s.Wait()
	eventually(t, "everything is gone", func() bool { return s.free(t) })
	if there(s.own + "/done") {
		t.Error("it ended by itself")
	}
}

// What is left of a killed caller can be ended by its group.
func TestInJailOrphansAreEndedBySIGTERM(t *testing.T) {
	inMachine(t)
	s := startOutside(t, "last")
	killed(t, s.Process.Pid)
	_ = s.Wait()
	if err := unix.Kill(-s.Process.Pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything is gone", func() bool { return s.free(t) })
	if there(s.own + "/done") {
		t.Error("it ended by itself")
	}
}

// The caller notices that the supervisor was killed, and nothing goes on.
func TestInJailKilledSupervisors(t *testing.T) {
	inMachine(t)
	s := startOutside(t, "last")
	killed(t, s.supervisor)
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything is gone", func() bool { return s.free(t) })
	if err := os.WriteFile(s.own+"/go", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command is gone", func() bool { return len(named(s.own+"/up")) == 0 })
	if there(s.own + "/done") {
		t.Error("the command went on")
	}
}

// A supervisor that is killed before the jail stands is noticed at once: nobody
// waits for the answer of a process that is gone.
func TestSupervisorsThatEndBeforeTheJailStands(t *testing.T) {
	j, err := Start(t.Context(), Config{Binary: "/bin/true", Mode: Off, Stdout: os.Stdout, Stderr: os.Stderr})
	if err == nil {
		t.Fatal("it stands", j.Close())
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
}

// named lists processes that have a word on their command line.
func named(word string) []string {
	var out []string
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range lines {
		if content, err := os.ReadFile(name); err == nil && bytes.Contains(content, []byte(word)) {
			out = append(out, name)
		}
	}
	return out
}
