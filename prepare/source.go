package prepare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// sources stores what the jobs of the head commit get, tells each document where it
// is, and says which projects read something that a job cannot be given as a
// checkout has it.
func (p *Preparer) sources(ctx context.Context, r run.Run, f revision, projects []project.Project, docs []run.JobDocument) (map[string]run.Problem, error) {
	failed, settings := make([]*run.Problem, len(projects)), p.settingsOf(r.Repository)
	one := func(i int, source archived) {
		docs[i].Source = source.artifact
		if refused := source.reachedBy(f.graph.Needs(projects[i])); refused != nil {
			failed[i] = sourceRefused(projects[i], *refused)
		} else if left := source.leftOut(); left != nil {
			if unfollowed := f.graph.Unfollowed(projects[i], settings(projects[i])); len(unfollowed) > 0 {
				failed[i] = mayReadLeftOut(projects[i], *left, unfollowed)
			}
		}
	}
	if p.Reach != nil && p.Reach(r.Repository.FullName()) {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(4) // each is a git process
		for i, proj := range projects {
			if unfollowed := f.graph.Unfollowed(proj, settings(proj)); len(unfollowed) > 0 {
				failed[i] = notFollowed(proj, unfollowed)
				continue
			}
			g.Go(func() error {
				source, err := p.reached(ctx, r, f, proj)
				one(i, source)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
	} else {
		source, err := p.source(ctx, r, f)
		if err != nil {
			return nil, err
		}
		for i := range projects {
			one(i, source)
		}
	}
	out := map[string]run.Problem{}
	for i, problem := range failed {
		if problem != nil {
			out[projects[i].Name] = *problem
		}
	}
	return out, nil
}

// notFollowed refuses a project of which nobody knows what it reads, where a job
// gets only that.
func notFollowed(proj project.Project, unfollowed project.Problems) *run.Problem {
	return &run.Problem{Code: "source", Detail: unfollowed.Error(), Message: fmt.Sprintf(
		"Jobs of this repository get only what their project reaches (`source: reach` in the server's config), and the path of a file that project %s reads cannot be followed, so nothing ran. "+
			"Begin the path with a constant, in %s on line %d.", markdown.Quote(proj.Name), markdown.Quote(unfollowed[0].File), unfollowed[0].Line)}
}

func sourceRefused(proj project.Project, refused pull.RefusedError) *run.Problem {
	return &run.Problem{Code: "source", Detail: refused.Error(), Message: fmt.Sprintf(
		"Project %s reads %s, which a job cannot be given as a checkout has it, so nothing ran. Correct what it says below, and push.",
		markdown.Quote(proj.Name), markdown.Quote(refused.Path))}
}

// mayReadLeftOut refuses a project that reads a path which cannot be followed, in a commit of
// which a part cannot be had: fileset of what is missing is an empty set without an
// error, and a plan that destroys.
func mayReadLeftOut(proj project.Project, left pull.RefusedError, unfollowed project.Problems) *run.Problem {
	return &run.Problem{Code: "source", Detail: left.Error() + "\n" + unfollowed.Error(), Message: fmt.Sprintf(
		"A job cannot be given %s as a checkout has it, and project %s reads a path that cannot be followed (%s on line %d), so it may read that, and nothing ran. "+
			"Begin the path with a constant, or correct what is said below of the other, and push.",
		markdown.Quote(left.Path), markdown.Quote(proj.Name), markdown.Quote(unfollowed[0].File), unfollowed[0].Line)}
}

// archived is the archive of a commit's tree.
type archived struct {
	artifact run.Artifact
	refused  []pull.RefusedError
}

// reachedBy is the first of what is refused that lies in one of the directories or
// is one of the files, or stands for what one of them is in.
func (a archived) reachedBy(needs []string) *pull.RefusedError {
	for i, refused := range a.refused {
		for _, need := range needs {
			if isIn(refused.Path, need) || isIn(need, refused.Path) {
				return &a.refused[i]
			}
		}
	}
	return nil
}

// leftOut is the first of what the archive does not have as a checkout does.
func (a archived) leftOut() *pull.RefusedError {
	i := slices.IndexFunc(a.refused, func(r pull.RefusedError) bool { return !r.Held })
	if i < 0 {
		return nil
	}
	return &a.refused[i]
}

// isIn reports whether a path is dir or lies in it.
func isIn(path, dir string) bool {
	return dir == "." || path == dir || strings.HasPrefix(path, dir+"/")
}

// source is the archive of the head commit. Commits with the same tree have the
// same one.
func (p *Preparer) source(ctx context.Context, r run.Run, f revision) (archived, error) {
	tree, err := f.tree.ID(ctx)
	if err != nil {
		return archived{}, err
	}
	return p.once(ctx, r, fmt.Sprintf("%d %s", r.Repository.ID, tree), f, []string{"."})
}

// reached is the archive of what a project reaches, the same one for the same files.
// What it may name and the commit has not is terraform's to report.
func (p *Preparer) reached(ctx context.Context, r run.Run, f revision, proj project.Project) (archived, error) {
	files := f.graph.Files(proj)
	paths := make([]string, len(files))
	for i, file := range files {
		paths[i] = file.Path
	}
	submodules, err := f.tree.Submodules(ctx)
	if err != nil {
		return archived{}, err
	}
	for _, s := range submodules {
		if slices.ContainsFunc(f.graph.Needs(proj), func(need string) bool { return isIn(s, need) || isIn(need, s) }) {
			paths = append(paths, s)
		}
	}
	return p.once(ctx, r, fmt.Sprintf("%d %s %q", r.Repository.ID, fingerprint(files), paths[len(files):]), f, paths)
}

// once is an archive that was made before, or is made now; whoever wants it
// meanwhile waits for it.
func (p *Preparer) once(ctx context.Context, r run.Run, key string, f revision, paths []string) (archived, error) {
	if a, ok := p.archives.get(key, p.Gate.Now()); ok {
		return a, nil
	}
	made, err, _ := p.archives.making.Do(key, func() (any, error) {
		a, err := p.archive(ctx, r, f, paths)
		if err == nil && (len(a.refused) == 0 || !p.fetchesLarge(r)) { // else content may be pushed later
			p.archives.put(key, a, p.Gate.Now())
		}
		return a, err
	})
	if errors.Is(err, context.Canceled) && ctx.Err() == nil { // of the one who made it
		return p.archive(ctx, r, f, paths)
	}
	a, _ := made.(archived)
	return a, err
}

func (p *Preparer) fetchesLarge(r run.Run) bool {
	return p.Large != nil && p.Large(r.Repository.FullName())
}

// archive makes and stores an archive of the head commit.
func (p *Preparer) archive(ctx context.Context, of run.Run, f revision, paths []string) (archived, error) {
	if p.fetchesLarge(of) {
		if err := f.mirror.FetchLarge(ctx, f.remote, f.tree); err != nil {
			return archived{}, err
		}
	}
	var snapshot pull.Snapshot
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		var err error
		snapshot, err = f.mirror.Snapshot(ctx, f.tree, paths, w)
		_ = w.CloseWithError(err) // nil closes with EOF; never fails
		done <- err
	}()
	a, err := p.PutSource(ctx, r)
	_ = r.CloseWithError(err) // so that a writer whose reader gave up ends too; never fails
	if serr := <-done; serr != nil {
		return archived{}, fmt.Errorf("archiving the source: %w", serr)
	}
	if err != nil {
		return archived{}, fmt.Errorf("storing the source: %w", err)
	}
	return archived{a, snapshot.Refused}, nil
}

// archiveCache remembers the archives of trees. Entries are forgotten long before
// old artifacts are swept. The zero value is ready to use.
type archiveCache struct {
	making singleflight.Group

	mu      sync.Mutex
	entries map[string]archiveEntry // guarded by mu
}

type archiveEntry struct {
	archived
	at time.Time
}

const (
	archivesFor  = time.Hour
	archivesKept = 1_000
)

func (c *archiveCache) get(key string, now time.Time) (archived, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	return e.archived, ok && now.Sub(e.at) < archivesFor
}

func (c *archiveCache) put(key string, a archived, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= archivesKept {
		c.entries = make(map[string]archiveEntry)
	}
	c.entries[key] = archiveEntry{a, now}
}
