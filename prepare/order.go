package prepare

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
)

// before lists what comes before a project and is not known to be applied or empty at
// this head and base, beside what the command itself applies as a whole: a partial plan
// leaves nobody knows what of it. Unplanned are those of them that have no plan there.
// What the pull request does not change cannot be applied from here, so nothing waits
// for it, planned or not.
func (c *considered) before(proj project.Project) (before, unplanned []string) {
	idle := c.stored.standings[proj.Name].Empty() // it changes nothing behind what is applied in part
	for _, name := range proj.After {
		if !c.found.touched[name] {
			continue
		}
		st, planned := c.plannedHere(name)
		switch named := c.named(name); {
		case named && (!st.Partial() || idle), planned && st.Applied():
		case planned || named:
			before = append(before, name)
		default:
			before, unplanned = append(before, name), append(unplanned, name)
		}
	}
	return before, unplanned
}

// plannedHere is the standing of a project at the head and base.
func (c *considered) plannedHere(name string) (run.Standing, bool) {
	st, planned := c.stored.standings[name]
	return st, planned && c.rd.ofBase(st.PlanRun)
}

// ofBase reports whether a run was for the base branch that the pull request has.
func (rd *reading) ofBase(r run.Run) bool { return r.BaseRef == "" || r.BaseRef == rd.pull.BaseRef }

// named reports whether the command is about a project, or the plan that is being made
// is shown with one of it.
func (c *considered) named(name string) bool {
	is := func(x candidate) bool { return x.Name == name }
	return slices.ContainsFunc(c.projects, is) || slices.ContainsFunc(c.all, is) || c.beside[name]
}

// waits reports whether something comes before a project.
func (c *considered) waits(x candidate) bool {
	before, _ := c.before(x.Project)
	return len(before) > 0
}

// readBeside finds the projects that are planned at the head and base beside those of a
// plan that is being made, when something of that comes after one that is not of it.
func (p *Preparer) readBeside(ctx context.Context, c *considered) error {
	if !slices.ContainsFunc(c.projects, c.waits) {
		return nil
	}
	r := c.rd.run
	runs, err := p.Runs(ctx, r.Repository.ID, r.PullRequest)
	if err != nil {
		return fmt.Errorf("reading the runs of %s#%d: %w", r.Repository.FullName(), r.PullRequest, err)
	}
	c.beside = map[string]bool{}
	for _, st := range run.Standings(runs, c.rd.pull.HeadSHA) {
		c.beside[st.Project] = c.rd.ofBase(st.PlanRun)
	}
	return nil
}
