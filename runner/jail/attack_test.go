package jail

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The test binary is also the hostile program in a jail, its victim outside, and
// what takes parts of the kernel away before it starts something else.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "attack":
			if err := attack(os.Args[2], os.Args[3:]); err != nil {
				fmt.Println(err)
				os.Exit(stopped)
			}
			os.Exit(0)
		case "victim":
			victim(os.Args[2])
		case "start":
			starter(os.Args[2], os.Args[3], os.Args[4:])
		case "take":
			takeAway(os.Args[2], os.Args[3:])
		}
	}
	os.Exit(m.Run())
}

// stopped is the exit code of an attack that did not succeed.
const stopped = 9

// secret is in the environment and memory of victims, and in foreign files.
const secret = "canary-of-somebody-else"

// victim is a process that an attack may reach. It ends with its input.
func victim(socket string) {
	l, err := net.Listen("unix", "@"+socket)
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, secret)
			_ = c.Close()
		}
	}()
	fmt.Printf("%d\n", uintptr(unsafe.Pointer(unsafe.StringData(os.Getenv("SECRET")))))
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// attack returns nil when it succeeded.
func attack(name string, args []string) error {
	a, there := attacks[name]
	if !there {
		panic(name)
	}
	return a(args)
}

// nextAttack is between the attacks that each carries out.
const nextAttack = "--"

// each carries out several attacks and tells the numbers of those that succeeded.
func each(args []string) error {
	for n := 0; len(args) > 0; n++ {
		end := slices.Index(args, nextAttack)
		if err := attack(args[0], args[1:end]); err == nil {
			fmt.Printf("succeeded: %d\n", n)
		} else {
			fmt.Println(args[:end], err)
		}
		args = args[end+1:]
	}
	return nil
}

func init() { attacks["each"] = each } // it looks into the table itself

var attacks = map[string]func(args []string) error{
	"nothing": func([]string) error { return nil },
	"read": func(args []string) error {
		content, err := os.ReadFile(args[0])
		if err == nil && !strings.Contains(string(content), secret) {
			return fmt.Errorf("something else is there: %q", content)
		}
		return err
	},
	"list": func(args []string) error {
		_, err := os.ReadDir(args[0])
		return err
	},
	"write": func(args []string) error {
		f, err := os.OpenFile(args[0], os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("x")
		return err
	},
	"create":   func(args []string) error { return os.WriteFile(args[0], []byte("x"), 0o600) },
	"truncate": func(args []string) error { return os.Truncate(args[0], 0) },
	"remove":   func(args []string) error { return os.Remove(args[0]) },
	"rename":   func(args []string) error { return os.Rename(args[0], args[1]) },
	"link":     func(args []string) error { return os.Link(args[0], args[1]) },
	"chmod": func(args []string) error {
		before, err := os.Stat(args[0])
		if err != nil {
			return err
		}
		if err := os.Chmod(args[0], 0o777); err != nil {
			return err
		}
		if after, err := os.Stat(args[0]); err != nil || after.Mode() == before.Mode() {
			return fmt.Errorf("nothing changed: %v", err)
		}
		return nil
	},
	"chmodopen": func(args []string) error { // of a file that is only read
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		before, err := f.Stat()
		if err != nil {
			return err
		}
		if err := f.Chmod(0o604); err != nil {
			return err
		}
		if after, err := f.Stat(); err != nil || after.Mode() == before.Mode() {
			return fmt.Errorf("nothing changed: %v", err)
		}
		return nil
	},
	"chownopen": func(args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		return f.Chown(-1, os.Getgid())
	},
	"attributeopen": func(args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		return unix.Fsetxattr(int(f.Fd()), "user.x", []byte("x"), 0)
	},
	"environ": func(args []string) error {
		content, err := os.ReadFile("/proc/" + args[0] + "/environ")
		if err == nil && !strings.Contains(string(content), secret) {
			err = errors.New("not there")
		}
		return err
	},
	"memory": func(args []string) error {
		pid, at := number(args[0]), number(args[1])
		got := make([]byte, len(secret))
		_, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &got[0], Len: uint64(len(got))}}, []unix.RemoteIovec{{Base: uintptr(at), Len: len(got)}}, 0)
		if err == nil && string(got) != secret {
			return fmt.Errorf("read %q", got)
		}
		return err
	},
	"trace": func(args []string) error {
		runtime.LockOSThread()
		return unix.PtraceSeize(number(args[0]))
	},
	"openfile": func(args []string) error { // of another process
		fd, err := unix.PidfdOpen(number(args[0]), 0)
		if err != nil {
			return err
		}
		_, err = unix.PidfdGetfd(fd, 0, 0)
		return err
	},
	"kill": func(args []string) error { return unix.Kill(number(args[0]), unix.SIGKILL) },
	"thread": func(args []string) error { // whether a thread may be signalled
		return unix.Tgkill(number(args[0]), number(args[1]), 0)
	},
	"killpidfd": func(args []string) error {
		fd, err := unix.PidfdOpen(number(args[0]), 0)
		if err != nil {
			return err
		}
		return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	},
	"limit": func(args []string) error { // a second of work later it is killed, however it is guarded
		limit := unix.Rlimit{}
		if args[0] == "0" { // itself: a slow machine has worked for a second already
			limit.Cur, limit.Max = 3600, 3600
		}
		return unix.Prlimit(number(args[0]), unix.RLIMIT_CPU, &limit, nil)
	},
	"slow": func(args []string) error { return slow(args[0], number(args[1])) },
	"abstract": func(args []string) error {
		c, err := net.Dial("unix", "@"+args[0])
		if err != nil {
			return err
		}
		_, err = io.ReadAll(c)
		return err
	},
	"squat": func(args []string) error { // take the names by which jails might note their user ids
		var taken []net.PacketConn
		for id := number(args[0]); id <= number(args[1]); id++ {
			if c, err := net.ListenPacket("unixgram", fmt.Sprintf("@lockkeeper-user-%d", id)); err == nil {
				taken = append(taken, c)
			}
		}
		fmt.Println("has them")
		time.Sleep(time.Minute)
		runtime.KeepAlive(taken)
		return nil
	},
	"socket": func(args []string) error {
		_, err := net.Dial("unix", args[0])
		return err
	},
	"daemon":     daemon,
	"namespaces": func([]string) error { return unix.Unshare(unix.CLONE_NEWNS) },
	"userspace": func([]string) error {
		cmd := exec.Command("/bin/true")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
		return cmd.Run()
	},
	"keys": func([]string) error {
		_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true)
		return err
	},
	"sharedmemory": func(args []string) error {
		memory, err := unix.SysvShmAttach(number(args[0]), 0, unix.SHM_RDONLY)
		if err == nil && !strings.HasPrefix(string(memory), secret) {
			err = errors.New("something else is there")
		}
		return err
	},
	"ownmemory": func([]string) error { // it outlives who made it
		_, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o600)
		return err
	},
	"semaphore": func([]string) error { return call(unix.SYS_SEMGET, unix.IPC_PRIVATE, 1, unix.IPC_CREAT|0o600) },
	"messages":  func([]string) error { return call(unix.SYS_MSGGET, unix.IPC_PRIVATE, unix.IPC_CREAT|0o600) },
	"queue": func([]string) error {
		name := []byte("lockkeeper-test\x00")
		at := uintptr(unsafe.Pointer(&name[0]))
		err := call(unix.SYS_MQ_OPEN, at, unix.O_CREAT|unix.O_RDWR, 0o600, 0)
		if err == nil {
			_ = call(unix.SYS_MQ_UNLINK, at)
		}
		return err
	},
	"memfd": func([]string) error { // what is in it is memory of no process
		_, err := unix.MemfdCreate("x", 0)
		return err
	},
	"iouring": func([]string) error {
		params := make([]byte, 256)
		_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params[0])), 0)
		return errnoOf(errno)
	},
	"root": func([]string) error { return unix.Setuid(0) },
	"fork": func([]string) error { // many processes
		for range 5000 {
			cmd := exec.Command("/bin/sleep", "600")
			if err := cmd.Start(); err != nil {
				time.Sleep(time.Minute) // what was made stays
				return err
			}
		}
		return nil
	},
	"allocate": func([]string) error {
		var all [][]byte
		for range 1024 {
			b := make([]byte, 4<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
		}
		runtime.KeepAlive(all)
		return nil
	},
	"allocateshared": func([]string) error {
		b, err := unix.Mmap(-1, 0, 200<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		time.Sleep(time.Minute) // it is ended, or succeeds
		runtime.KeepAlive(b)
		return err
	},
	"put": func(args []string) error { // into a file that is there
		f, err := os.OpenFile(args[0], os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(args[1])
		return err
	},
	"mkdir": func(args []string) error { return os.Mkdir(args[0], 0o755) },
	"startin": func(args []string) error { // another control group
		fd, err := unix.Open(args[0], unix.O_PATH|unix.O_DIRECTORY, 0) // nothing of it is read
		if err != nil {
			return err
		}
		cmd := exec.Command(self(), "attack", "nothing")
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
		return cmd.Run()
	},
	"child": func(args []string) error { // another attack
		return exec.Command(self(), append([]string{"attack"}, args...)...).Run()
	},
	"leave": func(args []string) error { // a process in the background that makes a file
		cmd := exec.Command(self(), "attack", "stubborn", args[0])
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return err
		}
		time.Sleep(time.Hour)
		return nil
	},
	"daemons": func([]string) error { // without end
		for {
			cmd := exec.Command(self(), "attack", "daemons")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			_ = cmd.Start()
		}
	},
	"watch": func([]string) error { // takes all watches that its user may have
		var files []int
		for range 4000 {
			fd, err := unix.Eventfd(0, 0)
			if err != nil {
				return err
			}
			files = append(files, fd)
		}
		for {
			e, err := unix.EpollCreate1(0)
			for i := 0; err == nil && i < len(files); i++ {
				err = unix.EpollCtl(e, unix.EPOLL_CTL_ADD, files[i], &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(files[i])})
			}
			if err != nil {
				_, _ = unix.Poll(nil, 60_000) // what was taken stays; Go's own clock needs a watch
				return err
			}
		}
	},
	"open": func([]string) error {
		for range 20000 {
			if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
				return err
			}
		}
		return nil
	},
	"fill": func(args []string) error {
		f, err := os.Create(args[0])
		if err != nil {
			return err
		}
		_, err = io.CopyN(f, zeros{}, 64<<20)
		return err
	},
	"shell": func([]string) error {
		out, err := exec.Command("/bin/sh", "-c", "echo fine | tr a-z A-Z; ls /usr >/dev/null; : >/dev/null").CombinedOutput()
		if err == nil && string(out) != "FINE\n" {
			err = errors.New(string(out))
		}
		return err
	},
	"interrupted": func(args []string) error { // waits for an interrupt
		signals := make(chan os.Signal, 2)
		notify(signals, unix.SIGINT)
		if err := os.WriteFile(args[0], nil, 0o600); err != nil {
			return err
		}
		<-signals
		return nil
	},
	"stubborn": func(args []string) error {
		notify(make(chan os.Signal, 2), unix.SIGINT)
		if err := os.WriteFile(args[0], nil, 0o600); err != nil {
			return err
		}
		select {}
	},
	"until": func(args []string) error { // runs until a file is there, then makes another
		if err := os.WriteFile(args[0], nil, 0o600); err != nil {
			return err
		}
		for {
			if _, err := os.Stat(args[1]); err == nil {
				return os.WriteFile(args[2], nil, 0o600)
			}
			time.Sleep(5 * time.Millisecond)
		}
	},
}

// slow takes the processor away from another process, in one of many ways.
func slow(how string, pid int) error {
	var cpus unix.CPUSet
	cpus.Set(0)
	parameter := int32(0)
	at, of := uintptr(unsafe.Pointer(&parameter)), uintptr(pid)
	switch how {
	case "affinity":
		return unix.SchedSetaffinity(pid, &cpus)
	case "scheduler":
		return call(unix.SYS_SCHED_SETSCHEDULER, of, unix.SCHED_BATCH, at)
	case "parameter":
		return call(unix.SYS_SCHED_SETPARAM, of, at)
	case "attributes":
		return unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH, Nice: 19}, 0)
	case "priority":
		return unix.Setpriority(unix.PRIO_PROCESS, pid, 19)
	case "priority of a user":
		return unix.Setpriority(unix.PRIO_USER, 0, 19)
	case "disk":
		const process, idle = 1, 3 << 13
		return call(unix.SYS_IOPRIO_SET, process, of, idle)
	}
	panic(how)
}

// call makes a system call that has no function.
func call(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	_, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	return errnoOf(errno)
}

// daemon leaves a process behind that has a session of its own, holds the output
// open, and starts itself again and again.
func daemon(args []string) error {
	generation := 0
	if len(args) > 0 {
		generation = number(args[0])
	}
	cmd := exec.Command(self(), "attack", "daemon", strconv.Itoa(generation+1))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if generation == 3 {
		select {}
	}
	return cmd.Start()
}

// self is the path of the test binary; there is no /proc to ask.
func self() string { return os.Args[0] }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func errnoOf(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// takeAway starts a program for which parts of the kernel do not exist.
func takeAway(what string, args []string) {
	runtime.LockOSThread()
	var program []unix.SockFilter
	if strings.Contains(what, "namespaces") {
		program = filter([]uintptr{unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT})
	}
	if strings.Contains(what, "landlock") {
		var calls []unix.SockFilter
		for _, call := range []uintptr{unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF} {
			calls = append(calls, jump(unix.BPF_JEQ, uint32(call), 0, 1), refuse(unix.ENOSYS))
		}
		program = append([]unix.SockFilter{load(offsetNumber)}, append(calls, append(program, permit)...)...)
	}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = seccomp(program)
	}
	if err == nil {
		err = syscall.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
