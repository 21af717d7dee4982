package jail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Probe finds out what jails hold on this machine by trying: a program in one
// tries to reach a file and a process outside, to leave something behind, and to
// take more than it may. The means that it names are those that were in use. An
// error means that nothing could be tried.
func Probe(ctx context.Context) (Report, error) {
	dir, err := os.MkdirTemp("", "lockkeeper-probe-")
	if err != nil {
		return nil, fmt.Errorf("trying out a jail: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	report, err := probe(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("trying out a jail: %w", err)
	}
	return report, nil
}

// probeFiles is more than a program in the jail of a probe may open.
const probeFiles = 200

func probe(ctx context.Context, dir string) (Report, error) {
	program, private, err := probeDir(dir)
	if err != nil {
		return nil, err
	}
	v, err := startVictim(ctx)
	if err != nil {
		return nil, err
	}
	defer v.end()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	j, err := Start(ctx, Config{
		Mode: BestEffort, Stdout: null, Stderr: null,
		Box: Box{Read: []string{program}, Limits: Limits{Files: probeFiles}},
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = j.Close() }()
	report := j.layers.holds()
	exit, err := j.Run(ctx, Command{
		Args: []string{program, supervisorName, "reach", private, strconv.Itoa(v.pid), v.at}, Dir: "/", Grace: time.Second,
	})
	switch {
	case err != nil:
		return nil, err
	case exit.Signal != 0 || exit.Code&reached == 0:
		return nil, fmt.Errorf("the program in the jail did not do its work (exit code %d, signal %d)", exit.Code, exit.Signal)
	}
	report.reached(Files, exit.Code&reachedFile != 0)
	report.reached(Environment, exit.Code&reachedMemory != 0)
	report.reached(Signals, v.ended() || exit.Code&reachedLimits != 0)
	report.reached(Lifetime, len(childrenOf(j.process.Process.Pid)) > 0)
	report.reached(Limited, exit.Code&reachedFiles != 0)
	return report, nil
}

// reached corrects what is said of a property when an attack on it succeeded.
func (r Report) reached(p Property, succeeded bool) {
	for i, f := range r {
		if f.Property == p && f.Held && succeeded {
			r[i] = Finding{Property: p, Remedy: fmt.Sprintf("A program in a jail got out although this machine has %s: report this as a bug.", f.By)}
		}
	}
}

// probeDir makes a directory with this program, which others may run, and a file
// that nobody else may read.
func probeDir(dir string) (program, private string, err error) {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return "", "", err
	}
	program, private = filepath.Join(dir, "program"), filepath.Join(dir, "private")
	err = errors.Join(os.Chmod(dir, 0o711), os.WriteFile(private, []byte("x"), 0o600))
	if err == nil && os.Link(self, program) != nil { // another file system
		err = copyProgram(self, program)
	}
	return program, private, err
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// prober is a process outside that the program in the jail tries to reach.
type prober struct {
	cmd  *exec.Cmd
	hold io.Closer
	pid  int
	at   string // an address in its memory
}

func startVictim(ctx context.Context) (*prober, error) {
	p := &prober{cmd: exec.CommandContext(ctx, "/proc/self/exe", supervisorName, "wait")}
	p.cmd.Env = []string{}
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.hold, p.pid = stdin, p.cmd.Process.Pid
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		p.end()
		return nil, err
	}
	p.at = strings.TrimSpace(line)
	return p, nil
}

// ended reports whether it was killed. It cannot be called twice.
func (p *prober) ended() bool {
	var status unix.WaitStatus
	pid, err := unix.Wait4(p.pid, &status, unix.WNOHANG, nil)
	return err != nil || pid != 0
}

func (p *prober) end() {
	_ = p.hold.Close()
	_ = p.cmd.Wait()
}

// What the program in the jail tells by its exit code.
const (
	reached       = 1 << iota // it ran
	reachedFile               // it read the file
	reachedMemory             // it read the environment or memory of the process
	reachedFiles              // it opened more files than it may
	reachedLimits             // it set a limit of the process, which is as good as a signal
)

// probing is a process of a probe: the one outside, the one in the jail, or what
// the latter leaves behind.
func probing(args []string) (code int) {
	switch {
	case args[0] == "wait":
		fmt.Printf("%d\n", uintptr(unsafe.Pointer(&os.Args[0])))
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 0
	case args[0] == "linger":
		time.Sleep(time.Hour)
		return 0
	case args[0] == "reach" && len(args) == 4:
		return reach(args[1], args[2], args[3])
	}
	return 0
}

func reach(private, victim, at string) int {
	code := reached
	if _, err := os.ReadFile(private); err == nil {
		code |= reachedFile
	}
	pid, _ := strconv.Atoi(victim)
	address, _ := strconv.ParseUint(at, 10, 64)
	got := make([]byte, 8)
	_, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &got[0], Len: 8}}, []unix.RemoteIovec{{Base: uintptr(address), Len: 8}}, 0)
	_, environErr := os.Open(filepath.Join("/proc", victim, "environ"))
	if err == nil || environErr == nil {
		code |= reachedMemory
	}
	if unix.Prlimit(pid, unix.RLIMIT_CPU, &unix.Rlimit{}, nil) == nil {
		code |= reachedLimits
	}
	_ = unix.Kill(pid, unix.SIGKILL)
	stay := exec.Command(os.Args[0], supervisorName, "linger")
	stay.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	_ = stay.Start()
	for range 2 * probeFiles {
		if _, err := unix.Open(os.DevNull, unix.O_RDONLY, 0); err != nil {
			return code
		}
	}
	return code | reachedFiles
}
