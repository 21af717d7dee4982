package gate

import (
	"context"
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
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
func (k *Keeper) some(is func(policy.Rules) bool) bool {
	for _, r := range k.Rules {
		if is(r) {
			return true
		}
	}
	return false
}

// Judge says what stands between a plan and its apply, for people: it grants
// nothing. Whose permission to apply it would take is left out, because nobody
// requested yet.
func (k *Keeper) Judge(ctx context.Context, r run.Run) (run.Gate, error) {
	names, err := k.shownWith(ctx, r)
	if err != nil {
		return run.Gate{}, err
	}
	v, err := k.verdict(ctx, run.Run{
		Subject: r.Pull(), Kind: run.KindApply, Trigger: run.TriggerComment, Selectors: names,
	})
	if err != nil {
		return run.Gate{}, err
	}
	gate := k.gate(v)
	if !r.AllProjects() {
		gate.Projects = names
	}
	return gate, nil
}

// shownWith lists the projects that an apply is about when a plan is shown: its own,
// and those that were planned before at its head when it is of named ones alone.
func (k *Keeper) shownWith(ctx context.Context, r run.Run) ([]string, error) {
	runs := []run.Run{r}
	if !r.AllProjects() {
		all, err := k.runs(ctx, r.Pull(), r.HeadSHA)
		if err != nil {
			return nil, err
		}
		runs = slices.DeleteFunc(all, func(x run.Run) bool { return x.ID == r.ID || x.BaseRef != r.BaseRef || !x.OfPull() })
		runs = append([]run.Run{r}, runs...) // the newest plan
	}
	shown := run.StatusAt(runs, r.HeadSHA)
	for _, leave := range []func(run.ProjectStatus) bool{run.ProjectStatus.Untouched, run.ProjectStatus.PlanOnly} {
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

func (k *Keeper) gate(v policy.Verdict) run.Gate {
	return run.Gate{Allowed: v.Allowed, Missing: v.Sentences(), Notes: v.Notes(), Ready: v.Ready, At: k.Now().UTC()}
}

// Why returns the whole verdict about applying projects of a pull request for
// somebody who asks, and starts nothing; selectors are as in run.Run. Nobody as
// the actor means anybody who may.
func (k *Keeper) Why(ctx context.Context, repo run.Repository, pullRequest int, actor string, selectors []string) (policy.Verdict, error) {
	r := run.Run{
		Subject: run.Subject{Repository: repo, PullRequest: pullRequest}, Kind: run.KindApply, Trigger: run.TriggerComment, Actor: actor, Selectors: selectors,
	}
	return k.verdict(ctx, r)
}

// verdict is what policy says about a run that does not exist.
func (k *Keeper) verdict(ctx context.Context, r run.Run) (policy.Verdict, error) {
	in, err := k.loadInput(ctx, r)
	if err != nil {
		return policy.Verdict{}, Explain(r, err, k.Now())
	}
	if r.Actor == "" {
		assumeAuthorized(&in.facts)
	}
	return in.withReady(policy.Apply(in.facts)), nil
}

// assumeAuthorized makes facts those of somebody who may ask.
func assumeAuthorized(f *policy.Facts) {
	f.ByPerson, f.Permission = true, "write"
	f.Projects = slices.Clone(f.Projects)
	for i := range f.Projects {
		f.Projects[i].Rules.Apply = nil
	}
}
