package gate

import (
	"context"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Apply is an apply that was judged, and what it was judged by.
type Apply struct {
	Pull       pull.Facts
	Revision   Revision
	Exceptions []string            // for people: what policy let pass although it asks for it
	Plans      []run.ProjectStatus // to apply, in the order of their projects' names
	Unchanged  []string            // projects whose plans change nothing
}

// Apply lets policy judge what was read again: everything that the run is about may
// be applied, or nothing. With a refusal comes what was read until then.
func (k *Keeper) Apply(ctx context.Context, r run.Run) (Apply, error) {
	in, err := k.loadInput(ctx, r)
	out := Apply{Pull: in.data.pull, Revision: in.rev}
	if err != nil {
		return out, err
	}
	v := in.withReady(policy.Apply(in.facts))
	if !v.Allowed {
		return out, refusal(v)
	}
	for _, exception := range v.Exceptions() {
		out.Exceptions = append(out.Exceptions, exception.Text)
	}
	out.Plans, out.Unchanged, err = in.plans()
	return out, err
}

// plans are the stored plans of the projects that have something to apply, in the
// order of their names, and the names of those whose plans change nothing.
func (in *input) plans() (plans []run.ProjectStatus, unchanged []string, err error) {
	targets := slices.SortedFunc(slices.Values(in.targets), func(a, b target) int { return strings.Compare(a.Name, b.Name) })
	for _, x := range targets {
		st := in.stored.statuses[x.Name]
		switch {
		case st.Apply != nil: // applied, or it would have been refused
		case changed(st.Plan.Document, x.Document):
			return nil, nil, configChanged(x.Name)
		case st.Empty():
			unchanged = append(unchanged, x.Name)
		default:
			plans = append(plans, st)
		}
	}
	if len(plans)+len(unchanged) == 0 {
		return nil, nil, &run.Problem{Code: "already_applied", Message: "Everything that this pull request changes is applied already at this " +
			"commit, so nothing was done. `/plan` shows whether something is left to do."}
	}
	return plans, unchanged, nil
}

// changed reports whether a plan made now would be of something else, because
// the project or its environment is configured in another way (T21). The
// commits are policy's to compare.
func changed(planned, fresh run.JobDocument) bool {
	now := planned
	now.Project, now.Environment = fresh.Project, fresh.Environment
	return now.Binding() != planned.Binding()
}

func configChanged(project string) *run.Problem {
	return &run.Problem{Code: "config_changed", Message: "Project " + markdown.Quote(project) + " has another configuration than its plan was made for, in " +
		"`lockkeeper.yml` on the base branch or on the server, so nothing was applied. Comment `/plan`, then `/apply`."}
}
