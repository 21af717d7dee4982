package jail

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

var otherCalls []unix.SockFilter

// This architecture has the newer form of these calls only.
var ownerCalls, modeCalls []uintptr
