package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/links"
	"github.com/lockkeeper/lockkeeper/run"
)

// A plan may make files that its apply reads: a data source packs a directory, a
// resource uploads the archive. The apply begins with the commit, and gets them from
// the plan (docs/adr/0033). Whatever made them is an attacker's: they are new names
// alone, and none that terraform or git obeys.

// shownMade is how many names of files a result has, in either list.
const shownMade = 10

// maxMadeName is how long the name of a file may be that is looked at, in bytes from
// the root of the commit: to look into a directory costs as much as it is deep.
const maxMadeName = 1_000

// made is what planning left in the tree of the commit.
type made struct {
	files  []madeFile       // that travel, in the order of their names
	bytes  int64            // of those that are new
	marked int64            // bytes of the others
	missed []run.MissedFile // the first of those that cannot
	count  int              // how many these are
}

type madeFile struct {
	name       string // from the root of the commit
	to         string // of a link
	size       int64
	executable bool
	directory  bool // in which nothing lies
	committed  bool // a file that Git has, and that was made executable
}

// findMade looks through the job's tree for what the commit does not have. No
// program of the job is alive.
func (j *job) findMade(ctx context.Context) (made, error) {
	root, err := os.OpenRoot(j.path("source"))
	if err != nil {
		return made{}, err
	}
	defer func() { _ = root.Close() }()
	w := madeWalk{job: j, root: root, links: links.Set{}, left: maxFiles, seen: map[string]bool{}}
	for next := []string{"."}; len(next) > 0 && w.left >= 0; {
		if p := ended(ctx); p != nil {
			return made{}, p
		}
		at := next[len(next)-1]
		below, err := w.directory(at)
		if err != nil {
			return made{}, fmt.Errorf("looking for files that planning made: %w", err)
		}
		next = append(next[:len(next)-1], below...)
	}
	w.removed()
	w.made.settle(w.links, j.tree)
	return w.made, nil
}

// madeWalk is one look through a tree.
type madeWalk struct {
	*job
	root  *os.Root
	made  made
	links links.Set       // that were made
	seen  map[string]bool // files and links of the commit that are there, of a tree of the job's own
	left  int             // entries that are still looked at
}

// directory looks at what is in a directory, and returns the directories in it.
// What terraform makes itself is passed over.
func (w *madeWalk) directory(at string) (below []string, err error) {
	d, err := w.root.Open(at)
	if err != nil {
		w.miss(at, run.MissedUnreadable)
		return nil, nil
	}
	defer func() { _ = d.Close() }()
	empty := true
	for {
		names, err := d.Readdirnames(1000)
		for _, name := range names {
			if w.left--; w.left < 0 {
				w.miss(at, run.MissedFiles)
				return nil, nil
			}
			var is unix.Stat_t
			err := unix.Fstatat(int(d.Fd()), name, &is, unix.AT_SYMLINK_NOFOLLOW)
			name = path.Join(at, name)
			if w.isTerraforms(name) || err == nil && w.commit.shared != nil && isWhiteout(&is) && w.commit.has(name) == nothing {
				continue
			}
			empty = false
			switch {
			case len(name) > maxMadeName:
				w.miss(name[:maxMadeName], run.MissedName)
			case err != nil:
				w.miss(name, run.MissedUnreadable)
			case w.entry(name, &is):
				below = append(below, name)
			}
		}
		if err == io.EOF {
			if empty && w.commit.has(at) == nothing && !w.brought[at] {
				w.newDirectory(at)
			}
			return below, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// entry looks at one name, and reports whether it is a directory to look into.
func (w *madeWalk) entry(name string, is *unix.Stat_t) bool {
	shared := w.commit.shared != nil
	if shared && typeOf(is) == unix.S_IFREG && !changedAfter(is, w.stood) {
		return false // a copy of the runner's
	}
	had := w.commit.has(name)
	switch {
	case shared && isWhiteout(is):
		w.miss(name, run.MissedRemoved)
	case typeOf(is) == unix.S_IFDIR && shared && had != nothing && (had != directory || w.isOpaque(name)):
		w.miss(name, run.MissedChanged)
	case typeOf(is) == unix.S_IFDIR:
		return true
	case had == nothing:
		w.found(name, is)
	default:
		w.seen[name] = true
		if changedAfter(is, w.stood) {
			w.touched(name, is, had)
		}
	}
	return false
}

// touched is something that the commit has, and that a program may have changed.
func (w *madeWalk) touched(name string, is *unix.Stat_t, had kind) {
	was := fs.FileMode(0)
	if had == plainFile {
		was = w.commit.mode(name)
	}
	marked := had == plainFile && is.Mode&0o100 != 0 && was&0o100 == 0
	switch {
	case !w.commit.holds(w.root, name, is), marked && was == 0: // which was left out of the source
		w.miss(name, run.MissedChanged)
	case marked:
		w.made.marked += is.Size
		w.made.files = append(w.made.files, madeFile{name: name, size: is.Size, executable: true, committed: true})
	}
}

// newDirectory is a directory that the commit does not have, and in which nothing lies
// that an apply may have.
func (w *madeWalk) newDirectory(name string) {
	switch {
	case !fs.ValidPath(name):
		w.miss(name, run.MissedName)
	case w.obeyed(name):
		w.miss(name, run.MissedObeyed)
	default:
		w.made.files = append(w.made.files, madeFile{name: name, directory: true})
	}
}

// removed notes what is gone of a tree of the job's own. Of a shared one a mark is
// left in the place of each.
func (w *madeWalk) removed() {
	if w.commit.shared != nil || w.left < 0 {
		return
	}
	for name := range w.commit.plain.noted {
		if !w.seen[name] && !w.isTerraforms(name) {
			w.miss(name, run.MissedRemoved)
		}
	}
	for name := range w.commit.links {
		if !w.seen[name] && !w.isTerraforms(name) {
			w.miss(name, run.MissedRemoved)
		}
	}
}

// found is a file that the commit does not have.
func (w *madeWalk) found(name string, is *unix.Stat_t) {
	if w.brought[name] {
		if changedAfter(is, w.broughtAt) {
			w.miss(name, run.MissedModule)
		}
		return
	}
	switch {
	case !fs.ValidPath(name):
		w.miss(name, run.MissedName)
	case w.obeyed(name):
		w.miss(name, run.MissedObeyed)
	case typeOf(is) == unix.S_IFREG:
		w.made.bytes += min(is.Size, math.MaxInt64-w.made.bytes)
		w.made.files = append(w.made.files, madeFile{name: name, size: is.Size, executable: is.Mode&0o100 != 0})
	case typeOf(is) == unix.S_IFLNK:
		to, err := w.root.Readlink(name)
		if err != nil {
			w.miss(name, run.MissedUnreadable)
			return
		}
		w.links[name] = to
		w.made.files = append(w.made.files, madeFile{name: name, to: to})
	default:
		w.miss(name, run.MissedSpecial)
	}
}

// miss notes a file that an apply would miss.
func (w *madeWalk) miss(name string, why run.Missed) { w.made.miss(name, why) }

func (m *made) miss(name string, why run.Missed) {
	if m.count++; len(m.missed) < run.MaxMadeFiles {
		m.missed = append(m.missed, run.MissedFile{Name: name, Why: why})
	}
}

// settle takes out what does not travel for what it is together with the others.
func (m *made) settle(made links.Set, tree *os.Root) {
	lookup := func(at string) (string, bool) {
		if to, is := made[at]; is {
			return to, true
		}
		to, err := tree.Readlink(at)
		return to, err == nil
	}
	m.files = slices.DeleteFunc(m.files, func(f madeFile) bool {
		if f.to == "" {
			return false
		}
		_, err := links.Resolve(f.name, lookup)
		if err == nil && made.Check(f.name) == nil {
			return false
		}
		m.miss(f.name, run.MissedLink)
		return true
	})
	why := run.Missed("")
	switch {
	case len(m.files) > run.MaxMadeFiles:
		why = run.MissedFiles
	case m.bytes+m.marked > run.MaxMadeBytes:
		why = run.MissedBytes
	}
	if why == "" {
		slices.SortFunc(m.files, func(a, b madeFile) int { return strings.Compare(a.name, b.name) })
		slices.SortFunc(m.missed, func(a, b run.MissedFile) int { return strings.Compare(a.Name, b.Name) })
		return
	}
	slices.SortFunc(m.files, func(a, b madeFile) int { return cmp.Or(cmp.Compare(b.size, a.size), strings.Compare(a.name, b.name)) })
	for _, f := range m.files {
		m.miss(f.name, why)
	}
	m.files, m.bytes, m.marked = nil, 0, 0
}

// result is what is reported of it; nil when planning made nothing.
func (m made) result(redact func(string) string) *run.Made {
	if len(m.files) == 0 && m.count == 0 {
		return nil
	}
	out := &run.Made{Bytes: m.bytes, Missed: m.count}
	for _, f := range m.files {
		number, names, name := &out.Files, &out.Names, f.name
		switch {
		case f.committed:
			number, names = &out.Executable, &out.Executables
		case f.directory:
			name += "/"
		}
		if *number++; *number <= shownMade {
			*names = append(*names, plain(redact(name)))
		}
	}
	for _, f := range m.missed[:min(len(m.missed), shownMade)] {
		out.Missing = append(out.Missing, run.MissedFile{Name: plain(redact(f.Name)), Why: f.Why})
	}
	return out
}

// typeOf is the type of a file, such as unix.S_IFREG.
func typeOf(is *unix.Stat_t) uint32 { return uint32(is.Mode) & unix.S_IFMT }

// isWhiteout reports what is left in the upper directory of an overlay in the place of
// a file that was removed (Documentation/filesystems/overlayfs.rst of Linux).
func isWhiteout(is *unix.Stat_t) bool { return typeOf(is) == unix.S_IFCHR && is.Rdev == 0 }

// isOpaque reports a directory of the upper one that hides what the commit has in it.
func (w *madeWalk) isOpaque(name string) bool {
	value := make([]byte, 1)
	n, err := unix.Lgetxattr(filepath.Join(w.path("source"), name), "user.overlay.opaque", value)
	return err == nil && n == 1 && value[0] == 'y'
}

// changedAfter reports whether content, name or mode of a file changed after a
// moment of the file system's clock. Programs set the other times as they like.
func changedAfter(is *unix.Stat_t, moment time.Time) bool {
	return time.Unix(is.Ctim.Unix()).After(moment)
}

// clock is the present moment by the clock of the file system of the job's directory.
func (j *job) clock() (time.Time, error) {
	name := j.path(printedFile)
	var is unix.Stat_t
	if err := errors.Join(os.Chmod(name, 0o600), unix.Lstat(name, &is)); err != nil {
		return time.Time{}, err
	}
	return time.Unix(is.Ctim.Unix()), nil
}
