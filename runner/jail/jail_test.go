package jail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/longtest"
)

var notify = signal.Notify

// machines are what the tests of properties run on: this kernel, and kernels or
// containers that offer less, each as root and as another user. What they cannot
// hold is required of none.
var machines = []struct {
	name, without string
	root          bool
	missing       []Property
}{
	{"root", "", true, nil},
	{"root without namespaces", "namespaces", true, nil},
	{"root without Landlock", "landlock", true, nil},
	{"root without both", "namespaces landlock", true, nil},
	{"user", "", false, nil},
	{"user without namespaces", "namespaces", false, nil},
	{"user without Landlock", "landlock", false, nil},
	{"user without both", "namespaces landlock", false, []Property{Files, Environment, Signals}},
}

// image is the user of the image's Dockerfile.
const image = 10001

// TestOnEveryMachine runs the tests of this package that begin with TestIn once on
// every machine.
func TestOnEveryMachine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("run this as root: it becomes other users itself")
	}
	binary := copyOfSelf(t)
	for i, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"-test.run=^TestIn", "-test.v", "-test.count=1"}
			if testing.Short() {
				args = append(args, "-test.short")
			}
			cmd := exec.Command(binary, args...)
			if m.without != "" {
				cmd.Args = append([]string{binary, "take", m.without}, cmd.Args...)
			}
			dir := t.TempDir()
			open(t, filepath.Dir(dir), dir)
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, machineVariable + "=" + m.name, longVariable + "=" + os.Getenv(longVariable)}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			uid := 0
			if !m.root {
				uid = image + i - 4 // one for each: the system counts processes by user
				if err := os.Chown(dir, uid, uid); err != nil {
					t.Fatal(err)
				}
				cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
			}
			delegatedTo(t, uid, fmt.Sprintf("machine-%d", i), cmd)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if dir, _ := given(); dir != "" && !contains(missingOn(m.name), Files) && !strings.Contains(string(out), "--- PASS: TestInJailCgroupsAreNotInReach") {
				t.Errorf("no control group was used:\n%s", out)
			}
			if ran := strings.Count(string(out), "--- PASS: TestIn"); err == nil && ran < 5 {
				t.Errorf("only %d tests ran:\n%s", ran, out)
			}
		})
	}
}

// none is a control group that cannot be made: processes are only watched.
const none = "/there/is/none"

const (
	machineVariable = "LOCKKEEPER_TEST_MACHINE" // on which tests run
	longVariable    = longtest.Variable         // make test-long
)

// copyOfSelf is the test binary where everybody can run it.
func copyOfSelf(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	open(t, filepath.Dir(dir), dir)
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "jail.test")
	if err := os.WriteFile(name, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// open lets everybody pass through directories, which those of tests are not.
func open(t testing.TB, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// inMachine skips a test of a machine where there is none.
func inMachine(t *testing.T) (missing []Property) {
	t.Helper()
	name := os.Getenv(machineVariable)
	if name == "" {
		t.Skip("TestOnEveryMachine runs this")
	}
	return missingOn(name)
}

// missingOn is what a machine cannot hold, which also depends on how old the kernel
// of this one is.
func missingOn(machine string) []Property {
	if machine == "user without namespaces" { // Landlock is alone
		switch version := landlockVersion(); {
		case version < landlockTruncates:
			return []Property{Files, Signals}
		case version < landlockScopes:
			return []Property{Signals}
		}
	}
	for _, m := range machines {
		if m.name == machine {
			return m.missing
		}
	}
	return nil
}

// cell is a jail and what is around it.
type cell struct {
	*Jail
	own    string // a directory of its own
	out    *os.File
	binary string
}

// newCell makes a jail that can run the test binary.
func newCell(t testing.TB, c Config, without func(*layers)) *cell {
	t.Helper()
	dir := t.TempDir()
	open(t, filepath.Dir(dir), dir)
	n := &cell{own: filepath.Join(dir, "own"), binary: os.Args[0]}
	if err := os.Mkdir(n.own, 0o700); err != nil {
		t.Fatal(err)
	}
	if c.Cgroup == "" {
		c.Cgroup = ownGroup(t)
	}
	var err error
	if n.out, err = os.Create(filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.out.Close() })
	c.Box.Read, c.Box.Own = append(c.Box.Read, n.binary), append(c.Box.Own, n.own)
	if c.Stdout == nil {
		c.Stdout, c.Stderr = n.out, n.out
	}
	if n.Jail, err = start(t.Context(), c, without); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func (c *cell) command(args ...string) Command {
	return Command{Args: append([]string{c.binary, "attack"}, args...), Dir: c.own, Env: []string{"HOME=" + c.own}, Grace: 10 * time.Second}
}

// attack runs an attack and reports whether it succeeded.
func (c *cell) attack(t testing.TB, args ...string) bool {
	t.Helper()
	exit, err := c.Run(t.Context(), c.command(args...))
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	if exit.Code != 0 && exit.Code != stopped {
		t.Fatalf("%v: %+v: %s", args, exit, c.printed(t))
	}
	return exit.Code == 0
}

// succeeding carries out attacks one after the other in one program, which costs
// less than one for each, and returns the numbers of those that succeeded.
func (c *cell) succeeding(t testing.TB, attacks [][]string) []int {
	t.Helper()
	args := []string{"each"}
	for _, a := range attacks {
		args = append(append(args, a...), nextAttack)
	}
	before := len(c.printed(t))
	if !c.attack(t, args...) {
		t.Fatalf("not all of %v were made:\n%s", attacks, c.printed(t))
	}
	var out []int
	for line := range strings.Lines(c.printed(t)[before:]) {
		if n, ok := strings.CutPrefix(line, "succeeded: "); ok {
			out = append(out, number(strings.TrimSpace(n)))
		}
	}
	return out
}

func (c *cell) printed(t testing.TB) string {
	t.Helper()
	content, err := os.ReadFile(c.out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// outside is what a jail must not reach: files and a process of the same user.
type outside struct {
	dir, file, socket string
	listener          string // path of a socket on which everybody may speak
	private           string // a file that only the caller may read, in a directory that is given to be read
	memory            int    // id of a shared memory segment
	pid               string
	at                string // where in its memory the secret is
	process           *exec.Cmd
}

func newOutside(t testing.TB) *outside {
	t.Helper()
	base := t.TempDir()
	open(t, filepath.Dir(base), base)
	o := &outside{dir: filepath.Join(base, "private"), socket: fmt.Sprintf("victim-%d-%d", os.Getpid(), time.Now().UnixNano())}
	o.file = filepath.Join(o.dir, "key.pem")
	if err := errors.Join(os.Mkdir(o.dir, 0o711), os.WriteFile(o.file, []byte(secret), 0o600)); err != nil {
		t.Fatal(err)
	}
	o.listener, o.private = fmt.Sprintf("/tmp/%s", o.socket), filepath.Join(base, "given/private") // names of sockets are short
	l, err := net.Listen("unix", o.listener)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := errors.Join(os.Chmod(o.listener, 0o777), os.Mkdir(base+"/given", 0o755), os.WriteFile(o.private, []byte(secret), 0o600)); err != nil {
		t.Fatal(err)
	}
	if o.memory, err = unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.SysvShmCtl(o.memory, unix.IPC_RMID, nil) })
	segment, err := unix.SysvShmAttach(o.memory, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	copy(segment, secret)
	if err := unix.SysvShmDetach(segment); err != nil {
		t.Fatal(err)
	}
	o.process = exec.Command(os.Args[0], "victim", o.socket)
	o.process.Env = []string{"SECRET=" + secret}
	stdin, err := o.process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := o.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = stdin.Close(), o.process.Wait() })
	if o.at, err = bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	o.at = strings.TrimSpace(o.at)
	o.pid = fmt.Sprint(o.process.Process.Pid)
	return o
}

// alive reports whether the process was not killed.
func (o *outside) alive() bool {
	var status unix.WaitStatus
	pid, err := unix.Wait4(o.process.Process.Pid, &status, unix.WNOHANG, nil)
	return err == nil && pid == 0
}

// on are the attacks on what is outside, by the property that stops them.
func (o *outside) on(c *cell) map[Property][][]string {
	return map[Property][][]string{
		Files: {
			{"read", o.file}, {"write", o.file}, {"truncate", o.file}, {"remove", o.file}, {"chmod", o.file}, {"create", o.dir + "/new"},
			{"rename", o.file, c.own + "/stolen"}, {"link", o.file, c.own + "/link"}, {"read", c.own + "/../private/key.pem"},
			{"create", "/usr/lockkeeper-was-here"}, {"create", "/lockkeeper-was-here"}, {"write", "/etc/hosts"},
		},
		Environment: {{"environ", o.pid}, {"memory", o.pid, o.at}, {"trace", o.pid}, {"openfile", o.pid}},
		Signals: {
			{"limit", o.pid}, {"slow", "affinity", o.pid}, {"slow", "scheduler", o.pid}, {"slow", "parameter", o.pid}, {"slow", "attributes", o.pid},
			{"slow", "priority", o.pid}, {"slow", "priority of a user", o.pid}, {"slow", "disk", o.pid},
			{"kill", o.pid}, {"killpidfd", o.pid},
		},
	}
}

// mode is Required unless the machine cannot hold something.
func mode(missing []Property) Mode {
	if len(missing) > 0 {
		return BestEffort
	}
	return Required
}

func TestInJailNothingOutsideIsReached(t *testing.T) {
	missing := inMachine(t)
	o := newOutside(t)
	c := newCell(t, Config{Mode: mode(missing)}, nil)
	for property, attacks := range o.on(c) {
		if contains(missing, property) {
			continue
		}
		for _, i := range c.succeeding(t, attacks) {
			t.Errorf("%s: %v succeeded (%+v)", property, attacks[i], c.layers)
		}
		if !o.alive() {
			t.Fatalf("%s: one of %v killed the process outside", property, attacks)
		}
	}
	if content, err := os.ReadFile(o.file); err != nil || string(content) != secret {
		t.Errorf("the file is changed: %q, %v", content, err)
	}
	inside := [][]string{{"namespaces"}, {"userspace"}, {"iouring"}, {"keys"}, {"ownmemory"}, {"semaphore"}, {"messages"}, {"queue"}, {"memfd"}}
	for _, i := range c.succeeding(t, inside) {
		t.Errorf("%v succeeded", inside[i])
	}
	if os.Getuid() == 0 && c.attack(t, "root") {
		t.Error("it became root again")
	}
}

// What a jail may only read keeps its mode, owner and attributes, also for those
// who have opened it.
func TestInJailWhatIsReadIsNotChanged(t *testing.T) {
	missing := inMachine(t)
	o := newOutside(t)
	c := newCell(t, Config{Mode: mode(missing), Box: Box{Read: []string{filepath.Dir(o.private)}}}, nil)
	before, err := os.Stat(o.private)
	if err != nil {
		t.Fatal(err)
	}
	attacks := [][]string{{"chmod", o.private}, {"chmodopen", o.private}, {"chownopen", o.private}, {"attributeopen", o.private}}
	for _, i := range c.succeeding(t, attacks) {
		t.Errorf("%v succeeded (%+v)", attacks[i], c.layers)
	}
	if after, err := os.Stat(o.private); err != nil || after.Mode() != before.Mode() {
		t.Errorf("the mode of a file that is only read is now %v: %v", after.Mode(), err)
	}
}

// A program changes what is its own: nothing here is only for others.
func TestInJailProcessesChangeThemselves(t *testing.T) {
	missing := inMachine(t)
	c := newCell(t, Config{Mode: mode(missing)}, nil)
	all := [][]string{
		{"slow", "affinity", "0"}, {"slow", "scheduler", "0"}, {"slow", "parameter", "0"}, {"slow", "attributes", "0"},
		{"slow", "priority", "0"}, {"slow", "disk", "0"}, {"limit", "0"},
	}
	worked := c.succeeding(t, all)
	for i, a := range all {
		if !contains(worked, i) {
			t.Errorf("%v does not work:\n%s", a, c.printed(t))
		}
	}
}

// What terraform, providers and scripts need.
func TestInJailProgramsWork(t *testing.T) {
	missing := inMachine(t)
	base := t.TempDir()
	open(t, filepath.Dir(base), base)
	shared, given, view := base+"/shared", base+"/given", base+"/view"
	plan, renewed := base+"/plan", base+"/renewed"
	state := shared + "/state"
	for _, err := range []error{
		os.Mkdir(shared, 0o755), os.Mkdir(given, 0o755), os.WriteFile(given+"/file", []byte(secret), 0o644),
		os.WriteFile(plan, nil, 0o600), os.Mkdir(renewed, 0o700), os.WriteFile(state, []byte(secret), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	open(t, filepath.Dir(dir), dir)
	if err := errors.Join(os.Mkdir(dir+"/own", 0o700), os.Symlink(dir, view)); err != nil {
		t.Fatal(err)
	}
	c := newCell(t, Config{Mode: mode(missing), Box: Box{
		Read: []string{given, "/does/not/exist"}, Given: []string{plan, renewed}, Own: []string{dir + "/own"}, Write: []string{shared},
		Names: map[string]string{view + "/own": dir + "/own"},
	}}, nil)
	for _, a := range [][]string{
		{"nothing"}, {"shell"}, {"create", c.own + "/file"}, {"rename", c.own + "/file", c.own + "/other"}, {"remove", c.own + "/other"},
		{"read", given + "/file"}, {"read", state}, {"write", state}, {"create", shared + "/another"}, {"create", view + "/own/x"}, {"list", dir + "/own"},
	} {
		if !c.attack(t, a...) {
			t.Errorf("%v does not work:\n%s", a, c.printed(t))
		}
	}
	if _, err := os.Stat(dir + "/own/x"); err != nil {
		t.Error("a further name shows something else")
	}
	if len(missing) == 0 && c.attack(t, "write", given+"/file") {
		t.Error("what is given to read was written")
	}
	if err := os.WriteFile(plan, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	if !c.attack(t, "read", plan) {
		t.Errorf("a file whose content came later cannot be read:\n%s", c.printed(t))
	}
	if len(missing) == 0 && c.attack(t, "write", plan) {
		t.Error("a file that it was given to read was written")
	}
	for _, err := range []error{os.WriteFile(renewed+"/new", []byte(secret), 0o644), os.Rename(renewed+"/new", renewed+"/file")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !c.attack(t, "read", renewed+"/file") {
		t.Errorf("a file that was put into a directory later cannot be read:\n%s", c.printed(t))
	}
	if len(missing) == 0 && (c.attack(t, "write", renewed+"/file") || c.attack(t, "create", renewed+"/another")) {
		t.Error("a directory that it was given to read was written")
	}
	// Another jail, with another user id, goes on with what the first one left.
	next := newCell(t, Config{Mode: mode(missing), Box: Box{Write: []string{shared}}}, nil)
	if len(missing) == 0 && next.attack(t, "read", renewed+"/file") {
		t.Error("what one jail was given is read by another")
	}
	if !next.attack(t, "write", shared+"/another") {
		t.Errorf("a shared file cannot be written by the next jail:\n%s", next.printed(t))
	}
}

// A job of a server that is root must not be able to take the user ids of all others.
func TestInJailNobodyTakesTheUsersOfOthers(t *testing.T) {
	inMachine(t)
	if os.Getuid() != 0 {
		t.Skip("only jobs of root have a user id of their own")
	}
	c := Config{Mode: BestEffort, Users: Users{First: 61_000, Last: 61_099}}
	jailed := newCell(t, c, nil)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = jailed.Run(ctx, jailed.command("squat", "61000", "61099")) // what it says is looked for below
	}()
	defer func() { cancel(); <-over }()
	for !strings.Contains(jailed.printed(t), "has them") {
		select {
		case <-over:
			return // it could not take them
		case <-time.After(10 * time.Millisecond):
		}
	}
	newCell(t, c, nil)
}

func TestInJailNothingOutlivesItsCommand(t *testing.T) {
	missing := inMachine(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := newCell(t, Config{Mode: mode(missing), Stdout: write, Stderr: write}, nil)
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if !c.attack(t, "daemon") {
		t.Fatal("no daemon was left")
	}
	if below := childrenOf(c.process.Process.Pid); len(below) > 0 {
		t.Errorf("alive: %v", below)
	}
	if err := c.Close(); err != nil { // the supervisor has the output open, too
		t.Fatal(err)
	}
	if err := read.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, read); err != nil {
		t.Errorf("something holds the output open: %v", err)
	}
}

func TestInJailLimitsHold(t *testing.T) {
	missing := inMachine(t)
	limits := Limits{Memory: 256 << 20, Processes: 60, Files: 100, FileSize: 1 << 20}
	c := newCell(t, Config{Mode: mode(missing), Cgroup: none, Box: Box{Limits: limits}}, nil)
	exit, err := c.Run(t.Context(), c.command("fork"))
	if err != nil || exit.Broke != LimitProcesses || exit.Signal != int(unix.SIGKILL) {
		t.Errorf("many processes: %+v, %v", exit, err)
	}
	if everywhere() || !strings.Contains(os.Getenv(machineVariable), "without") {
		memoryIsBounded(t, c, limits)
	}
	if c.attack(t, "open") {
		t.Error("20,000 files are open")
	}
	exit, err = c.Run(t.Context(), c.command("fill", c.own+"/large"))
	if info, statErr := os.Stat(c.own + "/large"); err != nil || exit.Success() || statErr != nil || info.Size() > limits.FileSize {
		t.Errorf("a large file: %+v, %v, %v", exit, err, statErr)
	}
	if !c.attack(t, "nothing") {
		t.Error("nothing runs after that")
	}
}

// Memory of the kernel, such as what lies in sockets, counts for no process. When
// there is none left the kernel ends something, and that is not the server.
func TestInJailTheKernelEndsJobsFirst(t *testing.T) {
	inMachine(t)
	c := newCell(t, Config{Mode: BestEffort, Cgroup: none}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = c.Run(ctx, Command{Args: []string{"/bin/sleep", "600"}, Dir: "/"}) // it is interrupted
	}()
	defer func() { cancel(); <-over }()
	for {
		for _, pid := range childrenOf(c.process.Process.Pid) {
			name := fmt.Sprintf("/proc/%d/", pid)
			if to, err := os.ReadFile(name + "comm"); err != nil || string(to) != "sleep\n" {
				continue
			}
			content, err := os.ReadFile(name + "oom_score_adj")
			if err != nil || string(content) != "1000\n" {
				t.Errorf("%q, %v", content, err)
			}
			return
		}
		select {
		case <-over:
			t.Fatalf("it has ended: %s", c.printed(t))
		case <-time.After(time.Millisecond):
		}
	}
}

// A job of a server that is not root has its user, and so its watches of epoll(7):
// without any no program in Go starts, and no connection is taken.
func TestInJailNobodyTakesAllWatches(t *testing.T) {
	inMachine(t)
	if os.Getenv(machineVariable) != "user" || !everywhere() {
		t.Skip("it takes 4 % of the machine's memory: make test-long runs it, once")
	}
	c := newCell(t, Config{Cgroup: none}, nil)
	exit, err := c.Run(t.Context(), c.command("watch"))
	if err != nil || exit.Broke != LimitWatches {
		t.Errorf("%+v, %v: %s", exit, err, c.printed(t))
	}
	if !c.attack(t, "nothing") {
		t.Error("nothing runs after that")
	}
}

// everywhere reports that tests which only take long run on every machine, and
// not only on those that have the whole kernel.
func everywhere() bool { return os.Getenv(longVariable) != "" }

func memoryIsBounded(t *testing.T, c *cell, limits Limits) {
	t.Helper()
	// Whoever is faster than the next look meets the system's own limit, beyond this one.
	exit, err := c.Run(t.Context(), c.command("allocate"))
	if err != nil || exit.Success() || exit.Broke != LimitMemory && exit.Memory < limits.Memory {
		t.Errorf("much memory: %+v, %v", exit, err)
	}
	small := newCell(t, Config{Mode: BestEffort, Cgroup: none, Box: Box{Limits: Limits{Memory: 128 << 20}}}, nil)
	exit, err = small.Run(t.Context(), small.command("allocateshared"))
	if err != nil || exit.Broke != LimitMemory {
		t.Errorf("much shared memory: %+v, %v", exit, err)
	}
}

func TestInJailCommandsAreInterruptedAndKilled(t *testing.T) {
	missing := inMachine(t)
	c := newCell(t, Config{Mode: mode(missing)}, nil)
	when := func(name string, grace time.Duration) Exit {
		t.Helper()
		up := c.own + "/up-" + name
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for {
				if _, err := os.Stat(up); err == nil {
					cancel()
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		command := c.command(name, up)
		command.Grace = grace
		exit, err := c.Run(ctx, command)
		if err != nil {
			t.Fatal(err)
		}
		return exit
	}
	if exit := when("interrupted", time.Minute); !exit.Success() || exit.Killed {
		t.Errorf("interrupted: %+v", exit)
	}
	if exit := when("stubborn", 10*time.Millisecond); exit.Signal != int(unix.SIGKILL) || !exit.Killed {
		t.Errorf("stubborn: %+v", exit)
	}
}

func contains[T comparable](list []T, x T) bool {
	for _, have := range list {
		if have == x {
			return true
		}
	}
	return false
}
