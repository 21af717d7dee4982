package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/durable"
)

// Mirrors holds one bare git repository per GitHub repository, below Dir. Only
// one Mirrors may use a directory at a time. It is safe for concurrent use.
type Mirrors struct {
	Dir string // absolute; created when missing

	// Limits bound what is read; zero fields mean defaults.
	Limits Limits

	mu    sync.Mutex
	open  map[int64]*Mirror // guarded by mu
	trees listings
}

// Mirror is the local copy of one repository. Fetches take turns; everything
// else runs in parallel with them and with each other, because objects of git
// are only ever added.
type Mirror struct {
	dir    string
	limits Limits
	stall  time.Duration // how long a remote may be silent
	trees  *listings     // shared by all mirrors, to bound the memory

	fetching chan struct{} // holds one value while a fetch runs

	mu    sync.Mutex
	known map[string]bool // commits that are complete here; guarded by mu
	facts facts
}

// Open returns the mirror of the repository with GitHub's numeric id (which
// survives renames and transfers), creating an empty one on first use. Every
// call with the same id returns the same Mirror.
func (m *Mirrors) Open(ctx context.Context, repositoryID int64) (*Mirror, error) {
	if repositoryID <= 0 {
		return nil, fmt.Errorf("opening mirror: repository id %d is not one of GitHub's", repositoryID)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if mirror := m.open[repositoryID]; mirror != nil {
		return mirror, nil
	}
	dir := filepath.Join(m.Dir, strconv.FormatInt(repositoryID, 10)+".git")
	if err := m.create(dir); err != nil {
		return nil, fmt.Errorf("creating mirror of repository %d: %w", repositoryID, err)
	}
	if m.open == nil {
		m.open = map[int64]*Mirror{}
	}
	mirror := &Mirror{
		dir:      dir,
		limits:   m.Limits.orDefault(),
		stall:    stallAfter,
		trees:    &m.trees,
		fetching: make(chan struct{}, 1),
		known:    map[string]bool{},
	}
	m.open[repositoryID] = mirror
	return mirror, nil
}

// create makes the repository under another name first, so that a crash never
// leaves half a repository under the final one.
func (m *Mirrors) create(dir string) error {
	if !filepath.IsAbs(m.Dir) {
		return fmt.Errorf("the directory of mirrors must be absolute, got %q", m.Dir)
	}
	_, err := os.Stat(dir)
	if err == nil {
		return removeLeftovers(dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	temp := dir + ".new"
	if err := os.RemoveAll(temp); err != nil { // of a crash
		return err
	}
	if err := emptyRepository(temp); err != nil {
		return err
	}
	return os.Rename(temp, dir)
}

// emptyRepository writes what makes a directory a bare repository
// (gitrepository-layout(5)).
func emptyRepository(dir string) error {
	for _, name := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{
		"HEAD":   "ref: refs/heads/main\n", // of no meaning in a mirror
		"config": "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
	} {
		if err := durable.WriteFile(filepath.Join(dir, name), []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

// removeLeftovers removes what a git process left that was killed: lock files,
// which git itself never removes and for which every later fetch would be
// refused, and packs that are half written.
func removeLeftovers(dir string) error {
	for _, pattern := range []string{"*.lock", "refs/lockkeeper/*.lock", "objects/pack/tmp_*", "objects/pack/.tmp-*"} {
		left, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, file := range left {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// full is a complete object id: SHA-1, or SHA-256 in repositories that use it.
var full = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// checkSHA refuses everything but a full object id. What passes can be an
// argument of git: it is no option, no revision expression, no path.
func checkSHA(shas ...string) error {
	for _, sha := range shas {
		if !full.MatchString(sha) {
			return fmt.Errorf("%.80q is not a full commit SHA", sha)
		}
	}
	return nil
}
