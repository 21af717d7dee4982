//go:build linux

package attack

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// memory are attacks on the memory of other processes.
var memory = []Attack{
	{Name: "proc-mem", Tries: "reads /proc/<pid>/mem of the server, the runner and other jobs", Holds: "none can be read",
		carry: func(r *Report, t Target) {
			for _, pid := range t.Processes {
				mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
				if err != nil {
					r.Tried("%v", err)
					continue
				}
				r.scan(pid, func(at uint64, b []byte) int { n, _ := mem.ReadAt(b, int64(at)); return n })
				_ = mem.Close()
			}
		}},
	{Name: "process-vm-readv", Tries: "reads their memory by process_vm_readv", Holds: "none can be read",
		carry: func(r *Report, t Target) {
			for _, pid := range t.Processes {
				r.scan(pid, func(at uint64, b []byte) int {
					n, _ := unix.ProcessVMReadv(pid, []unix.Iovec{iovec(b)}, []unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}, 0)
					return n
				})
			}
		}},
	{Name: "ptrace", Tries: "attaches to the server, the runner and other jobs as a debugger", Holds: "no secret is read, and nobody is stopped",
		carry: func(r *Report, t Target) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for _, pid := range t.Processes {
				if err := unix.PtraceSeize(pid); err != nil {
					r.Tried("ptrace %d: %v", pid, err)
					continue
				}
				r.scan(pid, func(at uint64, b []byte) int {
					n, _ := unix.PtracePeekData(pid, uintptr(at), b[:min(len(b), 8)])
					return n
				})
				if _, err := os.Stat(fmt.Sprintf("/proc/%d/maps", pid)); err == nil {
					r.Broke("attached to %d", pid)
				}
			}
		}},
	{Name: "take-files-of-others", Tries: "takes open files out of other processes by pidfd_getfd", Holds: "none is given",
		carry: func(r *Report, t Target) {
			for _, pid := range t.Processes {
				fd, err := unix.PidfdOpen(pid, 0)
				if err != nil {
					r.Tried("pidfd of %d: %v", pid, err)
					continue
				}
				for n := range 64 {
					got, err := unix.PidfdGetfd(fd, n, 0)
					if err == nil {
						r.Broke("took file %d of process %d", n, pid)
						_ = unix.Close(got)
					}
				}
				_ = unix.Close(fd)
			}
		}},
	{Name: "limits-of-others", Tries: "changes the limits of other processes by prlimit, so that the kernel ends them", Holds: "none can be changed",
		carry: func(r *Report, t Target) {
			for _, pid := range t.Processes {
				var old unix.Rlimit
				if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
					r.Tried("prlimit %d: %v", pid, err)
				} else if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &old, nil); err == nil && !inNamespace(t) {
					r.Broke("may change the limits of %d", pid)
				}
			}
		}},
	{Name: "shared-memory", Tries: "attaches every System V segment, and reads /dev/shm", Holds: "no secret is found",
		carry: sharedMemory},
	{Name: "keyring", Tries: "looks for keys of others in the kernel's keyrings", Holds: "no secret is found",
		carry: func(r *Report, t Target) {
			for _, ring := range []int{unix.KEY_SPEC_THREAD_KEYRING, unix.KEY_SPEC_PROCESS_KEYRING, unix.KEY_SPEC_SESSION_KEYRING, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_USER_SESSION_KEYRING} {
				id, err := unix.KeyctlSearch(ring, "user", t.Key, 0)
				if err != nil {
					r.Tried("keyring %d: %v", ring, err)
					continue
				}
				content := make([]byte, 4096)
				n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, content, 0)
				if err != nil {
					r.Tried("key %d: %v", id, err)
					continue
				}
				r.Broke("read the key %s", t.Key)
				r.Took("key", content[:n])
			}
		}},
}

// inNamespace reports whether process ids are those of this job alone: the world of
// the tests gives out higher ones.
func inNamespace(t Target) bool { return os.Getpid() < t.FirstProcess }

// scan looks for a secret in what a process may write to.
func (r *Report) scan(pid int, read func(at uint64, b []byte) int) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		r.Tried("%v", err)
		return
	}
	defer func() { _ = maps.Close() }()
	lines := bufio.NewScanner(maps)
	buffer := make([]byte, 1<<20)
	for lines.Scan() {
		var from, to uint64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasPrefix(rights, "rw") || to-from > 256<<20 {
			continue
		}
		for at := from; at < to; {
			n := read(at, buffer[:min(uint64(len(buffer)), to-at)])
			if n <= 8 {
				break // one word at a time would take for ever
			}
			if Holds(buffer[:n]) {
				r.Broke("a secret in the memory of %d", pid)
				r.Took(fmt.Sprint("memory of ", pid), around(buffer[:n]))
				return
			}
			at += uint64(n)
		}
	}
}
