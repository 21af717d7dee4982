package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Modes of the data directory. A server that is root runs jobs under users of
// their own, who have to pass through it, and see nothing on their way.
const (
	privateDir = fs.FileMode(0o700)
	passedDir  = fs.FileMode(0o711)
)

// passed are the entries of the data directory that such jobs pass through.
// Who stores something there decides what can be read below.
var passed = []string{"jobs", "terraform"}

// makePrivate makes the data directory when it is missing, and takes from
// everybody else what a service manager, a copy or an earlier version gave them of
// it. A directory that cannot be made private is refused.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, privateDir); errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("data_dir %q is a file, or below one: name a directory, which the server makes itself", dir)
	} else if err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("finding the data directory: %w", err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return fmt.Errorf("looking at the data directory: %w", err)
	}
	if owner := ownerOf(info); owner != os.Geteuid() {
		return fmt.Errorf("data_dir %q belongs to user %d, and this server runs as user %d: give it to that one with chown, or name a directory in it, which the server makes itself",
			dir, owner, os.Geteuid())
	}
	if err := exchangeable(real); err != nil {
		return err
	}
	if err := setMode(real, info, modeFor(passedDir)); err != nil {
		return fmt.Errorf("making the data directory private: %w", err)
	}
	return makeEntriesPrivate(real)
}

// modeFor is the mode of a directory that jobs pass through when they have users
// of their own.
func modeFor(asRoot fs.FileMode) fs.FileMode {
	if os.Geteuid() == 0 {
		return asRoot
	}
	return privateDir
}

// exchangeable refuses a directory that others can put another one in place of:
// one of those above it may be written by everybody, and does not keep them from
// what is not theirs (the sticky bit).
func exchangeable(dir string) error {
	for above := filepath.Dir(dir); ; above = filepath.Dir(above) {
		info, err := os.Stat(above)
		if err != nil {
			return fmt.Errorf("looking at what is above the data directory: %w", err)
		}
		if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
			return fmt.Errorf("everybody may write to %q, and so put another directory in place of data_dir %q: take that away with chmod o-w, or choose another place", above, dir)
		}
		if above == filepath.Dir(above) {
			return nil
		}
	}
}

// makeEntriesPrivate closes what lies directly in the data directory. What is
// deeper is behind it.
func makeEntriesPrivate(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking into the data directory: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a file of the store that went with its last user
		}
		if err != nil {
			return fmt.Errorf("looking into the data directory: %w", err)
		}
		if !info.IsDir() && !info.Mode().IsRegular() || ownerOf(info) != os.Geteuid() {
			continue // a link to elsewhere, or nothing of ours, such as lost+found
		}
		mode := info.Mode().Perm() &^ 0o077
		if slices.Contains(passed, entry.Name()) && info.IsDir() {
			mode = modeFor(passedDir)
		}
		if err := setMode(filepath.Join(dir, entry.Name()), info, mode); err != nil {
			return fmt.Errorf("making %s in the data directory private: %w", entry.Name(), err)
		}
	}
	return nil
}

// setMode writes only what is different, so that a start changes nothing on a
// disk that is read-only.
func setMode(name string, info fs.FileInfo, mode fs.FileMode) error {
	if info.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) == mode {
		return nil
	}
	return os.Chmod(name, mode)
}

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}
