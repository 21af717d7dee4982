package jail

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refused are system calls that nothing in a jail needs: they read or change
// other processes, keep keys and messages beyond a process or memory that is of
// none, change what is mounted where, or are large and young parts of the kernel
// in which most ways out were found.
var refused = []uintptr{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
	unix.SYS_PROCESS_MADVISE, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES,
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET,
	unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
	unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
	unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
	unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_FANOTIFY_INIT, unix.SYS_QUOTACTL,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_REBOOT, unix.SYS_ACCT, unix.SYS_SYSLOG, unix.SYS_VHANGUP,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
}

// newNamespaces are the flags of clone that make a namespace.
const newNamespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWNET |
	unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// Offsets in struct seccomp_data.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArg0   = 16 // its low half: both architectures are little-endian
	offsetArg1   = 24
)

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(how uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

func refuse(errno unix.Errno) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}

var permit = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}

// filter refuses system calls with EPERM: calls, those of another architecture,
// and such that make namespaces. The arguments of clone3 cannot be seen, so it
// does not exist, and programs use clone instead.
func filter(calls []uintptr, more ...unix.SockFilter) []unix.SockFilter {
	out := []unix.SockFilter{load(offsetArch), jump(unix.BPF_JEQ, auditArch, 1, 0), refuse(unix.EPERM), load(offsetNumber)}
	out = append(out, otherCalls...)
	for _, call := range calls {
		out = append(out, jump(unix.BPF_JEQ, uint32(call), 0, 1), refuse(unix.EPERM))
	}
	out = append(out,
		jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1), refuse(unix.ENOSYS),
		jump(unix.BPF_JEQ, unix.SYS_CLONE, 0, 4), load(offsetArg0), jump(unix.BPF_JSET, newNamespaces&0xffffffff, 0, 1), refuse(unix.EPERM), permit,
	)
	return append(append(out, more...), permit)
}

// terminalInput refuses to type into a terminal of somebody else.
var terminalInput = []unix.SockFilter{
	jump(unix.BPF_JEQ, unix.SYS_IOCTL, 0, 4), load(offsetArg1), jump(unix.BPF_JEQ, unix.TIOCSTI, 0, 1), refuse(unix.EPERM), permit,
}

// onlyIf refuses a call unless its first arguments are these. It compares the low
// halves: all of these arguments are an int for the kernel, which does not look at
// the rest, and what a C library leaves there is not defined.
func onlyIf(call uintptr, args ...uint32) []unix.SockFilter {
	n := uint8(len(args))
	out := []unix.SockFilter{jump(unix.BPF_JEQ, uint32(call), 0, 2*n+2)}
	for i, arg := range args {
		out = append(out, load(offsetArg0+8*uint32(i)), jump(unix.BPF_JEQ, arg, 0, 2*(n-uint8(i))-1))
	}
	return append(out, permit, refuse(unix.EPERM))
}

// ioprioWhoProcess is IOPRIO_WHO_PROCESS.
const ioprioWhoProcess = 1

// onlyItself are calls by which a process limits or slows another one of the same
// user: a limit of the processor's time kills. Landlock does not look at them. 0
// is the caller; its own number is refused, too, for a filter does not know it.
var onlyItself = slices.Concat(
	onlyIf(unix.SYS_PRLIMIT64, 0),
	onlyIf(unix.SYS_SCHED_SETAFFINITY, 0), onlyIf(unix.SYS_SCHED_SETSCHEDULER, 0), onlyIf(unix.SYS_SCHED_SETPARAM, 0), onlyIf(unix.SYS_SCHED_SETATTR, 0),
	onlyIf(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0), onlyIf(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0),
)

// attributes are calls that change the mode, owner, times or attributes of a file,
// by its name or when it is open, also only to be read. Landlock does not look at
// them. Those that programs use when they unpack files do nothing and say that
// they did.
func attributes() []unix.SockFilter {
	var out []unix.SockFilter
	for _, call := range append(ownerCalls, unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FCHOWNAT,
		unix.SYS_FCHOWN, unix.SYS_FSETXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_SETXATTRAT, unix.SYS_REMOVEXATTRAT, unix.SYS_FILE_SETATTR) {
		out = append(out, jump(unix.BPF_JEQ, uint32(call), 0, 1), refuse(unix.EPERM))
	}
	for _, call := range append(modeCalls, unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_UTIMENSAT) {
		out = append(out, jump(unix.BPF_JEQ, uint32(call), 0, 1), refuse(0))
	}
	return out
}

// seccomp installs a filter on the calling thread, and on what it starts from
// now on. The thread must be locked and have no_new_privs.
func seccomp(program []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("installing a seccomp filter: %w", errno)
	}
	return nil
}
