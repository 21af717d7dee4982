package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// terraform show starts the project's providers: they say which values are sensitive. It
// finds them in the directory in which programs of the plan could write, so what it uses
// must be what init left there.

// noteProviders notes the moment from which on providers and lock file stay as they are.
// No program of the project has run.
func (j *job) noteProviders() (err error) {
	if j.jail != nil { // else the plan is the first command, and the moment is that of its jail
		j.settledAt, err = j.clock()
	}
	if err == nil {
		j.settledLock, err = j.lock()
	}
	if err != nil {
		return fmt.Errorf("noting the providers: %w", err)
	}
	return nil
}

// exchangedProviders says what programs of the plan changed of providers or lock file;
// empty when nothing. They are all dead.
func (j *job) exchangedProviders() string {
	if lock, err := j.lock(); err != nil || !bytes.Equal(lock, j.settledLock) {
		return "the lock file was changed while planning"
	}
	root, err := os.OpenRoot(j.path("source"))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = root.Close() }()
	dir, err := filepath.Rel(j.path("source"), j.dir)
	if err != nil {
		return err.Error()
	}
	at := path.Join(filepath.ToSlash(dir), providersDir)
	for name := path.Dir(at); ; name = at {
		info, err := root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return ""
		}
		if err != nil || !info.IsDir() {
			return "the directory of the providers was changed while planning"
		}
		if name == at {
			break
		}
	}
	left, settled := maxFiles, j.settledAt
	if settled.IsZero() {
		settled = j.stood
	}
	err = fs.WalkDir(root.FS(), at, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var is unix.Stat_t
		if left--; left < 0 {
			return errors.New("there are too many")
		}
		if err := unix.Lstat(filepath.Join(j.path("source"), name), &is); err != nil {
			return err
		}
		if changedAfter(&is, settled) {
			return errors.New("one was changed while planning")
		}
		return nil
	})
	if err != nil {
		return fmt.Sprintf("the files of the providers: %v", err)
	}
	return ""
}
