//go:build linux

package attack

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// escaping are attacks on the walls themselves.
var escaping = []Attack{
	{Name: "unshare-and-mount", Tries: "makes namespaces of its own, mounts /proc, and takes mounts away that hide something", Holds: "no secret is read",
		carry: func(r *Report, t Target) {
			r.inside(t, syscall.CLONE_NEWUSER|syscall.CLONE_NEWNS|syscall.CLONE_NEWPID)
			r.inside(t, syscall.CLONE_NEWUSER|syscall.CLONE_NEWNS)
			r.inside(t, syscall.CLONE_NEWNS)
		}},
	{Name: "chroot", Tries: "leaves by chroot into a directory and .. out of it, by its own root and by /proc/1/root", Holds: "no secret is read",
		carry: func(r *Report, t Target) {
			runtime.LockOSThread() // this thread ends with the attack: its root is not ours
			_ = os.Mkdir("chroot-dir", 0o700)
			for _, dir := range []string{"chroot-dir", "/proc/1/root", "/"} {
				if err := unix.Unshare(unix.CLONE_FS); err != nil {
					r.Tried("unshare: %v", err)
				}
				if err := unix.Chroot(dir); err != nil {
					r.Tried("chroot %s: %v", dir, err)
					continue
				}
				for _, name := range t.Secrets {
					r.look(strings.Repeat("../", 30) + name)
				}
			}
		}},
	{Name: "join-namespaces", Tries: "joins the namespaces of the server by setns", Holds: "none can be joined",
		carry: func(r *Report, t Target) {
			runtime.LockOSThread()
			for _, pid := range append(t.Processes, 1) {
				for _, kind := range []string{"user", "mnt", "pid", "net"} {
					name := fmt.Sprintf("/proc/%d/ns/%s", pid, kind)
					f, err := os.Open(name)
					if err != nil {
						r.Tried("%v", err)
						continue
					}
					own, _ := os.Readlink("/proc/self/ns/" + kind)
					theirs, _ := os.Readlink(name)
					err = unix.Setns(int(f.Fd()), 0)
					_ = f.Close()
					if err == nil && own != theirs {
						r.Broke("joined %s", name)
					}
				}
			}
		}},
	{Name: "gain-rights", Tries: "becomes root by setuid programs and by its capabilities", Holds: "no right can be gained, and it has none over the machine",
		carry: func(r *Report, t Target) {
			if n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || n != 1 {
				r.Broke("programs may gain rights: no_new_privs is %d, %v", n, err)
			}
			if err := unix.Sethostname([]byte(hostname())); err == nil && !inNamespace(t) {
				r.Broke("may name the machine")
			}
			if err := unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_ON); err == nil && !inNamespace(t) {
				r.Broke("may reboot")
			}
			if err := unix.Mknod("device", unix.S_IFBLK|0o600, int(unix.Mkdev(253, 0))); err == nil {
				r.Broke("made a device")
				r.look("device")
			}
		}},
	{Name: "kernel-log", Tries: "reads the kernel's log, opens performance events of others, loads BPF programs", Holds: "none is given",
		carry: func(r *Report, t Target) {
			if n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, make([]byte, 4096)); err == nil && n > 0 {
				r.Broke("read the kernel's log")
			}
			for _, pid := range t.Processes {
				attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: uint32(unix.PERF_ATTR_SIZE_VER0)}
				fd, err := unix.PerfEventOpen(&attr, pid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
				if err != nil {
					r.Tried("perf %d: %v", pid, err)
					continue
				}
				_ = unix.Close(fd)
				if !inNamespace(t) {
					r.Broke("measures process %d", pid)
				}
			}
		}},
	{Name: "open-by-handle", Tries: "opens files by their handles, past every path", Holds: "none opens",
		carry: func(r *Report, t Target) {
			dir, err := unix.Open(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
			if err != nil {
				r.Tried("%v", err)
				return
			}
			defer func() { _ = unix.Close(dir) }()
			for _, name := range t.Secrets {
				handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, name, 0)
				if err != nil {
					r.Tried("%s: %v", name, err)
					continue
				}
				fd, err := unix.OpenByHandleAt(dir, handle, unix.O_RDONLY)
				if err != nil {
					r.Tried("%s: %v", name, err)
					continue
				}
				r.Broke("opened %s by its handle", name)
				_ = unix.Close(fd)
			}
		}},
}

func hostname() string {
	name, _ := os.Hostname() // an empty name is refused, too
	return name
}

// inside carries out the reading again in namespaces of its own, as root of them.
func (r *Report) inside(t Target, namespaces uintptr) {
	script := "mkdir -p mnt; mount -t proc proc mnt && cat mnt/[0-9]*/environ; mount -t proc proc /proc; umount -l /proc; umount -a -l; mount --bind / mnt; " +
		"for f in " + strings.Join(t.Secrets, " ") + "; do cat $f mnt$f /proc/1/root$f; done"
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	if namespaces&syscall.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	} else {
		cmd.SysProcAttr.Unshareflags, cmd.SysProcAttr.Cloneflags = namespaces, 0 // Go makes all mounts private first
	}
	out, err := cmd.Output()
	if Holds(out) {
		r.Broke("a secret from inside of own namespaces")
		r.Took("namespaces", around(out))
		return
	}
	r.Tried("namespaces %x: %d bytes, %v", namespaces, len(out), err)
}
