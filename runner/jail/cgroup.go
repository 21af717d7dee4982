package jail

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroup is the directory of a jail's own control group. The empty one is none, and
// limits nothing.
type cgroup string

// makeCgroup makes a group that holds these limits. One that is there is taken over.
func makeCgroup(path string, l Limits) (cgroup, error) {
	if path == "" {
		return "", nil
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("making a control group: %w", err)
	}
	g := cgroup(path)
	err := errors.Join(
		g.set("memory.max", strconv.FormatInt(l.Memory, 10)),
		g.set("memory.oom.group", "1"),
		g.set("pids.max", strconv.Itoa(l.Processes+supervisorThreads)),
	)
	if swap := g.set("memory.swap.max", "0"); !errors.Is(swap, os.ErrNotExist) { // of a machine that has none
		err = errors.Join(err, swap)
	}
	if err != nil {
		return "", fmt.Errorf("limiting a control group: %w", errors.Join(err, RemoveCgroup(path)))
	}
	return g, nil
}

// start starts a command in the group, if there is one.
func (g cgroup) start(cmd *exec.Cmd, start func(*exec.Cmd) error) error {
	if g == "" {
		return start(cmd)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_CLONE3, 0, 0, 0); errno != unix.EINVAL {
		return g.move(cmd, start) // a container's filter, which cannot see the arguments of clone3
	}
	dir, err := os.Open(string(g))
	if err != nil {
		return fmt.Errorf("opening a control group: %w", err)
	}
	defer func() { _ = dir.Close() }()
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	return start(cmd)
}

// move takes a command into the group once it has started, which takes the system
// some milliseconds more. A supervisor starts nothing before its order.
func (g cgroup) move(cmd *exec.Cmd, start func(*exec.Cmd) error) error {
	if err := start(cmd); err != nil {
		return err
	}
	if err := g.set("cgroup.procs", strconv.Itoa(cmd.Process.Pid)); err != nil {
		return errors.Join(fmt.Errorf("moving a process into a control group: %w", err), cmd.Process.Kill(), cmd.Wait())
	}
	return nil
}

// set writes a file of the group. None is made: each stands for something.
func (g cgroup) set(name, value string) error {
	f, err := os.OpenFile(filepath.Join(string(g), name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// counted is what the system counted in a group.
type counted struct {
	full    int64 // times that the limit of its memory was reached, and nothing could be taken back
	killed  int64 // processes, for want of memory in the group or elsewhere
	refused int64 // times that no process was started
}

// count is zero where nothing can be read: the controllers are taken away while the
// server is started again, and what was limited is only watched from then on.
func (g cgroup) count() counted {
	if g == "" {
		return counted{}
	}
	memory, pids := g.numbers("memory.events"), g.numbers("pids.events")
	return counted{full: memory["oom"], killed: memory["oom_kill"], refused: pids["max"]}
}

func (g cgroup) numbers(name string) map[string]int64 {
	content, _ := os.ReadFile(filepath.Join(string(g), name))
	out := map[string]int64{}
	for line := range strings.Lines(string(content)) {
		if key, n, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			out[key], _ = strconv.ParseInt(n, 10, 64)
		}
	}
	return out
}

// broken is the limit that was broken since then, empty for none. What was killed
// because the machine, or a group above, had no memory broke none.
func (now counted) broken(before counted) Limit {
	switch {
	case now.full > before.full && now.killed > before.killed:
		return LimitMemory
	case now.refused > before.refused:
		return LimitProcesses
	}
	return ""
}

// end kills everything in the group, and waits until it is gone.
func (g cgroup) end() error {
	err := g.set("cgroup.kill", "1")
	if err == nil {
		err = whileBusy(func() error {
			if g.numbers("cgroup.events")["populated"] != 0 {
				return unix.EBUSY
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("ending everything in a control group: %w", err)
	}
	return nil
}

// RemoveCgroup removes the control group of a jail (Config.Cgroup) that is closed,
// and ends what may be left in it. A group that is not there is removed.
func RemoveCgroup(path string) error {
	err := unix.Rmdir(path)
	if errors.Is(err, unix.EBUSY) {
		_ = cgroup(path).set("cgroup.kill", "1")
		err = whileBusy(func() error { return unix.Rmdir(path) })
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing the control group %s: %w", path, err)
	}
	return nil
}

// busyFor is how long the last processes of a group may take to end.
const busyFor = 5 * time.Second

func whileBusy(do func() error) error {
	end := time.Now().Add(busyFor)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := do()
		if !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return err
		}
		time.Sleep(pause)
	}
}
