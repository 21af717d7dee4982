package prepare

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

// asking reads what some rules ask for, and only that.
type asking struct {
	c *considered

	conflicts   bool
	owners      map[string][]string // by project
	baseChanged map[string][]string
}

func (a *asking) read(ctx context.Context) error {
	rd, f := a.c.rd, a.c.found
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		a.conflicts, err = a.c.conflicts(ctx)
		return err
	})
	g.Go(func() error { return a.people(ctx) })
	if !a.c.plansOnly() && a.c.any(func(r policy.Rules) bool { return len(r.RequiredChecks) > 0 }) {
		g.Go(func() error { return rd.readChecks(ctx) })
	}
	if a.c.any(func(r policy.Rules) bool { return r.Current == policy.CurrentProject }) {
		g.Go(func() (err error) {
			a.baseChanged, err = f.baseChanges(ctx, a.c.configured(), f.mergeBase, rd.pull.BaseSHA)
			return err
		})
	}
	return g.Wait()
}

func (c *considered) configured() []project.Project {
	out := make([]project.Project, len(c.projects))
	for i, x := range c.projects {
		out[i] = x.Project
	}
	return out
}

// plansOnly reports whether the facts are those of a plan that is not made yet,
// which nobody applies.
func (c *considered) plansOnly() bool { return c.rd.run.Kind == run.KindPlan }

// conflicts asks git when GitHub has not worked it out yet: it answers at once,
// and for exactly these commits.
func (c *considered) conflicts(ctx context.Context) (bool, error) {
	switch mergeable := c.rd.pull.Mergeable; {
	case mergeable != nil:
		return !*mergeable, nil
	case c.plansOnly():
		return false, nil
	}
	return c.found.mirror.Conflicts(ctx, c.rd.pull.BaseSHA, c.rd.pull.HeadSHA)
}

// people reads CODEOWNERS and the teams that rules name. Who owns or has to
// approve matters once somebody approved.
func (a *asking) people(ctx context.Context) error {
	rd := a.c.rd
	approving, _ := rd.deciding()
	var names []string
	if err := a.readOwners(ctx); err != nil {
		return err
	}
	for _, x := range a.c.projects {
		if rd.run.Actor != "" && !a.c.plansOnly() {
			names = append(names, x.rules.Apply...)
		}
		if rd.run.Override {
			names = append(names, x.rules.Override...)
		}
		if len(approving) > 0 {
			names = slices.Concat(names, x.rules.ApprovedBy, a.owners[x.Name])
		}
	}
	return rd.readMembers(ctx, names)
}

func (a *asking) readOwners(ctx context.Context) error {
	if !a.c.any(func(r policy.Rules) bool { return r.CodeOwners }) {
		return nil
	}
	owners, err := a.c.found.config.CodeOwners(ctx)
	if err != nil {
		return codeOwnersProblem(err)
	}
	a.owners = map[string][]string{}
	for _, x := range a.c.projects {
		if !x.rules.CodeOwners {
			continue
		}
		if a.owners[x.Name], err = owners.Of(x.Dir); err != nil {
			return codeOwnersProblem(err)
		}
	}
	return nil
}

// codeOwnersProblem: only people can mend the file.
func codeOwnersProblem(err error) error {
	var mistake *pull.CodeOwnersError
	if !errors.As(err, &mistake) {
		return err
	}
	return &run.Problem{Code: "code_owners", Detail: mistake.Error(), Message: "CODEOWNERS on the base branch could not be read, so nothing is " +
		"applied where an owner has to approve. Fix it on the base branch, then comment the command again."}
}
