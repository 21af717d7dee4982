package gate

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/plandiff"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// input is everything that a verdict about applying stands on, all of it read again.
type input struct {
	data    *pullData
	rev     Revision
	targets []target
	all     []target        // of a plan that is being made: with those that nothing stands before
	beside  map[string]bool // of such a plan: other projects that are planned at the head and base
	stored  stored
	facts   policy.Facts
	effects map[string]plandiff.Plan // of plans that were compared, by job id
}

// target is a project that may be applied, and what its environment asks for.
type target struct {
	Target
	rules policy.Rules
}

// loadInput reads what an apply of the run's projects is judged by. What was read
// until an error comes with it.
func (k *Keeper) loadInput(ctx context.Context, r run.Run) (*input, error) {
	d, err := k.newPullData(r)
	if err != nil {
		return &input{data: &pullData{}}, err
	}
	in := &input{data: d}
	if err := k.readForApply(ctx, d); err != nil {
		return in, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.readPermissions(gctx) })
	g.Go(func() (err error) {
		in.stored, err = k.stored(gctx, r, d.pull.HeadSHA)
		return err
	})
	g.Go(func() (err error) {
		if err := k.readTips(gctx, d); err != nil {
			return err
		}
		in.rev, err = k.Find(gctx, r, d.pull)
		return err
	})
	if err := g.Wait(); err != nil {
		return in, err
	}
	if in.targets, err = k.ruled(in.rev.Targets); err != nil {
		return in, err
	}
	authors, err := k.authors(ctx, in)
	if err != nil {
		return in, err
	}
	return in, k.detail(ctx, in, authors)
}

// readForApply reads what needs no commit, and ends at once for what is closed,
// a fork, whose commits are never fetched (T07), or into a branch whose rules do
// not count.
func (k *Keeper) readForApply(ctx context.Context, d *pullData) error {
	g, gctx := errgroup.WithContext(ctx)
	request := d.request
	request.NoTip = true
	g.Go(func() error { return d.readPull(gctx, request) })
	g.Go(func() error { return d.readReviews(gctx) })
	g.Go(func() error { return d.readComment(gctx, true) })
	if k.some(asksApproval) {
		g.Go(func() error { return d.readCommits(gctx) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	facts := k.facts(d, pull.Authors{})
	facts.ByPerson, facts.Permission = true, "write" // whether the actor may is read with everything else
	if v := policy.Plan(facts); !v.Allowed {
		return refusal(v)
	}
	if pinned := d.run.HeadSHA; pinned != "" && pinned != d.pull.HeadSHA {
		return headMoved(d.pull.HeadSHA)
	}
	return nil
}

// readTips asks git where the branches point. What GitHub's API says of the head
// may be older: then a push is on its way.
func (k *Keeper) readTips(ctx context.Context, d *pullData) error {
	head := "refs/heads/" + d.pull.HeadRef
	tips, err := k.tips(ctx, d, head)
	if err == nil && tips[head] != d.pull.HeadSHA {
		return headMoved(tips[head])
	}
	return err
}

// readBase asks git where the base branch points.
func (k *Keeper) readBase(ctx context.Context, d *pullData) error {
	_, err := k.tips(ctx, d)
	return err
}

// tips notes the tip of the base branch, and returns those of other refs.
func (k *Keeper) tips(ctx context.Context, d *pullData, refs ...string) (map[string]string, error) {
	mirror, err := k.Mirrors.Open(ctx, d.pull.RepositoryID)
	if err != nil {
		return nil, fmt.Errorf("opening the mirror: %w", err)
	}
	base := "refs/heads/" + d.pull.BaseRef
	tips, err := mirror.Tips(ctx, k.Remote(d.run.Repository, d.pull.CloneURL), append(refs, base)...)
	if err != nil {
		return nil, err
	}
	if tips[base] == "" {
		return nil, &run.Problem{Code: "base_gone", Message: "The base branch " + markdown.Quote(d.pull.BaseRef) +
			" no longer exists. Choose another base for the pull request, then comment `/plan`."}
	}
	d.pull.BaseSHA = tips[base]
	return tips, nil
}

// ruled gives each target the rules of its environment.
func (k *Keeper) ruled(targets []Target) ([]target, error) {
	var out []target
	for _, x := range targets {
		rules, known := k.Rules[x.Document.Environment.Name]
		if !known {
			return nil, noRules(x.Name, x.Document.Environment.Name)
		}
		out = append(out, target{x, rules})
	}
	return out, nil
}

// noRules: without rules nothing is known to be allowed.
func noRules(project, environment string) *run.Problem {
	return &run.Problem{Code: "no_rules", Message: "The server has no rules for environment " + markdown.Quote(environment) + " of project " +
		markdown.Quote(project) + ", so nothing was applied. Contact your Lockkeeper administrator."}
}

// authors finds out who made the commits, when some rule asks for approvals by
// others.
func (k *Keeper) authors(ctx context.Context, in *input) (pull.Authors, error) {
	if !in.any(asksApproval) {
		return pull.Authors{}, nil
	}
	return k.authorsOf(ctx, in.rev.Mirror, in.data)
}

// authorsOf finds out who made the commits, but for merges of the base that hold
// nothing else.
func (k *Keeper) authorsOf(ctx context.Context, mirror *pull.Mirror, d *pullData) (pull.Authors, error) {
	all, err := mirror.Commits(ctx, d.pull.BaseSHA, d.pull.HeadSHA)
	if err != nil {
		return pull.Authors{}, err
	}
	merges, err := mirror.BaseMerges(ctx, all)
	if err != nil {
		return pull.Authors{}, err
	}
	authors := pull.AuthorsOf(pull.WithoutBaseMerges(d.commits, merges), pull.WithoutBaseMerges(all, merges), k.IsTool)
	if len(all) > 0 && len(authors.Logins) == 0 && authors.Unattributed == 0 {
		authors.Logins = []string{d.pull.Author} // tools wrote it all; nobody at all would mean that nobody knows
	}
	return authors, nil
}

func (in *input) any(is func(policy.Rules) bool) bool {
	return slices.ContainsFunc(in.targets, func(x target) bool { return is(x.rules) })
}

// detail reads what the rules of the projects ask for, and makes the facts.
func (k *Keeper) detail(ctx context.Context, in *input, authors pull.Authors) error {
	inputs := ruleInputs{in: in}
	err := inputs.read(ctx)
	if err != nil {
		return err
	}
	in.facts = k.facts(in.data, authors)
	in.facts.Behind, in.facts.Conflicts = in.rev.Behind, inputs.conflicts
	if in.facts.Pushers, in.facts.PushedFor, err = k.pushers(ctx, in); err != nil {
		return err
	}
	for _, x := range in.targets {
		facts := policy.Project{
			Name: x.Name, Dir: x.Dir, Environment: x.Document.Environment.Name, AfterMerge: x.Document.Project.AfterMerge, HeadOnly: x.HeadOnly, Rules: x.rules,
			Keeping: x.Keeping, Owners: inputs.owners[x.Name], Touched: in.rev.Affected[x.Name], BaseChanged: inputs.baseChanged[x.Name],
		}
		facts.Before, facts.Unplanned = in.before(x.Project)
		if err := k.planFacts(ctx, in, &facts, x.Document); err != nil {
			return err
		}
		in.facts.Projects = append(in.facts.Projects, facts)
	}
	return nil
}

// planFacts adds what the store knows of the project.
func (k *Keeper) planFacts(ctx context.Context, in *input, facts *policy.Project, fresh run.JobDocument) (err error) {
	locked := fresh
	if st, planned := in.stored.statuses[facts.Name]; planned {
		if facts.Plan, err = k.storedPlan(ctx, st); err != nil {
			return err
		}
		locked = st.Plan.Document
		if !sameArtifact(locked.Policy, fresh.Policy) {
			facts.Plan.Judged = false // by other rules than those that count now
		}
		facts.Applied = st.Applied()
		facts.Plan.Shown = !st.PlanRun.ShownAt.IsZero()
		if asksApproval(facts.Rules) && facts.Plan.Complete {
			if facts.Seen, err = k.seen(ctx, in, st); err != nil {
				return err
			}
		}
	}
	in.stored.lockFacts(facts, locked, k.LockAtApply)
	if facts.Astray = in.stored.astray(locked) || in.stored.astray(fresh); facts.Astray {
		facts.AstrayIn = in.stored.astrayIn(facts.Name)
	}
	facts.Running = in.stored.running(facts.Name, in.data.pull.HeadSHA)
	return nil
}

func sameArtifact(a, b *run.Artifact) bool {
	return a == nil && b == nil || a != nil && b != nil && a.SHA256 == b.SHA256
}
