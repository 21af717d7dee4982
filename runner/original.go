package runner

import (
	"hash/maphash"
	"io"
	"io/fs"
	"math"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// What the commit has under a name is read after terraform ran, when the job's own
// tree may hold anything. A shared tree is looked into; of a tree of the job's own it
// was noted when that was unpacked.

// kind is what the commit has under a name.
type kind int

const (
	nothing kind = iota
	plainFile
	link
	directory
)

// plainFiles are the plain files of an archive, noted while they come one after the
// other. The sums tell what honest programs change: a program that looks for a file
// with an equal one hides a change that no apply gets anyway.
type plainFiles struct {
	seed  maphash.Seed
	noted map[string]noted
	dirs  map[string]bool // nil until somebody asks

	name   string // of the file that comes, empty for none
	mode   fs.FileMode
	size   int64
	digest maphash.Hash
}

type noted struct {
	mode fs.FileMode // 0 when the archive leaves it out
	size int64
	sum  uint64
}

func newPlainFiles() *plainFiles {
	p := &plainFiles{seed: maphash.MakeSeed(), noted: map[string]noted{}}
	p.digest.SetSeed(p.seed)
	return p
}

// begin returns where the content of the next file goes.
func (p *plainFiles) begin(name string, mode fs.FileMode) io.Writer {
	p.end()
	p.name, p.mode = name, mode
	return p
}

// Write implements io.Writer.
func (p *plainFiles) Write(b []byte) (int, error) {
	p.size += int64(len(b))
	return p.digest.Write(b)
}

// end ends the last file.
func (p *plainFiles) end() {
	if p.name != "" {
		p.noted[p.name] = noted{p.mode, p.size, p.digest.Sum64()}
	}
	p.name, p.size = "", 0
	p.digest.Reset()
}

// has says what the commit has under a name.
func (c *commit) has(name string) kind {
	if c.shared == nil {
		if _, is := c.plain.noted[name]; is {
			return plainFile
		}
		if _, is := c.links[name]; is {
			return link
		}
		if c.directories()[name] {
			return directory
		}
		return nothing
	}
	info, err := c.shared.Lstat(name)
	switch {
	case err != nil:
		return nothing
	case info.IsDir():
		return directory
	case info.Mode()&fs.ModeSymlink != 0:
		return link
	}
	return plainFile
}

// directories are those of a tree of the job's own. Git has none in which nothing lies.
func (c *commit) directories() map[string]bool {
	if c.plain.dirs == nil {
		c.plain.dirs = map[string]bool{".": true}
		add := func(name string) {
			for at := path.Dir(name); !c.plain.dirs[at]; at = path.Dir(at) {
				c.plain.dirs[at] = true
			}
		}
		for name := range c.plain.noted {
			add(name)
		}
		for name := range c.links {
			add(name)
		}
	}
	return c.plain.dirs
}

// mode is that of a plain file of the commit, as it was laid out: 0 when it was left out.
func (c *commit) mode(name string) fs.FileMode {
	if c.shared == nil {
		return c.plain.noted[name].mode
	}
	info, err := c.shared.Lstat(name)
	if err != nil {
		return 0
	}
	return info.Mode().Perm()
}

// holds reports whether a plain file or link of the commit is in a tree as it was.
func (c *commit) holds(tree *os.Root, name string, is *unix.Stat_t) bool {
	switch had := c.has(name); {
	case had == link && typeOf(is) == unix.S_IFLNK:
		was := c.links[name]
		if c.shared != nil {
			was, _ = c.shared.Readlink(name)
		}
		to, err := tree.Readlink(name)
		return err == nil && to == was
	case had != plainFile || typeOf(is) != unix.S_IFREG:
		return false
	}
	was, seed, err := c.noted(name)
	if err != nil || was.size != is.Size {
		return false
	}
	now, err := sumOf(tree, name, seed)
	return err == nil && now.size == was.size && now.sum == was.sum
}

// noted is a plain file of the commit.
func (c *commit) noted(name string) (noted, maphash.Seed, error) {
	if c.shared == nil {
		return c.plain.noted[name], c.plain.seed, nil
	}
	seed := maphash.MakeSeed()
	n, err := sumOf(c.shared, name, seed)
	return n, seed, err
}

func sumOf(tree *os.Root, name string, seed maphash.Seed) (noted, error) {
	f, err := openPlain(tree, name, math.MaxInt64)
	if err != nil {
		return noted{}, err
	}
	defer func() { _ = f.Close() }()
	var digest maphash.Hash
	digest.SetSeed(seed)
	size, err := io.Copy(&digest, f)
	return noted{size: size, sum: digest.Sum64()}, err
}
