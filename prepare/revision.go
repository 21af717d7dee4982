package prepare

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/gate"
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

// revision is what the commits of a pull request hold.
type revision struct {
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
	affected  map[string]bool // by name: projects that the head changes and still has
	mergeBase string
	behind    int
	notes     []string
	mistakes  []run.Diagnostic // of the head's lockkeeper.yml and rules, when the pull request changes them
}

// find brings the commits here and finds the projects that the run is about.
func (p *Preparer) find(ctx context.Context, r run.Run, facts pull.Facts, c commits) (revision, error) {
	mirror, err := p.Gate.Mirrors.Open(ctx, facts.RepositoryID)
	if err != nil {
		return revision{}, fmt.Errorf("opening the mirror: %w", err)
	}
	remote := p.Gate.Remote(r.Repository, facts.CloneURL)
	if err := mirror.Fetch(ctx, remote, c.head, c.base, c.config); err != nil {
		return revision{}, err
	}
	f := revision{repository: facts.Owner + "/" + facts.Name, mirror: mirror, remote: remote, configSHA: c.config}
	var changed []string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		compared, err := mirror.Compare(gctx, c.base, c.head)
		f.mergeBase, f.behind, changed = compared.MergeBase, compared.Behind, pull.Paths(compared.Changes)
		return err
	})
	g.Go(func() (err error) {
		if f.tree, err = p.tree(gctx, r.Repository, mirror, remote, c.head); err != nil {
			return err
		}
		f.graph, err = p.Gate.Index.Graph(gctx, f.tree)
		return err
	})
	g.Go(func() (err error) {
		if f.config, err = mirror.Tree(gctx, c.config); err == nil {
			_, err = f.config.Files(gctx) // warm: Load reads it next
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return revision{}, err
	}
	cfg, err := project.Load(ctx, f.config, f.graph, project.LoadOptions{DefaultBranch: facts.DefaultBranch})
	if _, broken := errors.AsType[project.Problems](err); broken && r.Kind == run.KindPlan && len(r.Selectors) == 0 {
		if corrected, failed := f.correction(ctx, changed); corrected || failed != nil {
			return f, failed
		}
	}
	if err != nil {
		return revision{}, err
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
	return pull.Submodules{Mirrors: p.Gate.Mirrors, Allowed: allowed, Find: p.FindSubmodule}.Fill(ctx, remote, tree)
}

// choose keeps the projects that were named, or those that the pull request
// touches, and notes what people would wonder about.
func (f *revision) choose(cfg project.Config, changed []string, r run.Run, baseRef string, tofu bool) error {
	if project.ConfigChanged(changed) {
		f.notes = append(f.notes, "This pull request changes `lockkeeper.yml`. The change takes effect when it is merged; "+
			"until then the file on the base branch counts.")
	}
	f.affected = map[string]bool{}
	missing := map[string]bool{}
	matches := f.withNew(project.Affected(cfg, f.graph, changed, baseRef))
	for _, m := range matches {
		missing[m.Project.Name], f.affected[m.Project.Name] = m.Missing, !m.Missing
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
func (f *revision) refused() error {
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
func (f *revision) dropMissing(missing map[string]bool) {
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

// beforeMerge leaves out the projects that are applied after the merge, unless there are
// no others: /apply without a name is not about them.
func (f *revision) beforeMerge() {
	before := slices.DeleteFunc(slices.Clone(f.projects), func(p project.Project) bool { return p.Apply == project.AfterMerge || f.planOnly(p.Name) })
	if len(before) > 0 {
		f.projects = before
	}
}

// Find is what gate.Keeper asks for: the commits of an apply, and the projects that
// it is about.
func (p *Preparer) Find(ctx context.Context, r run.Run, f pull.Facts) (gate.Revision, error) {
	found, err := p.find(ctx, r, f, commits{head: f.HeadSHA, base: f.BaseSHA, config: f.BaseSHA})
	if err != nil {
		return found.forGate(), err
	}
	if len(r.Selectors) == 0 {
		found.beforeMerge()
	}
	rev := found.forGate()
	if err := p.describe(r, f, &rev); err != nil || len(rev.Targets) == 0 {
		return rev, err
	}
	rules, err := p.rules(ctx, found.mirror, found.configSHA)
	for i := range rev.Targets {
		rev.Targets[i].Document.Policy = rules
	}
	return rev, err
}

// forGate is what the gate judges by. Its documents are not made yet.
func (f *revision) forGate() gate.Revision {
	out := gate.Revision{Mirror: f.mirror, Config: f.config, Graph: f.graph, Affected: f.affected, MergeBase: f.mergeBase, Behind: f.behind, Notes: f.notes}
	for _, proj := range f.projects {
		out.Targets = append(out.Targets, gate.Target{Project: proj, HeadOnly: f.isNew(proj.Name), PlanOnly: f.planOnly(proj.Name)})
	}
	return out
}

// describe makes the documents that plans of the targets would have now.
func (p *Preparer) describe(r run.Run, f pull.Facts, rev *gate.Revision) (err error) {
	for i := range rev.Targets {
		x := &rev.Targets[i]
		if x.Document, err = p.document(r, f, rev.Graph, x.Project); err != nil {
			return err
		}
		x.Keeping = p.keeping(rev.Graph, x.Project, x.Document)
	}
	return nil
}
