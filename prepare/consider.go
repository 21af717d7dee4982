package prepare

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/plandiff"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// considered is everything that a verdict about applying stands on, all of it
// read anew.
type considered struct {
	rd       *reading
	found    found
	projects []candidate
	all      []candidate     // of a plan that is being made: with those that nothing stands before
	beside   map[string]bool // of such a plan: other projects that are planned at the head and base
	stored   stored
	facts    policy.Facts
	effects  map[string]plandiff.Plan // of plans that were compared, by job id
}

// candidate is a project that may be applied.
type candidate struct {
	project.Project
	doc   run.JobDocument // what a plan would be made from now, without source
	rules policy.Rules
}

// consider reads what an apply of the run's projects is judged by.
func (p *Preparer) consider(ctx context.Context, r run.Run) (*considered, error) {
	rd, err := p.newReading(r)
	if err != nil {
		return nil, err
	}
	c := &considered{rd: rd}
	if err := p.readForApply(ctx, rd); err != nil {
		return c, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return rd.readPermissions(gctx) })
	g.Go(func() (err error) {
		c.stored, err = p.stored(gctx, r, rd.pull.HeadSHA)
		return err
	})
	g.Go(func() (err error) {
		if err := p.readTips(gctx, rd); err != nil {
			return err
		}
		c.found, err = p.find(gctx, r, rd.pull, commits{rd.pull.HeadSHA, rd.pull.BaseSHA, rd.pull.BaseSHA})
		return err
	})
	if err := g.Wait(); err != nil {
		return c, err
	}
	if len(r.Selectors) == 0 {
		c.found.beforeMerge()
	}
	if err := p.refresh(ctx, c); err != nil {
		return c, err
	}
	authors, err := p.authors(ctx, c)
	if err != nil {
		return c, err
	}
	return c, p.detail(ctx, c, authors)
}

// readForApply reads what needs no commit, and ends at once for what is closed,
// a fork, whose commits are never fetched (T07), or into a branch whose rules do
// not count.
func (p *Preparer) readForApply(ctx context.Context, rd *reading) error {
	g, gctx := errgroup.WithContext(ctx)
	request := rd.request
	request.NoTip = true
	g.Go(func() error { return rd.readPull(gctx, request) })
	g.Go(func() error { return rd.readReviews(gctx) })
	g.Go(func() error { return rd.readComment(gctx, true) })
	if p.some(asksApproval) {
		g.Go(func() error { return rd.readCommits(gctx) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	facts := p.facts(rd, pull.Authors{})
	facts.Asked, facts.Permission = true, "write" // whether the actor may is asked with everything else
	if v := policy.Plan(facts); !v.Allowed {
		return refusal(v)
	}
	if pinned := rd.run.HeadSHA; pinned != "" && pinned != rd.pull.HeadSHA {
		return headMoved(rd.pull.HeadSHA)
	}
	return nil
}

// readTips asks git where the branches point. What GitHub's API says of the head
// may be older: then a push is on its way.
func (p *Preparer) readTips(ctx context.Context, rd *reading) error {
	head := "refs/heads/" + rd.pull.HeadRef
	tips, err := p.tips(ctx, rd, head)
	if err == nil && tips[head] != rd.pull.HeadSHA {
		return headMoved(tips[head])
	}
	return err
}

// readBase asks git where the base branch points.
func (p *Preparer) readBase(ctx context.Context, rd *reading) error {
	_, err := p.tips(ctx, rd)
	return err
}

// tips notes the tip of the base branch, and returns those of other refs.
func (p *Preparer) tips(ctx context.Context, rd *reading, refs ...string) (map[string]string, error) {
	mirror, err := p.Mirrors.Open(ctx, rd.pull.RepositoryID)
	if err != nil {
		return nil, fmt.Errorf("opening the mirror: %w", err)
	}
	base := "refs/heads/" + rd.pull.BaseRef
	tips, err := mirror.Tips(ctx, p.remote(rd.run.Repository, rd.pull.CloneURL), append(refs, base)...)
	if err != nil {
		return nil, err
	}
	if tips[base] == "" {
		return nil, &run.Problem{Code: "base_gone", Message: "The base branch " + markdown.Quote(rd.pull.BaseRef) +
			" no longer exists. Choose another base for the pull request, then comment `/plan`."}
	}
	rd.pull.BaseSHA = tips[base]
	return tips, nil
}

// refresh makes the documents that plans of the projects would have now.
func (p *Preparer) refresh(ctx context.Context, c *considered) error {
	if len(c.found.projects) == 0 {
		return nil
	}
	rules, err := p.rules(ctx, c.found.mirror, c.found.configSHA)
	if err != nil {
		return err
	}
	for _, proj := range c.found.projects {
		doc, err := p.document(c.rd.run, c.rd.pull, c.found.graph, proj)
		if err != nil {
			return err
		}
		doc.Policy = rules
		demanded, known := p.Rules[doc.Environment.Name]
		if !known {
			return noRules(proj.Name, doc.Environment.Name)
		}
		c.projects = append(c.projects, candidate{proj, doc, demanded})
	}
	return nil
}

// noRules: without rules nothing is known to be allowed.
func noRules(project, environment string) *run.Problem {
	return &run.Problem{Code: "no_rules", Message: "The server has no rules for environment " + markdown.Quote(environment) + " of project " +
		markdown.Quote(project) + ", so nothing was applied. Contact your Lockkeeper administrator."}
}

// authors finds out who made the commits, when some rule asks for approvals by
// others.
func (p *Preparer) authors(ctx context.Context, c *considered) (pull.Authors, error) {
	if !c.any(asksApproval) {
		return pull.Authors{}, nil
	}
	return p.authorsOf(ctx, c.found.mirror, c.rd)
}

// authorsOf finds out who made the commits, but for merges of the base that hold
// nothing else.
func (p *Preparer) authorsOf(ctx context.Context, mirror *pull.Mirror, rd *reading) (pull.Authors, error) {
	all, err := mirror.Commits(ctx, rd.pull.BaseSHA, rd.pull.HeadSHA)
	if err != nil {
		return pull.Authors{}, err
	}
	merges, err := mirror.BaseMerges(ctx, all)
	if err != nil {
		return pull.Authors{}, err
	}
	authors := pull.AuthorsOf(pull.WithoutBaseMerges(rd.commits, merges), pull.WithoutBaseMerges(all, merges), p.IsTool)
	if len(all) > 0 && len(authors.Logins) == 0 && authors.Unattributed == 0 {
		authors.Logins = []string{rd.pull.Author} // tools wrote it all; nobody at all would mean that nobody knows
	}
	return authors, nil
}

func (c *considered) any(is func(policy.Rules) bool) bool {
	return slices.ContainsFunc(c.projects, func(x candidate) bool { return is(x.rules) })
}

// detail reads what the rules of the projects ask for, and makes the facts.
func (p *Preparer) detail(ctx context.Context, c *considered, authors pull.Authors) error {
	asked := asking{c: c}
	err := asked.read(ctx)
	if err != nil {
		return err
	}
	c.facts = p.facts(c.rd, authors)
	c.facts.Behind, c.facts.Conflicts = c.found.behind, asked.conflicts
	if c.facts.Pushers, c.facts.PushedFor, err = p.pushers(ctx, c); err != nil {
		return err
	}
	for _, x := range c.projects {
		facts := policy.Project{
			Name: x.Name, Dir: x.Dir, Environment: x.doc.Environment.Name, AfterMerge: x.doc.Project.AfterMerge, HeadOnly: c.found.isNew(x.Name), Rules: x.rules,
			Keeping: p.keeping(c.found.graph, x.Project, x.doc),
			Owners:  asked.owners[x.Name], Touched: c.found.touched[x.Name], BaseChanged: asked.baseChanged[x.Name],
		}
		facts.Before, facts.Unplanned = c.before(x.Project)
		if err := p.planFacts(ctx, c, &facts, x.doc); err != nil {
			return err
		}
		c.facts.Projects = append(c.facts.Projects, facts)
	}
	return nil
}

// planFacts adds what the store knows of the project.
func (p *Preparer) planFacts(ctx context.Context, c *considered, facts *policy.Project, fresh run.JobDocument) (err error) {
	locked := fresh
	if st, planned := c.stored.standings[facts.Name]; planned {
		if facts.Plan, err = p.storedPlan(ctx, st); err != nil {
			return err
		}
		locked = st.Plan.Document
		if !sameArtifact(locked.Policy, fresh.Policy) {
			facts.Plan.Judged = false // by other rules than those that count now
		}
		facts.Applied = st.Applied()
		facts.Plan.Shown = !st.PlanRun.ShownAt.IsZero()
		if asksApproval(facts.Rules) && facts.Plan.Complete {
			if facts.Seen, err = p.seen(ctx, c, st); err != nil {
				return err
			}
		}
	}
	c.stored.lockFacts(facts, locked, p.LockAtApply)
	if facts.Astray = c.stored.astray(locked) || c.stored.astray(fresh); facts.Astray {
		facts.AstrayIn = c.stored.astrayIn(facts.Name)
	}
	facts.Running = c.stored.running(facts.Name, c.rd.pull.HeadSHA)
	return nil
}

func sameArtifact(a, b *run.Artifact) bool {
	return a == nil && b == nil || a != nil && b != nil && a.SHA256 == b.SHA256
}
