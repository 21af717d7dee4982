//go:build linux

// Package jailtest takes from a process what jails are made of, for tests of what
// holds where it is missing. Nothing but tests imports it.
package jailtest

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TakeAway makes the kernel refuse, as long as this process and what it starts
// live, what the named parts of it offer, "namespaces" and "landlock", as in
// containers and on older machines. The thread must start the next program itself.
func TakeAway(what string) error {
	refuse := map[uintptr]unix.Errno{}
	if strings.Contains(what, "namespaces") {
		for _, call := range []uintptr{unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT} {
			refuse[call] = unix.EPERM
		}
		refuse[unix.SYS_CLONE3] = unix.ENOSYS // its flags cannot be seen
	}
	if strings.Contains(what, "landlock") {
		for _, call := range []uintptr{unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF} {
			refuse[call] = unix.ENOSYS
		}
	}
	if len(refuse) == 0 {
		return nil
	}
	runtime.LockOSThread()
	const number, firstArgument = 0, 16 // offsets in struct seccomp_data
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	answer := func(errno unix.Errno) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
	}
	filter := []unix.SockFilter{load(number)}
	for call, errno := range refuse {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(call), Jf: 1}, answer(errno))
	}
	if strings.Contains(what, "namespaces") {
		const made = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(unix.SYS_CLONE), Jf: 3},
			load(firstArgument), unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: made, Jf: 1}, answer(unix.EPERM))
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("taking away %s: %w", what, err)
	}
	return nil
}
