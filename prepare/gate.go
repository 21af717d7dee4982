package prepare

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// asksApproval reports whether rules need to know who approved.
func asksApproval(r policy.Rules) bool {
	return r.Approvals != 0 || r.CodeOwners || len(r.ApprovedBy) > 0 || len(r.Protected) > 0 && r.ProtectedApprovals != 0
}

// gated reports whether rules ask for approvals or checks, so that a plan's
// comment has something to say about applying.
func gated(r policy.Rules) bool { return asksApproval(r) || len(r.RequiredChecks) > 0 }

// some reports whether it is so of the rules of some environment.
func (p *Preparer) some(is func(policy.Rules) bool) bool {
	for _, r := range p.Rules {
		if is(r) {
			return true
		}
	}
	return false
}

// Judge says what stands between a plan and its apply, for people: it grants
// nothing. Whose permission to apply it would take is left out, because nobody
// asked yet.
func (p *Preparer) Judge(ctx context.Context, r run.Run) (run.Gate, error) {
	names, err := p.shownWith(ctx, r)
	if err != nil {
		return run.Gate{}, err
	}
	v, err := p.verdict(ctx, run.Run{
		Repository: r.Repository, PullRequest: r.PullRequest, Kind: run.KindApply, Trigger: run.TriggerComment, Selectors: names,
	})
	if err != nil {
		return run.Gate{}, err
	}
	gate := p.gate(v)
	if !r.Whole() {
		gate.Projects = names
	}
	return gate, nil
}

// shownWith lists the projects that an apply is about when a plan is shown: its own,
// and those that were planned before at its head when it is of named ones alone.
func (p *Preparer) shownWith(ctx context.Context, r run.Run) ([]string, error) {
	runs := []run.Run{r}
	if !r.Whole() {
		all, err := p.Runs(ctx, r.Repository.ID, r.PullRequest)
		if err != nil {
			return nil, fmt.Errorf("reading the runs of %s#%d: %w", r.Repository.FullName(), r.PullRequest, err)
		}
		runs = slices.DeleteFunc(all, func(x run.Run) bool { return x.ID == r.ID || x.BaseRef != r.BaseRef || x.Trigger == run.TriggerQueue })
		runs = append([]run.Run{r}, runs...) // the newest plan
	}
	shown := run.Standings(runs, r.HeadSHA)
	for _, leave := range []func(run.Standing) bool{run.Standing.Untouched, run.Standing.PlanOnly} {
		if some := slices.DeleteFunc(slices.Clone(shown), leave); len(some) > 0 { // of them all, or of none
			shown = some
		}
	}
	var names []string
	for _, s := range shown {
		names = append(names, s.Project)
	}
	return names, nil
}

func (p *Preparer) gate(v policy.Verdict) run.Gate {
	return run.Gate{Allowed: v.Allowed, Missing: v.Sentences(), Notes: v.Notes(), Ready: v.Ready, At: p.Now().UTC()}
}

// Why returns the whole verdict about applying projects of a pull request for
// somebody who asks, and starts nothing; selectors are as in run.Run. Nobody as
// the actor means anybody who may.
func (p *Preparer) Why(ctx context.Context, repo run.Repository, pullRequest int, actor string, selectors []string) (policy.Verdict, error) {
	r := run.Run{
		Repository: repo, PullRequest: pullRequest, Kind: run.KindApply, Trigger: run.TriggerComment, Actor: actor, Selectors: selectors,
	}
	return p.verdict(ctx, r)
}

// verdict is what policy says about a run that does not exist.
func (p *Preparer) verdict(ctx context.Context, r run.Run) (policy.Verdict, error) {
	c, err := p.consider(ctx, r)
	if err != nil {
		return policy.Verdict{}, p.outcome(r, err)
	}
	if r.Actor == "" {
		anybody(&c.facts)
	}
	return p.withReady(c, policy.Apply(c.facts)), nil
}

// anybody makes facts those of somebody who may ask.
func anybody(f *policy.Facts) {
	f.Asked, f.Permission = true, "write"
	f.Projects = slices.Clone(f.Projects)
	for i := range f.Projects {
		f.Projects[i].Rules.Apply = nil
	}
}

// foreseen is the line about applying below a plan that is not made yet: what is
// missing if the plan succeeds and everything else stays as it is. It is nil
// when no environment of the projects asks for approvals or checks, no state would
// be lost or is astray, and everything that comes before is planned.
func (p *Preparer) foreseen(ctx context.Context, rd *reading, f found, docs []run.JobDocument) (*run.Gate, error) {
	if rd.run.Trigger == run.TriggerQueue {
		return nil, nil
	}
	c := &considered{rd: rd, found: f, projects: p.candidates(f, docs)}
	locks, err := p.Locks(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the locks: %w", err)
	}
	c.stored = stored{locks: locks, holder: rd.run.Holder()}
	if slices.ContainsFunc(docs, c.stored.astray) {
		if c.stored, err = p.stored(ctx, rd.run, ""); err != nil { // no plan of it counts: one is being made
			return nil, err
		}
	}
	c.all = slices.Clone(c.projects)
	if err := p.readBeside(ctx, c); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(c.projects, func(x candidate) bool { return p.loses(c, x) }) { // of them all, or of none
		c.projects = slices.DeleteFunc(c.projects, func(x candidate) bool { return !gated(x.rules) && !c.waits(x) })
	}
	if len(c.projects) == 0 {
		return nil, nil
	}
	approving, _ := rd.deciding()
	authors := pull.Authors{Logins: []string{rd.pull.Author}} // enough when nobody approved
	if len(approving) > 0 {
		if authors, err = p.authorsOf(ctx, f.mirror, rd); err != nil {
			return nil, err
		}
	}
	if err := p.detail(ctx, c, authors); err != nil {
		return nil, err
	}
	anybody(&c.facts)
	for i := range c.facts.Projects {
		proj := &c.facts.Projects[i]
		proj.Held, proj.HeldBy, proj.Place, proj.Busy, proj.Running = true, 0, 0, false, nil // other lines say what is so now
		proj.Plan = &policy.StoredPlan{
			HeadSHA: rd.pull.HeadSHA, BaseSHA: rd.pull.BaseSHA, At: p.Now(), Complete: true, Judged: true, Keeping: policy.StateKept, Shown: true,
			Flags: slices.DeleteFunc(slices.Clone(rd.run.Flags), run.Parallelism),
		}
	}
	gate := p.foreseenGate(c)
	if gate.Foreseen = c.comparable(); gate.Foreseen {
		// Without most of what was found: trees and graphs are large.
		p.foresights.keep(rd.run.ID, &considered{rd: rd, found: found{touched: f.touched}, all: c.all, projects: c.projects, facts: c.facts})
	}
	return &gate, nil
}

// candidates are the projects of a plan that an apply is about: those that the pull
// request changes, or all that were named when it changes none of them.
func (p *Preparer) candidates(f found, docs []run.JobDocument) []candidate {
	untouched := f.untouched()
	if len(untouched) == len(f.projects) {
		untouched = nil
	}
	later := f.plansOnly()
	if len(later) == len(f.projects) {
		later = nil
	}
	var out []candidate
	for _, proj := range f.projects {
		if slices.Contains(untouched, proj.Name) || slices.Contains(later, proj.Name) {
			continue
		}
		i := slices.IndexFunc(docs, func(d run.JobDocument) bool { return d.Project.Name == proj.Name })
		out = append(out, candidate{proj, docs[i], p.Rules[docs[i].Environment.Name]})
	}
	return out
}

// loses reports whether it is known before a plan that the state of its project
// would be lost, or that what is in it is not all.
func (p *Preparer) loses(c *considered, x candidate) bool {
	switch p.keeping(c.found.graph, x.Project, x.doc) {
	case policy.StateKept, policy.KeepingUnknown:
		return c.stored.astray(x.doc)
	}
	return true
}
