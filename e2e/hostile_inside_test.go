package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/hostile"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/runner/jail/jailtest"
)

// The tests of hostile configurations run in a process of their own: the first
// one of a process namespace, with a /proc, a /tmp of bounded size and the user
// that the test wants. What breaks out of a job, kills all processes or fills the
// disk meets that world, not the machine of whoever runs the tests.
const (
	insideUser    = "LOCKKEEPER_TEST_INSIDE_USER"    // the process becomes that user and starts itself again
	insideProgram = "LOCKKEEPER_TEST_INSIDE_PROGRAM" // it is inside, and that is the hostile provider
	insideOpen    = "LOCKKEEPER_TEST_INSIDE_OPEN"    // it is inside, and shares processes with the machine
)

// firstProcess is the id of the first process in such a world: lower ones are of
// namespaces in it.
const firstProcess = 20_000

const root = 0

// inside carries out a test in such a world; it returns at once where it is one.
func inside(t *testing.T, user int, body func(t *testing.T, program string), without ...string) {
	t.Helper()
	if program := os.Getenv(insideProgram); program != "" {
		body(t, program)
		return
	}
	if os.Geteuid() != 0 && user != os.Geteuid() {
		if user == root {
			t.Skip("only root can be root")
		}
		user = os.Geteuid()
	}
	dir := programs(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir.path, "lockkeeper.test"), "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), insideUser+"="+strconv.Itoa(user), insideProgram+"="+dir.program, "HOME=/tmp", "TMPDIR=/tmp", insideWithout+"="+strings.Join(without, " "))
	cmd.Dir, cmd.WaitDelay = dir.path, time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	namespaces(cmd, user)
	err := cmd.Run()
	text := out.String()
	if ran := strings.Contains(text, "--- PASS: "+t.Name()) || strings.Contains(text, "--- FAIL: "+t.Name()); err != nil || !ran {
		t.Errorf("as user %d: %v\n%s", user, err, text)
	} else if testing.Verbose() {
		t.Logf("as user %d:\n%s", user, text)
	}
}

// long skips a test that make test-long runs.
func long(t *testing.T) {
	t.Helper()
	if !longtest.On() && os.Getenv(insideProgram) == "" {
		t.Skip("make test-long runs this")
	}
}

// place is where all worlds of a test process find their programs.
type place struct{ path, program string }

// worlds is that place, once a test needed it.
var worlds place

var makeWorlds = sync.OnceValue(func() (err error) {
	// Not below TMPDIR: that has another content in the world.
	if worlds.path, err = os.MkdirTemp("/var/tmp", "lockkeeper-hostile-"); err != nil {
		return err
	}
	if err := os.Chmod(worlds.path, 0o755); err != nil {
		return err
	}
	for name, from := range map[string]string{"lockkeeper.test": os.Args[0], filepath.Base(backendtest.Runner()): backendtest.Runner()} {
		if err := copyProgram(filepath.Join(worlds.path, name), from); err != nil {
			return err
		}
	}
	worlds.program, err = hostile.Build(context.Background(), worlds.path)
	return err
})

// leaveWorlds removes it.
func leaveWorlds() {
	if worlds.path != "" {
		_ = os.RemoveAll(worlds.path) // what is left is in the machine's /var/tmp
	}
}

func programs(t *testing.T) place {
	t.Helper()
	if err := makeWorlds(); err != nil {
		t.Fatal(err)
	}
	return worlds
}

// namespaces lets a command be the first of its processes and see mounts of its
// own. Whoever is not root needs a user namespace for that.
func namespaces(cmd *exec.Cmd, user int) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: user, HostID: user, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	if exec.Command("unshare", "-pf", "true").Run() != nil && os.Geteuid() == 0 {
		cmd.SysProcAttr.Cloneflags = 0 // a container that allows none is small enough a world
		cmd.Env = append(cmd.Env, insideOpen+"=1")
	}
}

// enterWorld makes the world of a test of hostile configurations, becomes its user
// and starts the test again. It is called before anything else in the process.
func enterWorld() error {
	user, err := strconv.Atoi(os.Getenv(insideUser))
	if err != nil {
		return err
	}
	if os.Getenv(insideOpen) == "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("making mounts private: %w", err)
		}
		if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return fmt.Errorf("mounting /proc: %w", err)
		}
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(firstProcess)), 0); err != nil {
			return fmt.Errorf("numbering processes: %w", err)
		}
		if err := unix.Mount("tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=2g,mode=1777"); err != nil {
			return fmt.Errorf("mounting /tmp: %w", err)
		}
	}
	if os.Geteuid() == 0 && user != 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(user), syscall.Setuid(user)); err != nil {
			return fmt.Errorf("becoming user %d: %w", user, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up rights: %w", err)
	}
	if err := os.Unsetenv(insideUser); err != nil {
		return err
	}
	if err := jailtest.TakeAway(os.Getenv(insideWithout)); err != nil {
		return err
	}
	return syscall.Exec(os.Args[0], os.Args, os.Environ())
}

// stageDir is where a stage keeps everything. In such a world its name is short:
// providers make sockets in a directory of their job, and the name of a socket has
// at most 107 bytes.
func stageDir(t testing.TB) string {
	t.Helper()
	if os.Getenv(insideProgram) == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("", "w")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // other users come through, as to a data directory in /var/lib
		t.Fatal(err)
	}
	return dir
}
