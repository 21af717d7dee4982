package gate

import (
	"context"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Revision is what the commits of a pull request hold for one command, as package
// prepare found it.
type Revision struct {
	Mirror    *pull.Mirror
	Config    *pull.Tree // whose CODEOWNERS count: of the base branch
	Graph     *project.Graph
	Targets   []Target        // that the command is about
	Affected  map[string]bool // by name: projects that the head changes and still has
	MergeBase string
	Behind    int      // commits of the base that the head has not
	Notes     []string // for people
}

// Target is a project that a command is about.
type Target struct {
	project.Project
	Document run.JobDocument // what a plan would be made from now, without source
	Keeping  policy.Keeping  // whether its state outlives a job, as far as the commit says
	HeadOnly bool            // only the lockkeeper.yml of the head names it
	PlanOnly bool            // such a project, which is not applied before the merge
}

// Unaffected are the names of the targets that the pull request does not change.
func (rev Revision) Unaffected() []string {
	var out []string
	for _, x := range rev.Targets {
		if !rev.Affected[x.Name] {
			out = append(out, x.Name)
		}
	}
	return out
}

// PlansOnly are the names of the targets that are not applied before the merge.
func (rev Revision) PlansOnly() []string {
	var out []string
	for _, x := range rev.Targets {
		if x.PlanOnly {
			out = append(out, x.Name)
		}
	}
	return out
}

// maxBaseChanged is how many paths people are shown.
const maxBaseChanged = 20

// baseChanges tells for each project what it can reach and what changed between
// two commits of the base branch, such as the one that the pull request took in
// last and its tip.
func (rev Revision) baseChanges(ctx context.Context, projects []project.Project, from, to string) (map[string][]string, error) {
	changes, err := rev.Mirror.Changed(ctx, from, to)
	if err != nil {
		return nil, err
	}
	changed := pull.Paths(changes)
	out := map[string][]string{}
	for _, p := range projects {
		out[p.Name] = rev.Graph.Reached(p, changed, maxBaseChanged)
	}
	return out, nil
}
