package gate

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Plan is a plan that is being judged: in steps, because what it is of is found in
// between. First Keeper.Plan, then Judge, then Preview.
type Plan struct {
	Pull    pull.Facts // with the head and the base that are planned
	BaseTip string     // of the base branch, whose lockkeeper.yml, rules and CODEOWNERS count

	keeper *Keeper
	data   *pullData
}

// Plan reads and judges what decides before a commit is looked at. With a refusal
// comes what was read.
func (k *Keeper) Plan(ctx context.Context, r run.Run) (*Plan, error) {
	d, err := k.readForPlan(ctx, r)
	if err != nil {
		return &Plan{}, err
	}
	p := &Plan{BaseTip: d.pull.BaseSHA, keeper: k, data: d}
	if !r.OfPull() {
		d.pull.HeadSHA, d.pull.BaseSHA = r.HeadSHA, r.BaseSHA // what the plan is of
	}
	p.Pull = d.pull
	return p, k.judgePlan(ctx, d)
}

// Judge asks policy again, now that the projects and with them the rules of
// their environments are known. Where it matters who asks, and where no push would
// have made this plan, the comment is read again, as that of an apply: a webhook may
// have been made up.
func (p *Plan) Judge(ctx context.Context, rev Revision) error {
	k, d := p.keeper, p.data
	facts := k.facts(d, pull.Authors{})
	var names []string
	for _, x := range rev.Targets {
		environment := x.Document.Environment.Name
		rules := k.Rules[environment]
		names = append(names, rules.Plan...)
		facts.Projects = append(facts.Projects, policy.Project{Name: x.Name, Environment: environment, Rules: policy.Rules{Plan: rules.Plan}})
	}
	ordinary := len(names) == 0 && !beyondPush(d.run, rev)
	if ordinary && k.plansItself(d.pull.Draft) {
		return nil
	}
	if err := d.readMembers(ctx, names); err != nil {
		return err
	}
	if err := d.readComment(ctx, !ordinary); err != nil {
		return err
	}
	facts.CommentChanged = d.commentChanged
	if err := k.actorOfTurn(ctx, d.run, &facts); err != nil {
		return err
	}
	if v := policy.Plan(facts); !v.Allowed {
		return refusal(v)
	}
	return nil
}

// Unrefreshed lists the projects of which a plan with -refresh=false is whole.
func (p *Plan) Unrefreshed(rev Revision) []string {
	if !slices.ContainsFunc(p.data.run.Flags, run.NotRefreshed) {
		return nil
	}
	return p.keeper.ruledBy(rev, func(r policy.Rules) bool { return r.Unrefreshed })
}

// Drafts lists the projects of which nothing is applied as long as the pull request
// is a draft.
func (p *Plan) Drafts(rev Revision) []string {
	if !p.Pull.Draft {
		return nil
	}
	return p.keeper.ruledBy(rev, func(r policy.Rules) bool { return !r.Drafts })
}

// ruledBy lists the projects whose environment has such rules.
func (k *Keeper) ruledBy(rev Revision, such func(policy.Rules) bool) []string {
	var out []string
	for _, x := range rev.Targets {
		if such(k.Rules[x.Document.Environment.Name]) {
			out = append(out, x.Name)
		}
	}
	return out
}

// readForPlan reads the pull request and, when some environment asks for it,
// what the line about applying stands on. That costs one call, the reviews, and
// one more when somebody approved the head: one tells what several people may
// do. It is paid for by asking git for the tip of the base branch, which is no
// call but takes longer (14 ms against 2 ms on one machine).
func (k *Keeper) readForPlan(ctx context.Context, r run.Run) (*pullData, error) {
	d, err := k.newPullData(r)
	if err != nil {
		return nil, err
	}
	request := d.request
	if !k.some(gated) || !r.OfPull() {
		request.Actor, request.NeedPermission = r.Actor, r.Trigger.ByPerson()
		return d, d.readPull(ctx, request)
	}
	request.NoTip = true
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.readReviews(gctx) })
	g.Go(func() error { return d.readPull(gctx, request) })
	if err := g.Wait(); err != nil {
		return d, err
	}
	g, gctx = errgroup.WithContext(ctx)
	g.Go(func() error { return d.readPermissions(gctx) })
	if d.pull.Open && !d.pull.Fork { // else nothing more is looked at
		g.Go(func() error { return k.readBase(gctx, d) })
	}
	if approving, _ := d.deciding(); len(approving) > 0 {
		g.Go(func() error { return d.readCommits(gctx) })
	}
	return d, g.Wait()
}

// judgePlan refuses what policy does not allow, and what another push or another
// merge group has overtaken: that one has a run of its own.
func (k *Keeper) judgePlan(ctx context.Context, d *pullData) error {
	r := d.run
	if v := policy.Plan(k.facts(d, pull.Authors{})); !v.Allowed {
		return k.heardRefusal(ctx, d, refusal(v))
	}
	if r.Trigger == run.TriggerPush && r.HeadSHA != "" && r.HeadSHA != d.pull.HeadSHA ||
		!r.OfPull() && r.BaseRef != d.pull.BaseRef {
		return &run.SilentRefusal{Problem: run.Problem{Code: "overtaken", Message: "A newer push has its own plan."}}
	}
	return nil
}

// heardRefusal gives a refusal that nobody would hear a voice where silence would
// let something else speak for the commit: the checks of the base that the pull
// request had before, or a merge queue that waits for an answer.
func (k *Keeper) heardRefusal(ctx context.Context, d *pullData, refused error) error {
	silent, ok := errors.AsType[*run.SilentRefusal](refused)
	if !ok || silent.Problem.Code != run.CodeBase {
		return refused
	}
	if !d.run.OfPull() {
		return &silent.Problem
	}
	runs, err := k.runs(ctx, d.run.Pull(), d.pull.HeadSHA)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(runs, func(x run.Run) bool {
		return x.Kind == run.KindPlan && x.HeadSHA == d.pull.HeadSHA && !x.PreparedAt.IsZero()
	}) {
		return &silent.Problem
	}
	return refused
}

// plansItself reports whether a push makes a plan.
func (k *Keeper) plansItself(draft bool) bool { return k.PlansItself != nil && k.PlansItself(draft) }

// beyondPush tells that a plan is of projects that the pull request does not change, whose
// locks it takes, or is made with flags.
func beyondPush(r run.Run, rev Revision) bool {
	return len(rev.Unaffected()) > 0 || len(r.Flags) > 0
}

// actorOfTurn: when a lock becomes free, a plan is made again for whoever made
// the one that waited.
func (k *Keeper) actorOfTurn(ctx context.Context, r run.Run, facts *policy.Facts) error {
	if r.Trigger != run.TriggerTurn || r.Actor != "" {
		return nil
	}
	runs, err := k.runs(ctx, r.Pull(), "")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(runs, func(x run.Run) bool { return x.Kind == run.KindPlan && x.Actor != "" && len(x.Blocked) > 0 })
	if i >= 0 {
		facts.Actor = runs[i].Actor
	}
	return nil
}
