//go:build long

package jail

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machineDir is where "make vm" puts the kernel of the virtual machine, and the
// shell and tools of its only program beside the tests.
const machineDir = "../../bin/vm"

// TestOnAVirtualMachine runs the tests of this package where control groups of
// version 2 can be delegated, whatever this machine has: on Debian's own kernel, as
// root and as users to whom a group was given (TestOnEveryMachine).
func TestOnAVirtualMachine(t *testing.T) {
	if runtime.GOARCH != "amd64" || os.Getenv("LOCKKEEPER_SKIP_VM") == "1" {
		t.Skip("the virtual machine is one of amd64, and LOCKKEEPER_SKIP_VM=1 leaves it out")
	}
	dir := t.TempDir()
	image := filepath.Join(dir, "initramfs")
	if err := writeImage(t, image); err != nil {
		t.Fatalf("making the virtual machine (make vm installs what it needs): %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-accel", "kvm", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "3072",
		"-kernel", filepath.Join(machineDir, "vmlinuz"), "-initrd", image, "-append", "console=ttyS0 rdinit=/init panic=-1 quiet -- -test.v -test.timeout=50m -test.skip=^TestOnAVirtualMachine$")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the virtual machine (make vm installs it): %v", err)
	}
	said := new(strings.Builder)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(said, strings.TrimRight(lines.Text(), "\r"))
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), allPassed) {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, sign := range []string{"--- PASS: TestOnEveryMachine ", "--- PASS: TestUseCgroup ", "--- PASS: " + runnerTest + "/memory ", "--- PASS: " + runnerTest + "/processes ", "control groups below " + testsGroup} {
		if !strings.Contains(said.String(), sign) {
			t.Errorf("it does not say %q", sign)
		}
	}
	t.Log(said)
}

// allPassed is the last line of the virtual machine when all is well.
const allPassed = "virtual machine: every test has passed"

// testsGroup is the control group that is delegated to the tests there.
const testsGroup = "/sys/fs/cgroup/tests"

// runnerTest is the one test of package runner that runs there, too.
const runnerTest = "TestT44_LimitsOfAControlGroupAreNamed"

// writeImage writes the first root of the machine: the tests, which are also its
// init, and a shell with tools.
func writeImage(t *testing.T, name string) error {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"test", "-c", "-tags", "long", "-o", dir + "/", ".", ".."},
		{"build", "-o", dir + "/", "../lockkeeper-runner"}, // which the runner's tests find beside themselves
	} {
		build := exec.Command("go", args...)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building the tests: %w\n%s", err, out)
		}
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := &archive{w: bufio.NewWriter(f)}
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "new", "bin", "usr", "etc"} {
		w.add(dir, unix.S_IFDIR|0o755, nil)
	}
	w.file("init", filepath.Join(dir, "jail.test"))
	w.file("runner.test", filepath.Join(dir, "runner.test"))
	w.file("lockkeeper-runner", filepath.Join(dir, "lockkeeper-runner"))
	w.file("bin/busybox", filepath.Join(machineDir, "busybox"))
	for _, tool := range []string{"sh", "sleep", "true", "ls", "tr", "head", "terraform"} {
		w.add("bin/"+tool, unix.S_IFLNK|0o777, []byte("busybox"))
	}
	w.add("etc/hosts", unix.S_IFREG|0o644, []byte("127.0.0.1 localhost\n"))
	w.add("TRAILER!!!", 0, nil)
	return errors.Join(w.err, w.w.Flush(), f.Close())
}

// archive writes the format of an initramfs ("newc" of cpio).
type archive struct {
	w     *bufio.Writer
	inode int
	err   error // the first one
}

func (a *archive) add(name string, mode int, content []byte) {
	a.inode++
	pad := func(n int) []byte { return make([]byte, (4-n%4)%4) }
	_, err := fmt.Fprintf(a.w, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name)
	if err == nil {
		_, err = a.w.Write(bytes.Join([][]byte{pad(110 + len(name) + 1), content, pad(len(content))}, nil))
	}
	a.err = errors.Join(a.err, err)
}

func (a *archive) file(name, from string) {
	content, err := os.ReadFile(from)
	a.err = errors.Join(a.err, err)
	a.add(name, unix.S_IFREG|0o755, content)
}

// The first program of the virtual machine is this one.
func init() {
	if os.Getpid() == 1 && os.Args[0] == "/init" {
		if err := beMachine(); err != nil {
			fmt.Println("virtual machine:", err)
		} else {
			fmt.Println(allPassed)
		}
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
}

// beMachine makes a root that can be changed for another one, as jails do, and runs
// the tests in a control group that was delegated to them.
func beMachine() error {
	if err := newMachineRoot(); err != nil {
		return fmt.Errorf("making a root: %w", err)
	}
	if err := cgroup("/sys/fs/cgroup").set("cgroup.subtree_control", "+memory +pids"); err != nil {
		return fmt.Errorf("giving controllers to groups: %w", err)
	}
	return errors.Join(
		runDelegated(testsGroup, "/init", os.Args[1:]...),
		runDelegated(testsGroup+"-of-runner", "/runner.test", "-test.v", "-test.run=^"+runnerTest+"$"),
	)
}

// runDelegated runs tests in a control group that was delegated to them.
func runDelegated(group, program string, args ...string) error {
	if err := errors.Join(os.Mkdir(group, 0o755), unix.Setxattr(group, "trusted.delegate", []byte("1"), 0)); err != nil {
		return fmt.Errorf("delegating a control group: %w", err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"PATH=/bin", "TMPDIR=/tmp"}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdout, os.Stderr, &unix.SysProcAttr{}
	return cgroup(group).start(cmd, (*exec.Cmd).Run)
}

func newMachineRoot() error {
	mount := func(kind, at string) error {
		options := ""
		if kind == "tmpfs" {
			options = "mode=755"
		}
		return unix.Mount(kind, at, kind, 0, options)
	}
	if err := errors.Join(mount("devtmpfs", "/dev"), mount("tmpfs", "/new")); err != nil {
		return err
	}
	if out, err := exec.Command("/bin/busybox", "cp", "-a", "/init", "/runner.test", "/lockkeeper-runner", "/bin", "/usr", "/etc", "/tmp", "/new").CombinedOutput(); err != nil {
		return fmt.Errorf("copying: %w: %s", err, out)
	}
	return errors.Join(
		os.Mkdir("/new/dev", 0o755), os.Mkdir("/new/proc", 0o755), os.Mkdir("/new/sys", 0o755),
		os.Chdir("/new"), unix.Mount(".", "/", "", unix.MS_MOVE, ""), unix.Chroot("."), os.Chdir("/"), os.Chmod("/tmp", 0o1777),
		mount("devtmpfs", "/dev"), mount("proc", "/proc"), mount("sysfs", "/sys"), mount("cgroup2", "/sys/fs/cgroup"),
	)
}
