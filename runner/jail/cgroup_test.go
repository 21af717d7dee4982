package jail

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// given is the control group that was delegated to this process, empty for none.
var given = sync.OnceValues(UseCgroup)

// ownGroup is one for a jail of a test, empty where none can be had.
func ownGroup(t testing.TB) string {
	t.Helper()
	dir, err := given()
	if err != nil {
		t.Fatal(err)
	}
	if dir == "" {
		return ""
	}
	groups.Lock()
	defer groups.Unlock()
	groups.made++
	path := filepath.Join(dir, "job-"+strconv.Itoa(groups.made))
	t.Cleanup(func() {
		if err := RemoveCgroup(path); err != nil {
			t.Error(err)
		}
	})
	return path
}

var groups struct {
	sync.Mutex
	made int
}

// delegatedTo gives a user a control group, as systemd does, and makes a command
// start in it. It does nothing where this process has none to give.
func delegatedTo(t testing.TB, uid int, name string, cmd *exec.Cmd) {
	t.Helper()
	from, err := given()
	if err != nil {
		t.Fatal(err)
	}
	if from == "" {
		return
	}
	dir := filepath.Join(from, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(RemoveCgroup(filepath.Join(dir, serverGroup)), RemoveCgroup(dir)); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
		if err := os.Chown(filepath.Join(dir, name), uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	if uid == 0 {
		if err := unix.Setxattr(dir, "trusted.delegate", []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(f.Fd())
}

const (
	unified = "30 22 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
	hybrid  = "30 22 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
		"34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n" +
		"40 30 0:37 / /sys/fs/cgroup/unified rw,relatime shared:3 master:1 - cgroup2 cgroup2 rw\n"
	container = "612 600 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n"
)

func TestOwnCgroupIsFound(t *testing.T) {
	for _, c := range []struct {
		name, cgroups, mounts, dir, top string
	}{
		{"a service", "0::/system.slice/lockkeeper.service\n", unified, "/sys/fs/cgroup/system.slice/lockkeeper.service", "/sys/fs/cgroup"},
		{"a container", "0::/\n", container, "/sys/fs/cgroup", "/sys/fs/cgroup"},
		{"below the root of a container", "0::/server\n", container, "/sys/fs/cgroup/server", "/sys/fs/cgroup"},
		{"both versions", "4:memory:/x\n1:name=systemd:/y\n0::/z\n", hybrid, "/sys/fs/cgroup/unified/z", "/sys/fs/cgroup/unified"},
		{"a part of the tree is mounted", "0::/docker/abc/server\n", strings.Replace(container, " / /sys", " /docker/abc /sys", 1), "/sys/fs/cgroup/server", "/sys/fs/cgroup"},
		{"another part of the tree is mounted", "0::/docker/abcd\n", strings.Replace(container, " / /sys", " /docker/abc /sys", 1), "", ""},
		{"outside of its namespace", "0::/../other\n", container, "", ""},
		{"mounted twice", "0::/a\n", unified + strings.Replace(container, "/sys/fs/cgroup", "/mnt/groups", 1), "/mnt/groups/a", "/mnt/groups"},
		{"only version 1", "4:memory:/x\n", "34 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", "", ""},
		{"not mounted", "0::/x\n", "22 1 254:0 / / rw - ext4 /dev/vda rw\n", "", ""},
		{"nothing", "", "", "", ""},
		{"half a line", "0::", "30 22 0:27 / - cgroup2\n - cgroup2 x\n", "", ""},
	} {
		if dir, top := ownCgroup(c.cgroups, c.mounts); dir != c.dir || top != c.top {
			t.Errorf("%s: %q, %q", c.name, dir, top)
		}
	}
}

func TestDelegatedCgroupsAreTold(t *testing.T) {
	const user, root = 1000, 0
	facts := func(dir string, change func(*cgroupFacts)) cgroupFacts {
		g := cgroupFacts{dir: dir, writable: true, kills: true, offers: []string{"cpu", "memory", "pids"}}
		change(&g)
		return g
	}
	not := cgroupFacts{dir: "/g/x"}
	same := func(*cgroupFacts) {}
	marked := func(g *cgroupFacts) { g.marked = true }
	for _, c := range []struct {
		name       string
		own, above cgroupFacts
		uid        int
		want       string
	}{
		{"a service of a user", facts("/g/s.service", same), not, user, "/g/s.service"},
		{"a service of root", facts("/g/s.service", marked), not, root, "/g/s.service"},
		{"the login of root", facts("/g/session-1.scope", same), not, root, ""},
		{"the terminal of a user, which is one of many groups of that user", facts("/g/terminal.scope", func(g *cgroupFacts) { g.above = user }), not, user, ""},
		{"one of those that was delegated", facts("/g/run-1.scope", func(g *cgroupFacts) { g.above, g.marked = user, true }), not, user, "/g/run-1.scope"},
		{"a container", facts("/g", func(g *cgroupFacts) { g.top = true }), cgroupFacts{}, root, "/g"},
		{"the root of a machine", facts("/g", func(g *cgroupFacts) { g.top, g.kills = true, false }), cgroupFacts{}, root, ""},
		{"a container that may not write it", facts("/g", func(g *cgroupFacts) { g.top, g.writable = true, false }), cgroupFacts{}, root, ""},
		{"no limit of memory", facts("/g/s.service", func(g *cgroupFacts) { g.offers = []string{"cpu", "pids"} }), not, user, ""},
		{"no limit of processes", facts("/g/s.service", func(g *cgroupFacts) { g.offers = []string{"memory"} }), not, user, ""},
		{"an old kernel", facts("/g/s.service", func(g *cgroupFacts) { g.kills = false }), not, user, ""},
		{"started again", facts("/g/s.service/server", same), facts("/g/s.service", marked), root, "/g/s.service"},
		{"started again by a user", facts("/g/s.service/server", func(g *cgroupFacts) { g.above = user }), facts("/g/s.service", same), user, "/g/s.service"},
		{"started again in a container", facts("/g/server", same), facts("/g", func(g *cgroupFacts) { g.top = true }), root, "/g"},
		{"only called like it", facts("/g/s.service/server", marked), not, root, "/g/s.service/server"},
		{"beside the server", facts("/g/s.service/other", func(g *cgroupFacts) { g.above = user }), facts("/g/s.service", same), user, ""},
		{"nothing", cgroupFacts{}, cgroupFacts{}, root, ""},
	} {
		if got := delegated(c.own, c.above, c.uid); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestWhatWasCountedTellsTheLimit(t *testing.T) {
	before := counted{full: 1, killed: 2, refused: 3}
	for _, c := range []struct {
		now  counted
		want Limit
	}{
		{before, ""},
		{counted{full: 2, killed: 3, refused: 3}, LimitMemory},
		{counted{full: 2, killed: 3, refused: 4}, LimitMemory},
		{counted{full: 2, killed: 2, refused: 3}, ""}, // it was enough after all
		{counted{full: 1, killed: 3, refused: 3}, ""}, // the machine has none left
		{counted{full: 1, killed: 2, refused: 4}, LimitProcesses},
		{counted{}, ""}, // the controllers were given back
	} {
		if got := c.now.broken(before); got != c.want {
			t.Errorf("%+v: %q", c.now, got)
		}
	}
}

// Where there are no control groups, jails are as they are without.
func TestInJailACgroupThatCannotBeMadeIsNotMissed(t *testing.T) {
	missing := inMachine(t)
	for _, path := range []string{filepath.Join(t.TempDir(), "job"), "/proc/job", "/sys/fs/cgroup/there/is/none"} {
		c := newCell(t, Config{Mode: mode(missing), Cgroup: path, Box: Box{Limits: Limits{Processes: 40}}}, nil)
		if c.layers.Cgroup || strings.Contains(c.layers.holds().finding(Limited).By, ControlGroups) {
			t.Errorf("%s: it says that it is used", path)
		}
		if exit, err := c.Run(t.Context(), c.command("fork")); err != nil || exit.Broke != LimitProcesses {
			t.Errorf("%s: %+v, %v", path, exit, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: something is left", path)
		}
	}
}

func (r Report) finding(p Property) Finding {
	for _, f := range r {
		if f.Property == p {
			return f
		}
	}
	return Finding{}
}

// inCgroup is a jail with a control group on a machine that has one to give.
func inCgroup(t *testing.T, l Limits) *cell {
	t.Helper()
	missing := inMachine(t)
	path := ownGroup(t)
	if path == "" {
		t.Skip("no control group is delegated to this test: TestOnAVirtualMachine runs it where one is")
	}
	c := newCell(t, Config{Mode: mode(missing), Cgroup: path, Box: Box{Limits: l}}, nil)
	if contains(missing, Files) {
		if c.layers.Cgroup {
			t.Error("a program that can write its own group is said to be limited by it")
		}
		t.Skip("programs write their own group here")
	}
	if !c.layers.Cgroup || !strings.Contains(c.layers.holds().finding(Limited).By, ControlGroups) {
		t.Fatalf("no control group is used: %+v", c.layers)
	}
	return c
}

func TestInJailCgroupsLimitMemory(t *testing.T) {
	c := inCgroup(t, Limits{})
	if err := c.cgroup.set("memory.max", "100000000"); err != nil { // less than the watching waits for
		t.Fatal(err)
	}
	exit, err := c.Run(t.Context(), c.command("child", "allocate"))
	if !errors.Is(err, ErrGone) || exit.Broke != LimitMemory {
		t.Errorf("%+v, %v", exit, err)
	}
	if n := c.cgroup.count(); n.killed == 0 || n.full == 0 {
		t.Errorf("it was not the system that ended it: %+v", n)
	}
	if n := c.cgroup.numbers("cgroup.events")["populated"]; n != 0 {
		t.Error("something is alive")
	}
}

// A program that gets no more processes may end before anybody has counted them.
func TestInJailCgroupsTellThatProcessesWereRefused(t *testing.T) {
	c := inCgroup(t, Limits{})
	if err := c.cgroup.set("pids.max", "40"); err != nil { // fewer than the watching waits for
		t.Fatal(err)
	}
	exit, err := c.Run(t.Context(), c.command("fork"))
	if err != nil || exit.Broke != LimitProcesses {
		t.Errorf("%+v, %v", exit, err)
	}
	if exit, err = c.Run(t.Context(), c.command("nothing")); err != nil || !exit.Success() || exit.Broke != "" {
		t.Errorf("the next command: %+v, %v", exit, err)
	}
}

// Whoever kills the supervisor ends the command, and what it had left in the
// background, which without a namespace or a user id of its own nothing else does.
func TestInJailCgroupsEndWhatAKilledSupervisorLeaves(t *testing.T) {
	c := inCgroup(t, Limits{})
	go func() {
		for !there(c.own + "/left") {
			unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
		}
		_ = c.process.Process.Kill()
	}()
	if exit, err := c.Run(t.Context(), c.command("leave", c.own+"/left")); !errors.Is(err, ErrGone) || exit.Broke != "" {
		t.Errorf("%+v, %v", exit, err)
	}
	if n := c.cgroup.numbers("cgroup.events")["populated"]; n != 0 {
		t.Error("something is alive")
	}
}

// A hostile program raises no limit of its group and does not leave it.
func TestInJailCgroupsAreNotInReach(t *testing.T) {
	c := inCgroup(t, Limits{})
	attacks := onCgroup(c.cgroup)
	for _, i := range c.succeeding(t, attacks) {
		t.Errorf("%v succeeded (%+v)", attacks[i], c.layers)
	}
	if max, err := os.ReadFile(filepath.Join(string(c.cgroup), "memory.max")); err != nil || strings.TrimSpace(string(max)) == "max" {
		t.Errorf("its memory is limited to %s, %v", max, err)
	}
}

func onCgroup(g cgroup) [][]string {
	own, server := string(g), filepath.Join(filepath.Dir(string(g)), serverGroup)
	return [][]string{
		{"put", own + "/memory.max", "max"}, {"put", own + "/pids.max", "max"}, {"put", own + "/memory.oom.group", "0"},
		{"mkdir", own + "/below"}, {"startin", server}, {"startin", own + "/../" + serverGroup},
		{"put", server + "/cgroup.procs", "0"}, // the last one: it leaves
	}
}

// The same attacks succeed without a jail; else they would prove nothing.
func TestInJailAttacksOnCgroupsSucceedOutside(t *testing.T) {
	inMachine(t)
	path := ownGroup(t)
	if path == "" || strings.Contains(os.Getenv(machineVariable), "without") {
		t.Skip("no control group is delegated to this test, or one kernel is enough")
	}
	g, err := makeCgroup(path, defaults)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = RemoveCgroup(path + "/below") })
	for _, a := range onCgroup(g) {
		cmd := exec.Command(os.Args[0], append([]string{"attack"}, a...)...)
		cmd.SysProcAttr = &unix.SysProcAttr{}
		out := new(strings.Builder)
		cmd.Stdout = out
		if err := g.start(cmd, (*exec.Cmd).Run); err != nil {
			t.Errorf("%v: %v: %s", a, err, out)
		}
	}
}

// A group is emptied although its processes start others without end.
func TestInJailCgroupsEndForkBombs(t *testing.T) {
	inMachine(t)
	path := ownGroup(t)
	if path == "" {
		t.Skip("no control group is delegated to this test")
	}
	g, err := makeCgroup(path, Limits{Memory: 1 << 30, Processes: 30})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "attack", "daemons")
	cmd.SysProcAttr = &unix.SysProcAttr{}
	if err := g.start(cmd, (*exec.Cmd).Start); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there are as many as there may be", func() bool { return g.count().refused > 0 })
	if err := errors.Join(g.end(), RemoveCgroup(path)); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if there(path) {
		t.Error("the group is there")
	}
}

// What a killed server left is ended when its group is removed.
func TestInJailRemovedCgroupsHaveNoProcess(t *testing.T) {
	c := inCgroup(t, Limits{})
	done := make(chan error)
	go func() {
		_, err := c.Run(t.Context(), c.command("stubborn", c.own+"/up"))
		done <- err
	}()
	eventually(t, "it runs", func() bool { return there(c.own + "/up") })
	if err := RemoveCgroup(string(c.cgroup)); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrGone) {
		t.Error(err)
	}
}

// Using it twice is as good, and nothing happens where none was delegated.
func TestUseCgroup(t *testing.T) {
	own := func() string {
		content, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	before := own()
	dir, err := given()
	if err != nil {
		t.Fatal(err)
	}
	if dir == "" {
		if own() != before {
			t.Errorf("the process was in\n%sand is in\n%s", before, own())
		}
		return
	}
	t.Logf("control groups below %s", dir)
	if again, err := UseCgroup(); err != nil || again != dir {
		t.Errorf("using %s again: %q, %v", dir, again, err)
	}
	if !strings.HasSuffix(strings.TrimSpace(own()), "/"+serverGroup) {
		t.Errorf("the process is in %s", own())
	}
	for name, want := range map[string]string{"cgroup.procs": "", "cgroup.subtree_control": strings.Join(controllers, " ")} {
		if content, err := os.ReadFile(filepath.Join(dir, name)); err != nil || strings.TrimSpace(string(content)) != want {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "trial-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
