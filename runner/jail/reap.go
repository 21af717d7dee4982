package jail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// reap waits for the command, then ends everything that it left, and returns
// when this process has no child any more. Orphans become its children, so that
// is everything.
func (s *supervisor) reap(command int) (Exit, error) {
	var exit Exit
	for {
		pid, status, err := s.waitFor(0, &exit)
		if err != nil {
			return Exit{}, fmt.Errorf("waiting for the command: %w", err)
		}
		if pid == command {
			exit.Code, exit.Signal = status.ExitStatus(), 0
			if status.Signaled() {
				exit.Code, exit.Signal = 0, int(status.Signal())
			}
			break
		}
	}
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		if err := s.elsewhere(s.endAll); err != nil {
			return Exit{}, err
		}
		for {
			pid, _, err := s.waitFor(unix.WNOHANG, &exit)
			if errors.Is(err, unix.ECHILD) {
				return exit, nil
			}
			if err != nil {
				return Exit{}, fmt.Errorf("waiting for what the command left: %w", err)
			}
			if pid == 0 {
				break
			}
			exit.Processes++
		}
		time.Sleep(pause) // the kernel is about to end them
	}
}

// waitFor reaps one child. It notes the largest one, and that the command is no
// more.
func (s *supervisor) waitFor(options int, exit *Exit) (int, unix.WaitStatus, error) {
	var status unix.WaitStatus
	var usage unix.Rusage
	for {
		if options == 0 { // so that the number of a process that is signalled is its own
			if err := waitUntilOneEnded(); err != nil {
				return 0, 0, err
			}
		}
		s.mu.Lock()
		pid, err := unix.Wait4(-1, &status, options|unix.WNOHANG, &usage)
		if err == nil && pid == s.pid {
			s.pid = 0
		}
		s.mu.Unlock()
		if errors.Is(err, unix.EINTR) || err == nil && pid == 0 && options == 0 {
			continue
		}
		exit.Memory = max(exit.Memory, usage.Maxrss<<10)
		return pid, status, err
	}
}

func waitUntilOneEnded() error {
	for {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// endAll kills everything in the jail but the supervisor.
func (s *supervisor) endAll() error {
	switch {
	case s.Layers.PID:
		return ignoreGone(unix.Kill(-1, unix.SIGKILL))
	case s.Layers.UID != 0:
		return killUser(user{id: s.Layers.UID, nobody: s.Nobody})
	}
	return s.killChildren()
}

func ignoreGone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// killUser kills every process of a user.
func killUser(u user) error {
	return u.as(func() error { return ignoreGone(unix.Kill(-1, unix.SIGKILL)) })
}

// as calls f on a thread that may do to processes what the user may, which only root
// can. The user may not signal it: for that its real or saved user id would have to be
// the user's (kill(2)), and one thread that is killed takes its process with it.
func (u user) as(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this function
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(u.nobody), uintptr(u.id), 0); errno != 0 {
			done <- fmt.Errorf("becoming user %d: %w", u.id, errno)
			return
		}
		done <- f()
	}()
	return <-done
}

// killChildren kills the children of this process. Their children become its own,
// and are killed the next time.
func (s *supervisor) killChildren() error {
	for _, pid := range childrenIn(s.tasks.FS()) {
		_ = unix.Kill(pid, unix.SIGKILL) // it has ended meanwhile, or is another user's
	}
	return nil
}

// childrenOf lists the processes that the threads of a process have started, and
// those that it took over.
func childrenOf(pid int) []int { return childrenIn(os.DirFS("/proc/" + strconv.Itoa(pid) + "/task")) }

func childrenIn(tasks fs.FS) []int {
	threads, err := fs.ReadDir(tasks, ".")
	if err != nil {
		return nil
	}
	var out []int
	for _, thread := range threads {
		content, err := fs.ReadFile(tasks, thread.Name()+"/children")
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(content)) {
			if child, err := strconv.Atoi(field); err == nil {
				out = append(out, child)
			}
		}
	}
	return out
}
