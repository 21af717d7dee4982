package prepare

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// found is what the commits of a pull request hold.
type found struct {
	mirror   *pull.Mirror
	tree     *pull.Tree // of the head
	graph    *project.Graph
	projects []project.Project
	behind   int
	notes    []string
}

// find brings the commits here and finds the projects that the run is about.
func (p *Preparer) find(ctx context.Context, r run.Run, facts pull.Facts) (found, error) {
	mirror, err := p.Mirrors.Open(ctx, facts.RepositoryID)
	if err != nil {
		return found{}, fmt.Errorf("opening the mirror: %w", err)
	}
	remote := pull.Remote{URL: facts.CloneURL, Token: func(ctx context.Context) (string, error) {
		return p.Token(ctx, r.Repository)
	}}
	if err := mirror.Fetch(ctx, remote, facts.HeadSHA, facts.BaseSHA); err != nil {
		return found{}, err
	}
	f := found{mirror: mirror}
	var changed []string
	var base *pull.Tree
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		c, err := mirror.Compare(gctx, facts.BaseSHA, facts.HeadSHA)
		f.behind, changed = c.Behind, paths(c.Changes)
		return err
	})
	g.Go(func() (err error) {
		if f.tree, err = mirror.Tree(gctx, facts.HeadSHA); err != nil {
			return err
		}
		f.graph, err = p.Index.Graph(gctx, f.tree)
		return err
	})
	g.Go(func() (err error) {
		if base, err = mirror.Tree(gctx, facts.BaseSHA); err == nil {
			_, err = base.Files(gctx) // warm: Load reads it next
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return found{}, err
	}
	cfg, err := project.Load(ctx, base, f.graph, project.LoadOptions{DefaultBranch: facts.DefaultBranch})
	if err != nil {
		return found{}, err
	}
	if note := p.rulesChanged(changed); note != "" {
		f.notes = append(f.notes, note)
	}
	return f, f.choose(cfg, changed, r, facts)
}

func paths(changes []pull.Change) []string {
	out := make([]string, len(changes))
	for i, c := range changes {
		out[i] = c.Path
	}
	return out
}

// choose keeps the projects that were named, or those that the pull request
// touches, and notes what people would wonder about.
func (f *found) choose(cfg project.Config, changed []string, r run.Run, facts pull.Facts) error {
	if project.ConfigChanged(changed) {
		f.notes = append(f.notes, "This pull request changes `lockkeeper.yml`. The change takes effect when it is merged; "+
			"until then the file on the base branch counts.")
	}
	matches := project.Affected(cfg, f.graph, changed, facts.BaseRef)
	missing := map[string]bool{}
	for _, m := range matches {
		missing[m.Project.Name] = m.Missing
	}
	if len(r.Selectors) == 0 {
		for _, m := range matches {
			f.projects = append(f.projects, m.Project)
		}
	} else {
		named, err := project.Select(cfg, r.Selectors)
		if err != nil {
			return err
		}
		f.projects = named
	}
	f.dropMissing(missing)
	return nil
}

// dropMissing leaves out projects whose directory the pull request deletes:
// there is nothing to run, and saying so beats a failed plan.
func (f *found) dropMissing(missing map[string]bool) {
	var present []project.Project
	for _, p := range f.projects {
		if !missing[p.Name] {
			present = append(present, p)
			continue
		}
		f.notes = append(f.notes, fmt.Sprintf("%s is not planned: its directory %s no longer exists at this commit. "+
			"Deleting the directory destroys nothing; what it manages stays in its state. To destroy it, remove the "+
			"resources from the code first and apply that.", run.Quote(p.Name), run.Quote(p.Dir)))
	}
	f.projects = present
}
