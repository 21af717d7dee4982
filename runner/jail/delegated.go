package jail

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// serverGroup is the control group of the server and its runners, beside those of
// jails: a group above others that limit something may have no processes.
const serverGroup = "server"

// controllers are the parts of control groups that jails are limited by.
var controllers = []string{"memory", "pids"}

// FindCgroup is the directory of the control group in which UseCgroup would make
// those of jails, empty where none was delegated to this process. It changes nothing.
func FindCgroup() string {
	own, above := lookAround()
	return delegated(own, above, os.Geteuid())
}

// UseCgroup prepares the control group that was delegated to this process, and
// returns its directory: all of its processes, this one among them, move to one
// below it. It is empty where none was delegated. With an error nothing is lost but
// these means: jails are limited without them.
func UseCgroup() (string, error) {
	dir := FindCgroup()
	if dir == "" {
		return "", nil
	}
	err := share(cgroup(dir))
	if err == nil {
		err = tryCgroup(filepath.Join(dir, "trial-"+strconv.Itoa(os.Getpid())))
	}
	if err != nil {
		return "", fmt.Errorf("using the control group %s, which was delegated: %w", dir, err)
	}
	return dir, nil
}

// cgroupFacts is what is to be known of a control group. The zero value is one that
// is nobody's.
type cgroupFacts struct {
	dir      string
	top      bool // nothing above it is to be seen, as in a container
	writable bool // processes can be moved into it, and controllers given to the groups below
	kills    bool // it and those below have a way to kill all of their processes (from Linux 5.14); the root of a machine does not
	offers   []string
	above    int  // user who has the group above
	marked   bool // by systemd, as delegated
}

// ours reports whether a group was delegated to a user, and not only may be written:
// root may write every group, and who logs in that of the terminal. A container and
// systemd draw the line, and it is where what belongs to a user begins.
func (g cgroupFacts) ours(uid int) bool {
	for _, c := range controllers {
		if !slices.Contains(g.offers, c) {
			return false
		}
	}
	return g.writable && g.kills && (g.top || g.marked || uid != 0 && g.above != uid)
}

// delegated is the group in which those of jails are made: the own one of a process,
// or the one above when UseCgroup was there before.
func delegated(own, above cgroupFacts, uid int) string {
	switch {
	case filepath.Base(own.dir) == serverGroup && above.ours(uid):
		return above.dir
	case own.ours(uid):
		return own.dir
	}
	return ""
}

// lookAround reads the facts of the group of this process and of the one above, as
// far as they can be read.
func lookAround() (own, above cgroupFacts) {
	cgroups, err := os.ReadFile("/proc/self/cgroup")
	mounts, mountsErr := os.ReadFile("/proc/self/mountinfo")
	if err != nil || mountsErr != nil {
		return own, above
	}
	dir, top := ownCgroup(string(cgroups), string(mounts))
	if dir != "" {
		own = lookAt(dir, top)
	}
	if dir != top {
		above = lookAt(filepath.Dir(dir), top)
	}
	return own, above
}

// ownCgroup finds the directory of the group of version 2 that a process is in, and
// the topmost one that is to be seen. Both are empty when there is none.
func ownCgroup(cgroups, mounts string) (dir, top string) {
	var own string
	for line := range strings.Lines(cgroups) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok && path == filepath.Clean(path) { // else it is outside of what is to be seen
			own = path
		}
	}
	for line := range strings.Lines(mounts) {
		mount, kind, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if len(fields) < 5 || !strings.HasPrefix(kind, "cgroup2 ") {
			continue
		}
		rel, err := filepath.Rel(fields[3], own)
		if err == nil && filepath.IsLocal(rel) { // a later mount hides an earlier one
			dir, top = filepath.Join(fields[4], rel), fields[4]
		}
	}
	return dir, top
}

func lookAt(dir, top string) cgroupFacts {
	may := func(name string) bool { return unix.Access(filepath.Join(dir, name), unix.W_OK) == nil }
	g := cgroupFacts{
		dir: dir, top: dir == top, above: -1,
		writable: may(".") && may("cgroup.procs") && may("cgroup.subtree_control"), kills: unix.Access(filepath.Join(dir, "cgroup.kill"), unix.F_OK) == nil,
	}
	offers, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers")) // none is less to use
	g.offers = strings.Fields(string(offers))
	var above unix.Stat_t
	if unix.Stat(filepath.Dir(dir), &above) == nil {
		g.above = int(above.Uid)
	}
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		value := make([]byte, 8)
		n, err := unix.Getxattr(dir, name, value)
		g.marked = g.marked || err == nil && string(value[:n]) == "1"
	}
	return g
}

// share moves every process of a group out of the way, and gives its controllers to
// the groups below. Others may start processes meanwhile.
func share(g cgroup) error {
	server := cgroup(filepath.Join(string(g), serverGroup))
	if err := os.Mkdir(string(server), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return whileBusy(func() error {
		procs, err := os.ReadFile(filepath.Join(string(g), "cgroup.procs"))
		if err != nil {
			return err
		}
		for _, pid := range strings.Fields(string(procs)) {
			if err := server.set("cgroup.procs", pid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
		return g.set("cgroup.subtree_control", "+"+strings.Join(controllers, " +"))
	})
}

// tryCgroup starts a process in a group of its own, as jails do.
func tryCgroup(path string) error {
	g, err := makeCgroup(path, defaults)
	if err != nil {
		return err
	}
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{supervisorName, supervisorName, "nothing"}, Env: []string{}, SysProcAttr: &syscall.SysProcAttr{}}
	if err = g.start(cmd, (*exec.Cmd).Start); err == nil {
		err = cmd.Wait()
	}
	return errors.Join(err, RemoveCgroup(path))
}
