package jail

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// restrict takes on, for the calling thread and what it starts, everything that
// threads take on one by one. The thread must be locked.
func (s *supervisor) restrict() error {
	if s.Layers == (layers{}) {
		return nil
	}
	if err := dropRights(s.Layers.UID != 0); err != nil {
		return err
	}
	if s.Layers.Landlock == 0 && !s.Layers.Seccomp {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up new privileges: %w", err)
	}
	if version := s.Layers.Landlock; version > 0 {
		b := s.Box
		read := slices.Concat(systemPaths, b.Read, b.Given)
		write := slices.Concat(devices, b.Own, b.Write)
		if s.Layers.Mount { // mounts of their own, and else links
			for name, path := range b.Names {
				if slices.Contains(write, path) {
					write = append(write, name)
				} else {
					read = append(read, name)
				}
			}
		}
		if err := landlock(version, read, write); err != nil {
			return err
		}
	}
	if s.Layers.Seccomp {
		more := slices.Concat(onlyItself, terminalInput)
		if !s.Layers.Mount && s.Layers.UID == 0 {
			more = append(attributes(), more...)
		}
		return seccomp(filter(refused, more...))
	}
	return nil
}

// dropRights gives up all capabilities of the calling thread, except for those
// with which it becomes another user. What it starts has none of them.
func dropRights(another bool) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has [2]unix.CapUserData
	if err := unix.Capget(&header, &has[0]); err != nil {
		return fmt.Errorf("reading capabilities: %w", err)
	}
	if has[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		for c := range unix.CAP_LAST_CAP + 1 {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && err != unix.EINVAL { // one that is newer than the kernel
				return fmt.Errorf("giving up capability %d: %w", c, err)
			}
		}
	}
	var keep [2]unix.CapUserData
	if another {
		keep[0].Effective = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
		keep[0].Permitted = keep[0].Effective
	}
	if err := unix.Capset(&header, &keep[0]); err != nil {
		return fmt.Errorf("giving up capabilities: %w", err)
	}
	return nil
}
