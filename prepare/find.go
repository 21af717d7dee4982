package prepare

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// commits are those that a run is about.
type commits struct {
	head, base string
	config     string // whose lockkeeper.yml, rules and CODEOWNERS count: the tip of the base branch
}

// found is what the commits of a pull request hold.
type found struct {
	repository string // owner/name, as GitHub has it
	mirror     *pull.Mirror
	remote     pull.Remote
	tree       *pull.Tree // of the head
	config     *pull.Tree // of configSHA
	configSHA  string
	graph      *project.Graph
	all        project.Config                // of the base, with what the head alone names and the server lets be planned
	next       *project.Config               // of the head, when the pull request changes it and it has no mistakes
	headOnly   map[string]policy.NewProjects // what the server lets happen to the projects that only the head names

	nextMistakes project.Problems

	projects  []project.Project
	touched   map[string]bool // by name: projects that the head changes and still has
	mergeBase string
	behind    int
	notes     []string
	mistakes  []run.Diagnostic // of the head's lockkeeper.yml and rules, when the pull request changes them
}

func (p *Preparer) remote(r run.Repository, url string) pull.Remote {
	return pull.Remote{URL: url, Token: func(ctx context.Context, refused string) (string, error) { return p.Token(ctx, r, refused) }}
}

// find brings the commits here and finds the projects that the run is about.
func (p *Preparer) find(ctx context.Context, r run.Run, facts pull.Facts, c commits) (found, error) {
	mirror, err := p.Mirrors.Open(ctx, facts.RepositoryID)
	if err != nil {
		return found{}, fmt.Errorf("opening the mirror: %w", err)
	}
	remote := p.remote(r.Repository, facts.CloneURL)
	if err := mirror.Fetch(ctx, remote, c.head, c.base, c.config); err != nil {
		return found{}, err
	}
	f := found{repository: facts.Owner + "/" + facts.Name, mirror: mirror, remote: remote, configSHA: c.config}
	var changed []string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		compared, err := mirror.Compare(gctx, c.base, c.head)
		f.mergeBase, f.behind, changed = compared.MergeBase, compared.Behind, paths(compared.Changes)
		return err
	})
	g.Go(func() (err error) {
		if f.tree, err = p.tree(gctx, r.Repository, mirror, remote, c.head); err != nil {
			return err
		}
		f.graph, err = p.Index.Graph(gctx, f.tree)
		return err
	})
	g.Go(func() (err error) {
		if f.config, err = mirror.Tree(gctx, c.config); err == nil {
			_, err = f.config.Files(gctx) // warm: Load reads it next
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return found{}, err
	}
	cfg, err := project.Load(ctx, f.config, f.graph, project.LoadOptions{DefaultBranch: facts.DefaultBranch})
	if _, broken := errors.AsType[project.Problems](err); broken && r.Kind == run.KindPlan && len(r.Selectors) == 0 {
		if corrected, failed := f.correction(ctx, changed); corrected || failed != nil {
			return f, failed
		}
	}
	if err != nil {
		return found{}, err
	}
	if note := p.rulesChanged(changed); note != "" {
		f.notes = append(f.notes, note)
		if r.Kind == run.KindPlan {
			if err := p.rulesAtHead(ctx, &f, changed); err != nil {
				return f, err
			}
		}
	}
	if err := p.readNext(ctx, &f, cfg, changed, facts.DefaultBranch, facts.BaseRef); err != nil {
		return f, err
	}
	if err := f.choose(f.all, changed, r, facts.BaseRef, p.Tofu); err != nil {
		return f, err
	}
	return f, f.surprises(ctx, p, r, cfg, changed)
}

// tree is the commit with those of its submodules that the server allows.
func (p *Preparer) tree(ctx context.Context, of run.Repository, mirror *pull.Mirror, remote pull.Remote, sha string) (*pull.Tree, error) {
	tree, err := mirror.Tree(ctx, sha)
	if err != nil {
		return nil, err
	}
	allowed := func(submodule string) bool { return p.Submodule != nil && p.Submodule(of.FullName(), submodule) }
	return pull.Submodules{Mirrors: p.Mirrors, Allowed: allowed, Find: p.Find}.Fill(ctx, remote, tree)
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
func (f *found) choose(cfg project.Config, changed []string, r run.Run, baseRef string, tofu bool) error {
	if project.ConfigChanged(changed) {
		f.notes = append(f.notes, "This pull request changes `lockkeeper.yml`. The change takes effect when it is merged; "+
			"until then the file on the base branch counts.")
	}
	f.touched = map[string]bool{}
	missing := map[string]bool{}
	matches := f.withNew(project.Affected(cfg, f.graph, changed, baseRef))
	for _, m := range matches {
		missing[m.Project.Name], f.touched[m.Project.Name] = m.Missing, !m.Missing
		if len(r.Selectors) == 0 {
			f.projects = append(f.projects, m.Project)
		}
	}
	if len(r.Selectors) > 0 {
		named, err := project.Select(cfg, r.Selectors)
		if err != nil {
			return f.onlyListed(err)
		}
		f.projects = named
	}
	f.dropMissing(missing)
	if err := f.elsewhere(cfg, changed, tofu); err != nil {
		return err
	}
	return f.refused()
}

// refused is the problem of module calls that no job may make, with the first of
// them in its sentence.
func (f *found) refused() error {
	for _, p := range f.projects {
		if calls := f.graph.Refused(p); len(calls) > 0 {
			return &run.Problem{Code: "module_source", Detail: calls.Error(), Message: fmt.Sprintf(
				"Project %s calls a module that no job may read, in %s on line %d, so nothing ran. Put the module into this repository, "+
					"or name the repository or registry that it comes from, and push.",
				markdown.Quote(p.Name), markdown.Quote(calls[0].File), calls[0].Line)}
		}
	}
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
		f.notes = append(f.notes, fmt.Sprintf("%s is not planned: its directory %s no longer exists, or holds nothing to plan, at this commit. "+
			"Deleting the directory destroys nothing; what it manages stays in its state. To destroy it, remove the "+
			"resources from the code first and apply that.", markdown.Quote(p.Name), markdown.Quote(p.Dir)))
	}
	f.projects = present
}

// untouched are the names of the projects that the pull request does not change.
func (f *found) untouched() []string {
	var out []string
	for _, p := range f.projects {
		if !f.touched[p.Name] {
			out = append(out, p.Name)
		}
	}
	return out
}

// beforeMerge leaves out the projects that are applied after the merge, unless there are
// no others: /apply without a name is not about them.
func (f *found) beforeMerge() {
	before := slices.DeleteFunc(slices.Clone(f.projects), func(p project.Project) bool { return p.Apply == project.AfterMerge || f.planOnly(p.Name) })
	if len(before) > 0 {
		f.projects = before
	}
}

// maxBaseChanged is how many paths people are shown.
const maxBaseChanged = 20

// baseChanges tells for each project what it can reach and what changed between
// two commits of the base branch, such as the one that the pull request took in
// last and its tip.
func (f found) baseChanges(ctx context.Context, projects []project.Project, from, to string) (map[string][]string, error) {
	changes, err := f.mirror.Changed(ctx, from, to)
	if err != nil {
		return nil, err
	}
	changed := paths(changes)
	out := map[string][]string{}
	for _, p := range projects {
		out[p.Name] = f.graph.Reached(p, changed, maxBaseChanged)
	}
	return out, nil
}
