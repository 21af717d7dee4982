package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/sys/unix"
)

// packages is the shared directory. The runner alone writes to it.
type packages struct {
	dir string
	id  string // of the job, for names of files that are not complete
}

func (j *job) sharedPackages() packages { return packages{j.options.Providers, j.doc.JobID} }

func (p packages) path(kind, rel string) string { return filepath.Join(p.dir, kind, rel) }

// hash is that of a package which is what was fetched.
func (p packages) hash(rel string) (string, error) {
	if err := p.check(rel); err != nil {
		return "", err
	}
	hash, err := os.ReadFile(p.path(hashesDir, rel))
	return string(hash), err
}

// sift removes every package that is not what was fetched, and returns the names
// of the others.
func (p packages) sift() (there []string, err error) {
	if err := makePassable(p.dir, packagesDir, passable); err != nil {
		return nil, err
	}
	found, err := filepath.Glob(p.path(packagesDir, "*/*/*/*/*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range found {
		rel, err := filepath.Rel(p.path(packagesDir, ""), dir)
		if err != nil {
			return nil, err
		}
		err = p.check(rel)
		if err == nil {
			err = makePassable(p.path(packagesDir, ""), filepath.Dir(rel), passable)
			there = append(there, rel)
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		fmt.Fprintf(os.Stderr, "removing the provider package %s: %v\n", rel, err)
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// passable is the mode of directories through which the users of jobs come to what
// they know by name.
const passable = fs.FileMode(0o711)

// makePassable makes a directory below another one, and gives both and what is
// between them a mode, whatever the process takes from new ones.
func makePassable(dir, rel string, mode fs.FileMode) error {
	at := filepath.Join(dir, rel)
	if err := os.MkdirAll(at, mode); err != nil {
		return err
	}
	for ; len(at) >= len(dir); at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err == nil && info.Mode().Perm() != mode {
			err = os.Chmod(at, mode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// check reports whether a package is what was fetched: by its stamp, or else by
// its hash.
func (p packages) check(rel string) error {
	now, err := stampOf(p.path(packagesDir, rel))
	if err != nil {
		return err
	}
	was, err := os.ReadFile(p.path(stampsDir, rel))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("nobody knows where it came from")
	}
	if err != nil || bytes.Equal(now, was) {
		return err
	}
	noted, err := os.ReadFile(p.path(hashesDir, rel))
	if err != nil {
		return errors.New("its hash is missing")
	}
	hash, err := dirhash.HashDir(p.path(packagesDir, rel), "", dirhash.Hash1)
	if err != nil {
		return err
	}
	if hash != string(noted) {
		return fmt.Errorf("its hash is %s, it was %s when it was fetched", hash, noted)
	}
	return p.write(stampsDir, rel, now)
}

// add takes a package over by one rename, with its hash and stamp before it. One
// that is there already stays.
func (p packages) add(from, rel string) error {
	to := p.path(packagesDir, rel)
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	if err := p.own(from); err != nil {
		return err
	}
	hash, err := dirhash.HashDir(from, "", dirhash.Hash1)
	if err != nil {
		return err
	}
	stamp, err := stampOf(from)
	if err != nil {
		return err
	}
	err = errors.Join(p.write(hashesDir, rel, []byte(hash)), p.write(stampsDir, rel, stamp), makePassable(p.path(packagesDir, ""), filepath.Dir(rel), passable))
	if err != nil {
		return err
	}
	return os.Rename(from, to)
}

// own makes every file of a package the runner's: others read it, and nobody has
// another name for it.
func (p packages) own(dir string) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var at unix.Stat_t
		if err := unix.Lstat(name, &at); err != nil {
			return err
		}
		mode := fs.FileMode(0o755)
		switch {
		case entry.IsDir():
		case !entry.Type().IsRegular() || at.Nlink != 1:
			return fmt.Errorf("%s: %w", name, errNotPlain)
		case at.Mode&0o111 == 0:
			mode = 0o644
		}
		return errors.Join(os.Lchown(name, os.Geteuid(), os.Getegid()), os.Chmod(name, mode))
	})
}

// write writes a file of the shared directory, whole or not at all.
func (p packages) write(kind, rel string, content []byte) error {
	name := p.path(kind, rel)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%s", name, p.id)
	if err := os.WriteFile(temp, content, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

// stampOf is what changes when a file of a package does: nothing but the clock of
// the machine sets the time of a change.
func stampOf(dir string) ([]byte, error) {
	var out bytes.Buffer
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s: %w", name, errNotPlain)
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		var at unix.Stat_t
		if err := unix.Lstat(name, &at); err != nil {
			return err
		}
		fmt.Fprintf(&out, "%q %d %d %d.%d %d.%d\n", rel, at.Ino, at.Size, at.Mtim.Sec, at.Mtim.Nsec, at.Ctim.Sec, at.Ctim.Nsec)
		return nil
	})
	if err == nil && out.Len() == 0 {
		err = fs.ErrNotExist
	}
	return out.Bytes(), err
}
