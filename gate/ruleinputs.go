package gate

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// ruleInputs is what only some rules ask for; nothing else of it is read.
type ruleInputs struct {
	in *input

	conflicts   bool
	owners      map[string][]string // by project
	baseChanged map[string][]string
}

func (a *ruleInputs) read(ctx context.Context) error {
	d, rev := a.in.data, a.in.rev
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		a.conflicts, err = a.in.conflicts(ctx)
		return err
	})
	g.Go(func() error { return a.people(ctx) })
	if !a.in.plansOnly() && a.in.any(func(r policy.Rules) bool { return len(r.RequiredChecks) > 0 }) {
		g.Go(func() error { return d.readChecks(ctx) })
	}
	if a.in.any(func(r policy.Rules) bool { return r.Current == policy.CurrentProject }) {
		g.Go(func() (err error) {
			a.baseChanged, err = rev.baseChanges(ctx, a.in.projects(), rev.MergeBase, d.pull.BaseSHA)
			return err
		})
	}
	return g.Wait()
}

func (in *input) projects() []project.Project {
	out := make([]project.Project, len(in.targets))
	for i, x := range in.targets {
		out[i] = x.Project
	}
	return out
}

// plansOnly reports whether the facts are those of a plan that is not made yet,
// which nobody applies.
func (in *input) plansOnly() bool { return in.data.run.Kind == run.KindPlan }

// conflicts asks git when GitHub has not worked it out yet: it answers at once,
// and for exactly these commits.
func (in *input) conflicts(ctx context.Context) (bool, error) {
	switch mergeable := in.data.pull.Mergeable; {
	case mergeable != nil:
		return !*mergeable, nil
	case in.plansOnly():
		return false, nil
	}
	return in.rev.Mirror.Conflicts(ctx, in.data.pull.BaseSHA, in.data.pull.HeadSHA)
}

// people reads CODEOWNERS and the teams that rules name. Who owns or has to
// approve matters once somebody approved.
func (a *ruleInputs) people(ctx context.Context) error {
	d := a.in.data
	approving, _ := d.deciding()
	var names []string
	if err := a.readOwners(ctx); err != nil {
		return err
	}
	for _, x := range a.in.targets {
		if d.run.Actor != "" && !a.in.plansOnly() {
			names = append(names, x.rules.Apply...)
		}
		if d.run.Override {
			names = append(names, x.rules.Override...)
		}
		if len(approving) > 0 {
			names = slices.Concat(names, x.rules.ApprovedBy, a.owners[x.Name])
		}
	}
	return d.readMembers(ctx, names)
}

func (a *ruleInputs) readOwners(ctx context.Context) error {
	if !a.in.any(func(r policy.Rules) bool { return r.CodeOwners }) {
		return nil
	}
	owners, err := a.in.rev.Config.CodeOwners(ctx)
	if err != nil {
		return codeOwnersProblem(err)
	}
	a.owners = map[string][]string{}
	for _, x := range a.in.targets {
		if !x.rules.CodeOwners {
			continue
		}
		if a.owners[x.Name], err = owners.Of(x.Dir); err != nil {
			return codeOwnersProblem(err)
		}
	}
	return nil
}

// codeOwnersProblem: only people can fix the file.
func codeOwnersProblem(err error) error {
	var mistake *pull.CodeOwnersError
	if !errors.As(err, &mistake) {
		return err
	}
	return &run.Problem{Code: "code_owners", Detail: mistake.Error(), Message: "CODEOWNERS on the base branch could not be read, so nothing is " +
		"applied where an owner has to approve. Fix it on the base branch, then comment the command again."}
}
