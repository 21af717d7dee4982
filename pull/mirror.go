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
)

// Mirrors holds one bare git repository per GitHub repository, below Dir. Only
// one Mirrors may use a directory at a time. It is safe for concurrent use.
type Mirrors struct {
	Dir string // absolute; created when missing

	// SnapshotLimits bound the source archives; zero fields mean defaults.
	SnapshotLimits Limits

	mu   sync.Mutex
	open map[int64]*Mirror // guarded by mu
}

// Mirror is the local copy of one repository. Fetches take turns; everything
// else runs in parallel with them and with each other, because objects of git
// are only ever added.
type Mirror struct {
	dir    string
	limits Limits

	fetching sync.Mutex // one fetch at a time

	mu    sync.Mutex
	known map[string]bool // commits that are complete here; guarded by mu
	trees listings
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
	if err := m.create(ctx, dir); err != nil {
		return nil, fmt.Errorf("creating mirror of repository %d: %w", repositoryID, err)
	}
	if m.open == nil {
		m.open = map[int64]*Mirror{}
	}
	mirror := &Mirror{dir: dir, limits: m.SnapshotLimits.orDefault(), known: map[string]bool{}}
	m.open[repositoryID] = mirror
	return mirror, nil
}

// create makes the repository under another name first, so that a crash never
// leaves half a repository under the final one.
func (m *Mirrors) create(ctx context.Context, dir string) error {
	if !filepath.IsAbs(m.Dir) {
		return fmt.Errorf("the directory of mirrors must be absolute, got %q", m.Dir)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(m.Dir, ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }() // gone already when it was renamed
	if _, err := output(ctx, git(ctx, temp, "init", "--bare", "--quiet", "--template=")); err != nil {
		return err
	}
	return os.Rename(temp, dir)
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
