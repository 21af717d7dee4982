package gate

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Preview is the line about applying below a plan that is not made yet: what is
// missing if the plan succeeds and everything else stays as it is. It is nil
// when no environment of the projects asks for approvals or checks, no state would
// be lost or is astray, and everything that comes before is planned.
func (p *Plan) Preview(ctx context.Context, rev Revision) (*run.Gate, error) {
	k, d := p.keeper, p.data
	if !d.run.OfPull() {
		return nil, nil
	}
	in := &input{data: d, rev: rev, targets: k.appliedLater(rev)}
	locks, err := k.Locks(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the locks: %w", err)
	}
	in.stored = stored{locks: locks, holder: d.run.Pull()}
	if slices.ContainsFunc(rev.Targets, func(x Target) bool { return in.stored.astray(x.Document) }) {
		if in.stored, err = k.stored(ctx, d.run, d.pull.HeadSHA); err != nil {
			return nil, err
		}
		in.stored.statuses = nil // no plan counts: one is being made
	}
	in.all = slices.Clone(in.targets)
	if err := k.readOthers(ctx, in); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(in.targets, func(x target) bool { return in.loses(x) }) { // of them all, or of none
		in.targets = slices.DeleteFunc(in.targets, func(x target) bool { return !gated(x.rules) && !in.waits(x) })
	}
	if len(in.targets) == 0 {
		return nil, nil
	}
	approving, _ := d.deciding()
	authors := pull.Authors{Logins: []string{d.pull.Author}} // enough when nobody approved
	if len(approving) > 0 {
		if authors, err = k.authorsOf(ctx, rev.Mirror, d); err != nil {
			return nil, err
		}
	}
	if err := k.detail(ctx, in, authors); err != nil {
		return nil, err
	}
	assumeAuthorized(&in.facts)
	for i := range in.facts.Projects {
		proj := &in.facts.Projects[i]
		proj.Held, proj.HeldBy, proj.Place, proj.Busy, proj.Running = true, 0, 0, false, nil // other lines say what is so now
		proj.Plan = &policy.StoredPlan{
			HeadSHA: d.pull.HeadSHA, BaseSHA: d.pull.BaseSHA, At: k.Now(), Complete: true, Judged: true, Keeping: policy.StateKept, Shown: true,
			Flags: slices.DeleteFunc(slices.Clone(d.run.Flags), run.Parallelism),
		}
	}
	gate := k.previewGate(in)
	if gate.Preview = in.comparable(); gate.Preview {
		// Without most of what was found: trees and graphs are large.
		k.previews.keep(d.run.ID, &input{data: d, rev: Revision{Affected: rev.Affected}, all: in.all, targets: in.targets, facts: in.facts})
	}
	return &gate, nil
}

// appliedLater are the targets of a plan that an apply is about: those that the pull
// request changes, or all that were named when it changes none of them.
func (k *Keeper) appliedLater(rev Revision) []target {
	unaffected, later := rev.Unaffected(), rev.PlansOnly()
	if len(unaffected) == len(rev.Targets) {
		unaffected = nil
	}
	if len(later) == len(rev.Targets) {
		later = nil
	}
	var out []target
	for _, x := range rev.Targets {
		if !slices.Contains(unaffected, x.Name) && !slices.Contains(later, x.Name) {
			out = append(out, target{x, k.Rules[x.Document.Environment.Name]})
		}
	}
	return out
}

// loses reports whether it is known before a plan that the state of its project
// would be lost, or that what is in it is not all.
func (in *input) loses(x target) bool {
	switch x.Keeping {
	case policy.StateKept, policy.KeepingUnknown:
		return in.stored.astray(x.Document)
	}
	return true
}
