package prepare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
)

// source stores what a project needs of the head commit and returns where.
// The same files are archived once.
func (p *Preparer) source(ctx context.Context, f found, proj project.Project) (run.Artifact, error) {
	key := fingerprint(f.graph.Files(proj))
	if a, ok := p.sources.get(key, p.Now()); ok {
		return a, nil
	}
	r, w := io.Pipe()
	snapshot := make(chan error, 1)
	go func() {
		_, err := f.mirror.Snapshot(ctx, f.tree, existing(f.graph, proj), w)
		_ = w.CloseWithError(err) // nil closes with EOF; never fails
		snapshot <- err
	}()
	a, err := p.PutSource(ctx, r)
	_ = r.CloseWithError(err) // so that a writer whose reader gave up ends too; never fails
	if serr := <-snapshot; serr != nil {
		return run.Artifact{}, fmt.Errorf("archiving the source of %q: %w", proj.Name, serr)
	}
	if err != nil {
		return run.Artifact{}, fmt.Errorf("storing the source of %q: %w", proj.Name, err)
	}
	p.sources.put(key, a, p.Now())
	return a, nil
}

// existing lists what to archive: the files themselves, because what a project
// needs may name paths that do not exist, and those are terraform's to report.
func existing(g *project.Graph, proj project.Project) []string {
	files := g.Files(proj)
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.Path
	}
	return paths
}

// fingerprint is equal for equal files: git's object ids say so.
func fingerprint(files []project.File) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s\x00%s\x00%o\n", f.Path, f.Blob, f.Mode)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sourceCache remembers which archive holds which files. Entries are forgotten
// long before old artifacts are swept. The zero value is ready to use.
type sourceCache struct {
	mu      sync.Mutex
	entries map[string]sourceEntry // guarded by mu
}

type sourceEntry struct {
	artifact run.Artifact
	at       time.Time
}

const (
	sourceCacheFor  = time.Hour
	sourceCacheSize = 10_000
)

func (c *sourceCache) get(key string, now time.Time) (run.Artifact, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	return e.artifact, ok && now.Sub(e.at) < sourceCacheFor
}

func (c *sourceCache) put(key string, a run.Artifact, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= sourceCacheSize {
		c.entries = make(map[string]sourceEntry)
	}
	c.entries[key] = sourceEntry{a, now}
}
