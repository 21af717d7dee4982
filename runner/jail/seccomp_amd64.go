package jail

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// otherCalls refuses those of the x32 interface, which have numbers of their own.
var otherCalls = []unix.SockFilter{jump(unix.BPF_JGE, 0x40000000, 0, 1), refuse(unix.EPERM)}

// Calls that this architecture has besides their newer form.
var (
	ownerCalls = []uintptr{unix.SYS_CHOWN, unix.SYS_LCHOWN}
	modeCalls  = []uintptr{unix.SYS_CHMOD, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT}
)
