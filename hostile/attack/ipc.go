//go:build linux

package attack

import (
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

func iovec(b []byte) unix.Iovec {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return v
}

// sharedMemory goes through the kernel's table of segments, which needs no
// /proc. The numbers are those of shmctl(2).
func sharedMemory(r *Report, t Target) {
	const shmInfo, shmStat = 14, 13
	var info [128]byte
	highest, _, errno := unix.Syscall(unix.SYS_SHMCTL, 0, shmInfo, uintptr(unsafe.Pointer(&info)))
	if errno != 0 {
		r.Tried("shmctl: %v", errno)
	}
	for i := uintptr(0); errno == 0 && i <= highest; i++ {
		id, _, errno := unix.Syscall(unix.SYS_SHMCTL, i, shmStat, uintptr(unsafe.Pointer(&info)))
		if errno != 0 {
			continue
		}
		content, err := unix.SysvShmAttach(int(id), 0, unix.SHM_RDONLY)
		if err != nil {
			r.Tried("segment %d: %v", id, err)
			continue
		}
		if Holds(content) {
			r.Broke("a secret in the shared segment %d", id)
			r.Took("segment", around(content))
		}
		_ = unix.SysvShmDetach(content)
	}
	names, _ := filepath.Glob("/dev/shm/*") // the pattern is well-formed
	for _, name := range names {
		if content, err := os.ReadFile(name); err == nil && Holds(content) {
			r.Broke("a secret in %s", name)
			r.Took(name, around(content))
		}
	}
}
