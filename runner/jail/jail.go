package jail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrGone means that the supervisor was killed: what ran is killed with it, or
// about to be.
var ErrGone = errors.New("the process that looked after the command was killed")

// startWithin is how long a supervisor may take to stand.
const startWithin = 30 * time.Second

// Jail is a box with a supervisor. Make one with Start. Its methods are called by
// one goroutine.
type Jail struct {
	layers  layers
	limits  Limits
	process *exec.Cmd
	cgroup  cgroup
	control *os.File
	orders  *json.Encoder
	answers *json.Decoder
	user    user
}

// Unmet is the error of Start when a property cannot be held that is required.
type Unmet struct{ Missing []Finding }

// Error implements error.
func (u *Unmet) Error() string {
	var names []string
	for _, f := range u.Missing {
		names = append(names, string(f.Property)+" ("+f.Remedy+")")
	}
	return "this machine cannot keep apart: " + strings.Join(names, ", ")
}

// Start makes a jail and waits until it stands. With Required a property that
// cannot be held is an error of type *Unmet, and nothing was started. Close must
// be called.
func Start(ctx context.Context, c Config) (*Jail, error) { return start(ctx, c, nil) }

// start is Start; without takes layers away, for tests that see what each does.
func start(ctx context.Context, c Config, without func(*layers)) (*Jail, error) {
	if os.Args[0] == supervisorName {
		return nil, errors.New("a jail inside of a jail")
	}
	var owner user
	if c.Mode != Off {
		var err error
		if owner, err = takeUser(c.Users); err != nil {
			return nil, err
		}
	}
	j, err := startAs(ctx, c, owner, without)
	if err != nil && owner.held != nil {
		_ = owner.held.Close()
	}
	return j, err
}

func startAs(ctx context.Context, c Config, owner user, without func(*layers)) (*Jail, error) {
	c.Box.Limits = c.Box.Limits.WithDefaults()
	own, _ := makeCgroup(c.Cgroup, c.Box.Limits) // or limits are held without it
	var refused error
	var unmet *Unmet // of the last layers, which hold least
	for _, l := range ladder(c.Mode, owner.id) {
		if without != nil {
			without(&l)
		}
		l.Cgroup = own != "" && l.keepsFiles() // else programs would change their own limits
		if missing := Report(l.holds()).Missing(); len(missing) > 0 && (c.Mode == Required || c.Mode == "") {
			unmet = &Unmet{missing}
			continue
		}
		j, err := try(ctx, c, l, owner, own)
		if err == nil || ctx.Err() != nil {
			return j, err
		}
		refused = errors.Join(refused, err)
	}
	if unmet != nil {
		return nil, unmet
	}
	return nil, fmt.Errorf("starting a jail: %w", refused)
}

// ladder are the sets of layers to try, best first. Namespaces may be had or not,
// and only trying tells.
func ladder(mode Mode, uid int) []layers {
	if mode == Off {
		return []layers{{}}
	}
	base := layers{Landlock: landlockVersion(), Seccomp: true, UID: uid}
	all := base
	all.User, all.Mount, all.PID = true, true, true
	out := []layers{all}
	if uid != 0 {
		root := all
		root.User = false
		out = append(out, root)
	}
	noMount := all
	noMount.Mount = false
	return append(out, noMount, base)
}

// try starts a supervisor with exactly these layers.
func try(ctx context.Context, c Config, l layers, owner user, own cgroup) (*Jail, error) {
	if l.UID == 0 {
		owner.id = 0
	}
	if !l.Cgroup {
		own = ""
	}
	if c.Box.Over != nil && !l.Mount {
		return nil, errors.New("without a mount namespace no directory is laid over another")
	}
	if err := owner.give(c.Box.Own); err != nil {
		return nil, err
	}
	for _, path := range c.Box.Given {
		if err := owner.show(path); err != nil {
			return nil, err
		}
	}
	groups, err := owner.share(c.Users, c.Box.Write)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	cmd := supervisorCommand(l, groups)
	if c.Binary != "" {
		cmd.Path = c.Binary
	}
	cmd.ExtraFiles = append([]*os.File{theirs, c.Stdout, c.Stderr}, c.Keep...)
	if owner.held != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, owner.held)
	}
	err = own.start(cmd, startDumpable)
	_ = theirs.Close() // else this process would wait for an answer from itself
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("starting the supervisor: %w", err)
	}
	j := &Jail{layers: l, limits: c.Box.Limits, process: cmd, cgroup: own, control: ours, user: owner, orders: json.NewEncoder(ours), answers: json.NewDecoder(ours)}
	tasks := 0
	if !l.User && l.UID == 0 {
		tasks = -1
		if uid := os.Geteuid(); uid != 0 {
			tasks = tasksOf(uid)
		}
	}
	err = j.ask(ctx, order{Setup: &setup{Box: c.Box, Layers: l, Groups: groups, Nobody: owner.nobody, Tasks: tasks}})
	if err != nil {
		owner := j.user
		j.user.held = nil // for the next try
		err = errors.Join(err, j.Close())
		j.user = owner
		return nil, err
	}
	return j, nil
}

func supervisorCommand(l layers, groups []int) *exec.Cmd {
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{supervisorName}, Env: []string{"GOMAXPROCS=2"}, Stderr: os.Stderr}
	attr := &syscall.SysProcAttr{}
	cmd.SysProcAttr = attr
	if l.Mount {
		attr.Cloneflags |= unix.CLONE_NEWNS
	}
	if l.PID {
		attr.Cloneflags |= unix.CLONE_NEWPID | unix.CLONE_NEWIPC
	}
	uid, gid := os.Geteuid(), os.Getegid()
	if l.UID != 0 {
		attr.Credential = &syscall.Credential{} // no further groups
	}
	if !l.User {
		return cmd
	}
	attr.Cloneflags |= unix.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	if l.UID == 0 {
		// Those of files are for a directory that is laid over another: the system
		// works in it with the rights of who laid it.
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_CHOWN}
		return cmd
	}
	attr.GidMappingsEnableSetgroups = true
	attr.UidMappings = append(attr.UidMappings, syscall.SysProcIDMap{ContainerID: l.UID, HostID: l.UID, Size: 1})
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	for _, g := range append([]int{l.UID}, groups...) {
		attr.GidMappings = append(attr.GidMappings, syscall.SysProcIDMap{ContainerID: g, HostID: g, Size: 1})
	}
	return cmd
}

// Guard keeps the environment and memory of this process from others, and its
// memory out of files when it crashes.
func Guard() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keeping other processes out: %w", err)
	}
	return nil
}

// startDumpable starts a process in a user namespace. The caller writes its
// user ids, which the system allows only of what may be dumped; the supervisor
// ends that for itself at once.
func startDumpable(cmd *exec.Cmd) error {
	was, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err == nil && was == 0 && os.Geteuid() != 0 && cmd.SysProcAttr.UidMappings != nil {
		dumping.Lock()
		defer dumping.Unlock()
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
			return err
		}
		defer func() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }()
	}
	return cmd.Start()
}

// dumping is held while this process, of which there is one, can be dumped.
var dumping sync.Mutex

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket for the supervisor: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that Close ends a read
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "supervisor"), os.NewFile(uintptr(fds[1]), "control"), nil
}

// ask sends the setup and waits for the answer.
func (j *Jail) ask(ctx context.Context, o order) error {
	if err := j.orders.Encode(o); err != nil {
		return fmt.Errorf("telling the supervisor what to do: %w", err)
	}
	if err := j.control.SetReadDeadline(time.Now().Add(startWithin)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = j.control.SetReadDeadline(time.Unix(1, 0)) })()
	var a answer
	if err := j.answers.Decode(&a); err != nil {
		return fmt.Errorf("waiting for the supervisor: %w", err)
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return j.control.SetReadDeadline(time.Time{})
}

// Run runs a command and returns when it and everything that it started have
// ended. The end of ctx interrupts it; after its grace time it is killed, as it is
// when a limit is broken. An error means that it did not run, or is ErrGone: then
// the Exit says which limit was broken, if any, and what was seen.
func (j *Jail) Run(ctx context.Context, c Command) (Exit, error) {
	before := j.cgroup.count()
	if err := j.orders.Encode(order{Run: &c}); err != nil {
		return Exit{}, ErrGone
	}
	over := make(chan struct{})
	watched := make(chan seen)
	go func() { watched <- j.watch(ctx, c, before, over) }()
	var a answer
	err := j.answers.Decode(&a)
	close(over)
	w := <-watched
	if a.Exit == nil {
		a.Exit = &Exit{}
	}
	a.Exit.Killed, a.Exit.Broke = w.killed, cmp.Or(w.broke, j.cgroup.count().broken(before))
	a.Exit.Requested, a.Exit.Processes, a.Exit.Files = w.requested, max(a.Exit.Processes, w.tasks), w.files
	switch {
	case err != nil:
		return *a.Exit, j.gone()
	case a.Error != "":
		return Exit{}, errors.New(a.Error)
	}
	return *a.Exit, nil
}

// gone is the end of a command whose supervisor was killed. The command itself, or
// all of a namespace, ends with it; a control group or a user id of its own tells
// the rest.
func (j *Jail) gone() error {
	if j.cgroup != "" {
		return errors.Join(ErrGone, j.cgroup.end())
	}
	if j.layers.UID != 0 && !j.layers.PID {
		return errors.Join(ErrGone, killUser(j.user))
	}
	return ErrGone
}

// seen is what was seen of a command from outside.
type seen struct {
	killed bool  // because it did not end in time
	broke  Limit // for which it was killed
	use          // the most
}

// watch interrupts and kills a command, and looks after limits, until it is over.
// before is what was counted when it began.
func (j *Jail) watch(ctx context.Context, c Command, before counted, over <-chan struct{}) (w seen) {
	var watches watches
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	asked, late := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case <-over:
			return w
		case <-asked:
			asked, late = nil, time.After(c.Grace)
			_ = j.orders.Encode(order{Signal: interrupt}) // it has ended otherwise
		case <-late:
			w.killed = true
			_ = j.orders.Encode(order{Signal: kill})
		case <-look.C:
			if w.broke != "" {
				continue
			}
			now := useBelow(j.process.Process.Pid)
			w.use = w.most(now)
			if w.broke = cmp.Or(j.cgroup.count().broken(before), j.limits.broken(now)); w.broke == "" && watches.taken(j.process.Process.Pid, c.Last) {
				w.broke = LimitWatches
			}
			if w.broke != "" {
				_ = j.orders.Encode(order{Signal: kill})
			}
		}
	}
}

// Close ends the jail. Between commands nothing is alive in it but the supervisor,
// which ends by itself now; taking its namespaces apart is not waited for.
func (j *Jail) Close() error {
	err := j.control.Close()
	go func() { _ = j.process.Wait() }() // how it ended was reported, or does not matter
	if j.user.held != nil {
		err = errors.Join(err, j.user.held.Close())
	}
	return err
}

// Renames reports whether Box.Names are seen in the jail although nothing is there
// outside.
func (j *Jail) Renames() bool { return j.layers.Mount }

// Missing are the properties that nothing holds.
func (j *Jail) Missing() []Property {
	var out []Property
	for _, f := range j.layers.holds().Missing() {
		out = append(out, f.Property)
	}
	return out
}
