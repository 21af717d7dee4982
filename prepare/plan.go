package prepare

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// plan prepares a plan of the pull request's head on its base branch, or of what
// the merge queue is about to merge.
func (p *Preparer) plan(ctx context.Context, r run.Run) (run.Preparation, error) {
	rd, err := p.readForPlan(ctx, r)
	if err != nil {
		return run.Preparation{}, err
	}
	c := commits{head: rd.pull.HeadSHA, base: rd.pull.BaseSHA, config: rd.pull.BaseSHA}
	if r.Trigger == run.TriggerQueue {
		c.head, c.base = r.HeadSHA, r.BaseSHA
	}
	rd.pull.HeadSHA, rd.pull.BaseSHA = c.head, c.base // what the plan is of
	out := run.Preparation{HeadSHA: c.head, BaseRef: rd.pull.BaseRef, BaseSHA: c.base}
	if err := p.judgePlan(ctx, rd); err != nil {
		return out, err
	}
	found, err := p.find(ctx, r, rd.pull, c)
	if err != nil {
		return out, err
	}
	out.Behind, out.Notes, out.Untouched = found.behind, found.notes, found.untouched()
	out.PlanOnly = found.plansOnly()
	out.ConfigMistakes, out.Mistakes = len(found.mistakes), found.mistakes[:min(len(found.mistakes), maxMistakes)]
	if out.Drafts, err = p.drafts(rd, found); err != nil {
		return out, err
	}
	if out.Unrefreshed, err = p.unrefreshed(r, found); err != nil {
		return out, err
	}
	if err := p.mayPlan(ctx, rd, found); err != nil {
		return out, err
	}
	if out.Documents, out.Failed, err = p.documents(ctx, r, rd.pull, found); err != nil {
		return out, err
	}
	out.Gate, err = p.foreseen(ctx, rd, found, out.Documents)
	return out, err
}

// unrefreshed lists the projects of which a plan with -refresh=false is whole.
func (p *Preparer) unrefreshed(r run.Run, f found) ([]string, error) {
	if !slices.ContainsFunc(r.Flags, run.NotRefreshed) {
		return nil, nil
	}
	return p.ruledBy(f, func(r policy.Rules) bool { return r.Unrefreshed })
}

// drafts lists the projects of which nothing is applied as long as the pull request
// is a draft.
func (p *Preparer) drafts(rd *reading, f found) ([]string, error) {
	if !rd.pull.Draft {
		return nil, nil
	}
	return p.ruledBy(f, func(r policy.Rules) bool { return !r.Drafts })
}

// ruledBy lists the projects whose environment has such rules.
func (p *Preparer) ruledBy(f found, such func(policy.Rules) bool) ([]string, error) {
	var out []string
	for _, proj := range f.projects {
		env, err := p.environment(f.repository, proj)
		if err != nil {
			return nil, err
		}
		if such(p.Rules[env.Job.Name]) {
			out = append(out, proj.Name)
		}
	}
	return out, nil
}

// readForPlan reads the pull request and, when some environment asks for it,
// what the line about applying stands on. That costs one call, the reviews, and
// one more when somebody approved the head: one tells what several people may
// do. It is paid for by asking git for the tip of the base branch, which is no
// call but takes longer (14 ms against 2 ms on one machine).
func (p *Preparer) readForPlan(ctx context.Context, r run.Run) (*reading, error) {
	rd, err := p.newReading(r)
	if err != nil {
		return nil, err
	}
	request := rd.request
	if !p.some(gated) || r.Trigger == run.TriggerQueue {
		request.Actor, request.NeedPermission = r.Actor, r.Trigger.Asked()
		return rd, rd.readPull(ctx, request)
	}
	request.NoTip = true
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return rd.readReviews(gctx) })
	g.Go(func() error { return rd.readPull(gctx, request) })
	if err := g.Wait(); err != nil {
		return rd, err
	}
	g, gctx = errgroup.WithContext(ctx)
	g.Go(func() error { return rd.readPermissions(gctx) })
	if rd.pull.Open && !rd.pull.Fork { // else nothing more is looked at
		g.Go(func() error { return p.readBase(gctx, rd) })
	}
	if approving, _ := rd.deciding(); len(approving) > 0 {
		g.Go(func() error { return rd.readCommits(gctx) })
	}
	return rd, g.Wait()
}

// judgePlan refuses what policy does not allow, and what another push or another
// merge group has overtaken: that one has a run of its own.
func (p *Preparer) judgePlan(ctx context.Context, rd *reading) error {
	r := rd.run
	if v := policy.Plan(p.facts(rd, pull.Authors{})); !v.Allowed {
		return p.heardRefusal(ctx, rd, refusal(v))
	}
	if r.Trigger == run.TriggerPush && r.HeadSHA != "" && r.HeadSHA != rd.pull.HeadSHA ||
		r.Trigger == run.TriggerQueue && r.BaseRef != rd.pull.BaseRef {
		return &run.SilentRefusal{Problem: run.Problem{Code: "overtaken", Message: "A newer push has its own plan."}}
	}
	return nil
}

// heardRefusal gives a refusal that nobody would hear a voice where silence would
// let something else speak for the commit: the checks of the base that the pull
// request had before, or a merge queue that waits for an answer.
func (p *Preparer) heardRefusal(ctx context.Context, rd *reading, refused error) error {
	silent, ok := errors.AsType[*run.SilentRefusal](refused)
	if !ok || silent.Problem.Code != run.CodeBase {
		return refused
	}
	if rd.run.Trigger == run.TriggerQueue {
		return &silent.Problem
	}
	runs, err := p.Runs(ctx, rd.run.Repository.ID, rd.run.PullRequest)
	if err != nil {
		return fmt.Errorf("reading the runs of %s#%d: %w", rd.run.Repository.FullName(), rd.run.PullRequest, err)
	}
	if slices.ContainsFunc(runs, func(x run.Run) bool {
		return x.Kind == run.KindPlan && x.HeadSHA == rd.pull.HeadSHA && !x.PreparedAt.IsZero()
	}) {
		return &silent.Problem
	}
	return refused
}

// mayPlan asks policy again, now that the projects and with them the rules of
// their environments are known. Where it matters who asks, and where no push would
// have made this plan, the comment is read again, as that of an apply: a webhook may
// have been made up.
func (p *Preparer) mayPlan(ctx context.Context, rd *reading, f found) error {
	facts := p.facts(rd, pull.Authors{})
	var names []string
	for _, proj := range f.projects {
		env, err := p.environment(f.repository, proj)
		if err != nil {
			return err
		}
		rules := p.Rules[env.Job.Name]
		names = append(names, rules.Plan...)
		facts.Projects = append(facts.Projects, policy.Project{Name: proj.Name, Environment: env.Job.Name, Rules: policy.Rules{Plan: rules.Plan}})
	}
	ordinary := len(names) == 0 && !f.beyondPush(rd.run)
	if ordinary && p.plansItself(rd.pull.Draft) {
		return nil
	}
	if err := rd.readMembers(ctx, names); err != nil {
		return err
	}
	if err := rd.readComment(ctx, !ordinary); err != nil {
		return err
	}
	facts.CommentChanged = rd.commentChanged
	if err := p.actorOfTurn(ctx, rd.run, &facts); err != nil {
		return err
	}
	if v := policy.Plan(facts); !v.Allowed {
		return refusal(v)
	}
	return nil
}

// plansItself reports whether a push makes a plan.
func (p *Preparer) plansItself(draft bool) bool { return p.PlansItself != nil && p.PlansItself(draft) }

// beyondPush tells that a plan is of projects that the pull request does not change, whose
// locks it takes, or is made with flags.
func (f *found) beyondPush(r run.Run) bool {
	return len(f.untouched()) > 0 || len(r.Flags) > 0
}

// actorOfTurn: when a lock becomes free, a plan is made again for whoever made
// the one that waited.
func (p *Preparer) actorOfTurn(ctx context.Context, r run.Run, facts *policy.Facts) error {
	if r.Trigger != run.TriggerTurn || r.Actor != "" {
		return nil
	}
	runs, err := p.Runs(ctx, r.Repository.ID, r.PullRequest)
	if err != nil {
		return fmt.Errorf("reading the runs of %s#%d: %w", r.Repository.FullName(), r.PullRequest, err)
	}
	i := slices.IndexFunc(runs, func(x run.Run) bool { return x.Kind == run.KindPlan && x.Actor != "" && len(x.Blocked) > 0 })
	if i >= 0 {
		facts.Actor = runs[i].Actor
	}
	return nil
}
