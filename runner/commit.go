package runner

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/links"
)

// commit is what the source archive holds of Terraform: the configuration of
// every directory, and the project's lock file. It is noted while the archive is
// unpacked, or read from a tree that no job can change. What lies in the job's
// directory afterwards, terraform and what it starts may have changed.
type commit struct {
	dirs  map[string]moduleFiles // by directory from the repository's root
	links links.Set
	lock  bounded
	plain *plainFiles // of a plan whose tree is its own; nil for others

	shared *os.Root // the tree that jobs share; nil when the job has one of its own
}

// bounded takes at most maxLockFile bytes of a lock file.
type bounded struct{ content []byte }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if len(b.content)+len(p) > maxLockFile {
		return 0, fmt.Errorf("%w: the lock file is larger than %s", artifact.ErrUnsafe, megabytes(maxLockFile))
	}
	b.content = append(b.content, p...)
	return len(p), nil
}

// Bytes is what was taken.
func (b *bounded) Bytes() []byte { return b.content }

// noting notes an archive while it is unpacked.
type noting struct {
	commit  *commit
	lock    string // name of the project's lock file
	digests map[string]hash.Hash
}

// note is artifact.Limits.Note.
func (n *noting) note(name string, mode fs.FileMode) io.Writer {
	var to []io.Writer
	if n.commit.plain != nil {
		to = append(to, n.commit.plain.begin(name, mode))
	}
	switch {
	case name == n.lock:
		to = append(to, &n.commit.lock)
	case isConfiguration(path.Base(name), true):
		n.digests[name] = sha256.New()
		to = append(to, n.digests[name])
	}
	switch len(to) {
	case 0:
		return nil
	case 1:
		return to[0]
	}
	return io.MultiWriter(to...)
}

// noteLink is artifact.Limits.NoteLink.
func (n *noting) noteLink(name, to string) { n.commit.links[name] = to }

// done takes over what was noted. source is the tree as it was unpacked, in which
// nothing has run yet: a link may give a file of another name one of Terraform's.
func (n *noting) done(source *os.Root) error {
	c := n.commit
	if c.plain != nil {
		c.plain.end()
	}
	c.dirs = map[string]moduleFiles{}
	add := func(name string, digest [sha256.Size]byte) {
		dir, base := path.Split(name)
		dir = path.Clean(dir)
		if c.dirs[dir] == nil {
			c.dirs[dir] = moduleFiles{}
		}
		c.dirs[dir][base] = digest
	}
	for name, digest := range n.digests {
		add(name, [sha256.Size]byte(digest.Sum(nil)))
	}
	for name := range c.links {
		if name != n.lock && !isConfiguration(path.Base(name), true) {
			continue
		}
		if name == n.lock {
			if err := c.readLock(source, name); err != nil {
				return err
			}
			continue
		}
		if content, err := readLinked(source, name, maxPlanConfiguration); err == nil { // else it leads to no file, so terraform reads none
			add(name, sha256.Sum256(content))
		}
	}
	return nil
}

// readLock takes the lock file from a tree that no job can change. Without one a plan
// may have any providers, so one that cannot be read is not taken for none.
func (c *commit) readLock(tree *os.Root, name string) error {
	content, err := readLinked(tree, name, maxLockFile+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: the lock file: %w", artifact.ErrUnsafe, err)
	}
	_, err = c.lock.Write(content)
	return err
}

// readLinked reads the plain file behind a name, in a tree out of which no link
// leads it.
func readLinked(tree *os.Root, name string, limit int64) ([]byte, error) {
	f, err := tree.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is not waited for
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotPlain
	case info.Size() > limit:
		return nil, &tooLongError{info.Size(), limit}
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// resolve follows the links in a path from the root of the commit.
func (c *commit) resolve(name string) (string, error) {
	if c.shared == nil {
		return c.links.Resolve(name)
	}
	return links.Resolve(name, func(at string) (string, bool) {
		to, err := c.shared.Readlink(at)
		return to, err == nil
	})
}

// files is the configuration of one directory, and whether there is one. Links on
// the way are followed.
func (c *commit) files(dir string) (moduleFiles, bool) {
	dir, err := c.resolve(dir)
	if err != nil {
		return nil, false
	}
	if c.shared != nil {
		return configurationIn(c.shared, dir)
	}
	files, there := c.dirs[dir]
	return files, there
}

// configurationIn reads the configuration in a directory of a tree that no job can
// change.
func configurationIn(tree *os.Root, dir string) (moduleFiles, bool) {
	d, err := tree.Open(dir)
	if err != nil {
		return nil, false
	}
	entries, err := d.ReadDir(-1)
	if errors.Join(err, d.Close()) != nil {
		return nil, false
	}
	files := moduleFiles{}
	for _, entry := range entries {
		if !isConfiguration(entry.Name(), true) {
			continue
		}
		if content, err := readLinked(tree, path.Join(dir, entry.Name()), maxPlanConfiguration); err == nil {
			files[entry.Name()] = sha256.Sum256(content)
		}
	}
	return files, len(files) > 0
}
