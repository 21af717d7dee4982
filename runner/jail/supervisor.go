package jail

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// supervisorName is how the supervisor is called: the name of the program that
// was started, which is this binary.
const supervisorName = "lockkeeper-jail"

// The open files of a supervisor, besides those that it keeps for others.
const (
	controlFD = 3
	stdoutFD  = 4
	stderrFD  = 5
)

// A binary that has this package is its own supervisor. That this is decided here and
// not in main saves the start of everything else that the binary has, for each
// job, and no binary or test can forget it.
func init() {
	switch {
	case len(os.Args) == 1 && os.Args[0] == supervisorName:
		syscall.Exit(supervise())
	case len(os.Args) > 2 && os.Args[1] == supervisorName:
		syscall.Exit(probing(os.Args[2:]))
	}
}

// supervise is the whole life of a supervisor; it returns its exit code.
func supervise() int {
	runtime.LockOSThread() // this thread keeps what rights there are
	control := os.NewFile(controlFD, "control")
	s := &supervisor{next: make(chan Command), done: make(chan Exit), failed: make(chan error), say: json.NewEncoder(control)}
	orders := json.NewDecoder(control)
	var first order
	if err := orders.Decode(&first); err != nil || first.Setup == nil {
		return 2
	}
	s.setup = *first.Setup
	if err := s.prepare(); err != nil {
		_ = s.say.Encode(answer{Error: err.Error()})
		return 1
	}
	if err := s.say.Encode(answer{}); err != nil {
		return 1
	}
	s.serve(orders)
	return 0
}

// supervisor starts commands, one at a time, and ends what they leave.
type supervisor struct {
	setup
	say    *json.Encoder
	tasks  *os.Root     // the threads of this process, seen also after the root has changed; nil when it has other means to end everything
	next   chan Command // for launch
	done   chan Exit    // how the command ended
	failed chan error   // why it could not be started

	mu          sync.Mutex
	running     *Command // guarded by mu
	pid         int      // guarded by mu: of what runs, 0 when nothing does or it has ended
	interrupted bool     // guarded by mu: it was interrupted once; a second time would tell terraform to drop its state
	killed      bool     // guarded by mu
}

// prepare takes this process into the jail as far as it goes itself, except for
// what only threads that start commands take on.
func (s *supervisor) prepare() error {
	if err := unix.CloseRange(controlFD, 1<<16, unix.CLOSE_RANGE_CLOEXEC); err != nil { // Linux before 5.11
		for fd := controlFD; fd < 256; fd++ {
			unix.CloseOnExec(fd)
		}
	}
	// Before others, when the machine has no memory left: what the kernel keeps for a
	// program, such as what lies in sockets, no limit counts without a control group.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // before Guard closes it; without it only chance decides
	if err := Guard(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming the parent of what is left behind: %w", err)
	}
	if !s.Layers.PID && s.Layers.UID == 0 {
		var err error
		if s.tasks, err = os.OpenRoot("/proc/self/task"); err != nil {
			return fmt.Errorf("looking for what is left behind: %w", err)
		}
	}
	if s.Layers.Mount {
		if err := newRoot(s.Box.mountPoints(), s.Box.Over); err != nil {
			return err
		}
	}
	if s.Layers.UID != 0 {
		syscall.Umask(0o002)               // what the groups of shared directories are for
		if err := s.endAll(); err != nil { // somebody who had this user id before
			return err
		}
	}
	return s.setLimits()
}

// serve does what is ordered until the other side is gone and nothing runs.
func (s *supervisor) serve(orders *json.Decoder) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
	ordered := make(chan order)
	go func() {
		defer close(ordered)
		for {
			var o order
			if orders.Decode(&o) != nil {
				return
			}
			ordered <- o
		}
	}()
	go s.launch()
	busy := false
	for ordered != nil || busy {
		select {
		case o, ok := <-ordered:
			switch {
			case !ok:
				ordered = nil
				s.orphaned()
			case o.Run != nil:
				busy = true
				s.begin(o.Run)
				s.next <- *o.Run
			default:
				s.signal(o.Signal)
			}
		case sig := <-signals: // from an engine whose runner was killed
			if sig == unix.SIGTERM {
				s.signal(kill)
			} else {
				s.signal(interrupt)
			}
		case exit := <-s.done:
			busy = false
			_ = s.say.Encode(answer{Exit: &exit}) // nobody may be there to hear it
		case err := <-s.failed:
			busy = false
			_ = s.say.Encode(answer{Error: err.Error()})
		}
	}
}

// begin notes a command that is about to be started: signals are for it from now on.
func (s *supervisor) begin(c *Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.interrupted, s.killed = c, false, false
}

// orphaned is when the process that started the jail is gone.
func (s *supervisor) orphaned() {
	s.mu.Lock()
	last := s.running != nil && s.running.Last
	s.mu.Unlock()
	if !last {
		s.signal(kill)
	}
}

// signal interrupts or kills what runs. What is interrupted before it has begun
// is so when it begins.
func (s *supervisor) signal(how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return
	}
	switch {
	case how == kill:
		s.killed = true
		s.send(unix.SIGKILL)
	case !s.interrupted:
		s.interrupted = true
		s.send(unix.SIGINT)
	}
}

// send sends a signal to the command. s.mu is held, and nothing is reaped
// meanwhile, so the number is still its own.
func (s *supervisor) send(sig unix.Signal) {
	if s.pid != 0 {
		_ = unix.Kill(s.pid, sig)
	}
}

// launch starts every command. Its thread takes on, for good, the restrictions
// that all of them inherit.
func (s *supervisor) launch() {
	runtime.LockOSThread()
	err := s.restrict()
	for c := range s.next {
		if err != nil {
			s.failed <- err
			continue
		}
		s.run(c)
	}
}

// run runs one command to its end, and to that of everything that it started.
func (s *supervisor) run(c Command) {
	exit, err := s.start(c)
	s.mu.Lock()
	s.running = nil
	s.mu.Unlock()
	if err != nil {
		s.failed <- err
		return
	}
	s.done <- exit
}

func (s *supervisor) start(c Command) (Exit, error) {
	attr := &syscall.ProcAttr{Dir: c.Dir, Env: c.Env, Files: []uintptr{0, stdoutFD, stderrFD}, Sys: &syscall.SysProcAttr{
		Setsid: true, Pdeathsig: unix.SIGKILL,
	}}
	if uid := s.Layers.UID; uid != 0 {
		attr.Sys.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
		for _, group := range s.Groups {
			attr.Sys.Credential.Groups = append(attr.Sys.Credential.Groups, uint32(group))
		}
	}
	if len(c.Args) == 0 {
		return Exit{}, errors.New("starting nothing")
	}
	// Held so that the number of the process is known before it can be reaped.
	s.mu.Lock()
	pid, err := syscall.ForkExec(c.Args[0], c.Args, attr)
	if err == nil {
		s.pid = pid
		s.limitMemory(pid)
		if s.interrupted {
			s.send(unix.SIGINT)
		}
		if s.killed {
			s.send(unix.SIGKILL)
		}
	}
	s.mu.Unlock()
	if err != nil {
		return Exit{}, &os.PathError{Op: "starting", Path: c.Args[0], Err: err}
	}
	return s.reap(pid)
}

// elsewhere calls f on a thread that has taken on no restrictions.
func (s *supervisor) elsewhere(f func() error) error {
	done := make(chan error)
	go func() { done <- f() }()
	return <-done
}
