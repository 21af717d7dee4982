package runner

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lockkeeper/lockkeeper/artifact"
)

// A source is unpacked once and shared: the jobs of a commit see one tree, which
// none of them can change, and lay what they write over it (jail.Over,
// docs/adr/0031). Below Options.Sources a tree lies in a directory that is named
// after the digest of its archive, and beside it a file whose lock says that
// somebody uses it. It has its name when it is complete.

// SharedLock is the end of the name of such a file. Whoever holds it alone may make
// or remove the tree; it was last used when the file was last changed.
const SharedLock = ".lock"

// unfinished is the end of the name of a tree that is being unpacked.
const unfinished = ".new"

// minShared is from how many bytes of an archive on its tree is shared. Unpacking a
// smaller one takes less than a mount.
const minShared = 128 << 10

// share lays the shared tree below the job's own directory of the source. It
// reports false when the job has to unpack one of its own.
func (j *job) share(ctx context.Context, dir string) (bool, error) {
	digest := j.doc.Source.SHA256
	if raw, err := hex.DecodeString(digest); err != nil || len(raw) != 32 || j.options.Sources == "" ||
		j.doc.Source.Size < minShared || j.doc.Project.FromModule != "" {
		return false, nil
	}
	at := filepath.Join(j.options.Sources, digest)
	if err := j.useShared(ctx, at); err != nil {
		return false, fmt.Errorf("sharing the source: %w", err)
	}
	tree, err := os.OpenRoot(at)
	if err != nil {
		return false, fmt.Errorf("opening the shared source: %w", err)
	}
	if !plainDirectory(tree, dir) {
		return false, tree.Close()
	}
	j.tree, j.commit.shared, j.shared = tree, tree, at
	if err := j.commit.readLock(tree, path.Join(dir, lockFile)); err != nil {
		return false, err
	}
	if err := errors.Join(os.Mkdir(j.path(overDir), 0o700), j.copyProject(dir)); err != nil {
		return false, fmt.Errorf("laying out the project: %w", err)
	}
	return true, nil
}

// overDir is where the system keeps what it needs to lay the job's own directory of
// the source over a shared one.
const overDir = "work"

// Removable lets a job's directory be removed by a user that is not root, who may not
// look into what the system made there.
func Removable(dir string) {
	_ = os.Chmod(filepath.Join(dir, overDir, "work"), 0o700) // it is not there unless a source was shared
}

// plainDirectory reports whether no part of a path is a link.
func plainDirectory(tree *os.Root, dir string) bool {
	for at := dir; at != "."; at = path.Dir(at) {
		if info, err := tree.Lstat(at); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// useShared takes the lock of a tree for as long as the job has a process, and
// makes the tree when it is not there.
func (j *job) useShared(ctx context.Context, at string) error {
	for {
		lock, err := lockShared(ctx, at, syscall.LOCK_SH)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(at); err == nil {
			j.sharing = lock
			now := time.Now()
			return os.Chtimes(at+SharedLock, now, now)
		}
		_ = lock.Close()
		if lock, err = lockShared(ctx, at, syscall.LOCK_EX); err != nil {
			return err
		}
		if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
			err = j.makeShared(ctx, at)
			if err != nil {
				_ = lock.Close()
				return err
			}
		}
		_ = lock.Close()
	}
}

// lockShared locks a tree, whether it is there or not. The file may be removed by
// whoever held its lock alone; then there is another.
func lockShared(ctx context.Context, at string, how int) (*os.File, error) {
	for {
		f, err := os.OpenFile(at+SharedLock, os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if err == nil {
			opened, errOpened := f.Stat()
			named, errNamed := os.Lstat(at + SharedLock)
			if errOpened == nil && errNamed == nil && os.SameFile(opened, named) {
				return f, nil
			}
		}
		_ = f.Close()
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// makeShared unpacks a tree. Its lock is held alone.
func (j *job) makeShared(ctx context.Context, at string) error {
	temp := at + unfinished
	if err := os.RemoveAll(temp); err != nil { // what a crash left
		return err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(temp)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := j.unpackInto(ctx, root, artifact.Limits{}); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if os.Geteuid() == 0 {
		if err := openDirectories(temp); err != nil {
			return err
		}
	}
	return os.Rename(temp, at)
}

// openDirectories lets the users of jails make files everywhere in what they lay
// over the tree. Nobody comes to the tree itself.
func openDirectories(tree string) error {
	return filepath.WalkDir(tree, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(name, 0o777)
	})
}

// What is copied of a project's directory, at most: files that its user owns, and
// so can open to write.
const (
	maxCopied      = 500
	maxCopiedBytes = 8 << 20
)

// copyProject makes the project's directory the job's own, with its plain files:
// init and programs write beside the code, and over it.
func (j *job) copyProject(dir string) error {
	own, err := os.OpenRoot(j.path("source"))
	if err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	files, size := 0, int64(0)
	for next := []string{dir}; len(next) > 0; next = next[1:] { // what lies on top first
		at := next[0]
		if err := own.MkdirAll(at, 0o755); err != nil {
			return err
		}
		entries, err := fs.ReadDir(j.tree.FS(), at)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			name := path.Join(at, entry.Name())
			if entry.IsDir() {
				next = append(next, name)
				continue
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			if !info.Mode().IsRegular() || info.Mode() == 0 {
				continue
			}
			if files, size = files+1, size+info.Size(); files > maxCopied || size > maxCopiedBytes {
				return nil
			}
			if err := copyFile(j.tree, own, name, info.Mode()); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyFile(from, to *os.Root, name string, mode fs.FileMode) error {
	content, err := from.ReadFile(name)
	if err != nil {
		return err
	}
	return to.WriteFile(name, content, mode)
}

// RemoveShared removes a tree and its lock, unless somebody uses it. What is left of
// one by a crash is removed, too.
func RemoveShared(at string) error {
	lock, err := os.OpenFile(at+SharedLock, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil
		}
		return err
	}
	return errors.Join(os.RemoveAll(at), os.RemoveAll(at+unfinished), os.Remove(at+SharedLock))
}
