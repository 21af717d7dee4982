package gate

import (
	"context"
	"slices"

	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
)

// before lists what comes before a project and is not known to be applied or empty at
// this head and base, beside what the command itself applies as a whole: a partial plan
// leaves nobody knows what of it. Unplanned are those of them that have no plan there.
// What the pull request does not change cannot be applied from here, so nothing waits
// for it, planned or not.
func (in *input) before(proj project.Project) (before, unplanned []string) {
	idle := in.stored.statuses[proj.Name].Empty() // it changes nothing behind what is applied in part
	for _, name := range proj.After {
		if !in.rev.Affected[name] {
			continue
		}
		st, planned := in.plannedHere(name)
		switch named := in.named(name); {
		case named && (!st.Partial() || idle), planned && st.Applied():
		case planned || named:
			before = append(before, name)
		default:
			before, unplanned = append(before, name), append(unplanned, name)
		}
	}
	return before, unplanned
}

// plannedHere is the status of a project at the head and base.
func (in *input) plannedHere(name string) (run.ProjectStatus, bool) {
	st, planned := in.stored.statuses[name]
	return st, planned && in.data.ofBase(st.PlanRun)
}

// ofBase reports whether a run was for the base branch that the pull request has.
func (d *pullData) ofBase(r run.Run) bool { return r.BaseRef == "" || r.BaseRef == d.pull.BaseRef }

// named reports whether the command is about a project, or the plan that is being made
// is shown with one of it.
func (in *input) named(name string) bool {
	is := func(x target) bool { return x.Name == name }
	return slices.ContainsFunc(in.targets, is) || slices.ContainsFunc(in.all, is) || in.beside[name]
}

// waits reports whether something comes before a project.
func (in *input) waits(x target) bool {
	before, _ := in.before(x.Project)
	return len(before) > 0
}

// readOthers finds the projects that are planned at the head and base beside those of a
// plan that is being made, when something of that comes after one that is not of it.
func (k *Keeper) readOthers(ctx context.Context, in *input) error {
	if !slices.ContainsFunc(in.targets, in.waits) {
		return nil
	}
	r := in.data.run
	runs, err := k.runs(ctx, r.Pull(), in.data.pull.HeadSHA)
	if err != nil {
		return err
	}
	in.beside = map[string]bool{}
	for _, st := range run.StatusAt(runs, in.data.pull.HeadSHA) {
		in.beside[st.Project] = in.data.ofBase(st.PlanRun)
	}
	return nil
}
