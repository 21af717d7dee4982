package prepare

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
)

// readNext reads the lockkeeper.yml that a pull request brings, when it brings one, and
// chooses the projects that it alone names and that their environments let be planned.
func (p *Preparer) readNext(ctx context.Context, f *revision, now project.Config, changed []string, defaultBranch, baseRef string) error {
	f.all = now
	if !project.ConfigChanged(changed) {
		return nil
	}
	next, err := project.Load(ctx, f.tree, f.graph, project.LoadOptions{DefaultBranch: defaultBranch})
	if problems, wrong := errors.AsType[project.Problems](err); wrong {
		f.nextMistakes = problems
		return nil
	}
	if err != nil {
		return err
	}
	f.next = &next
	f.headOnly = map[string]policy.NewProjects{}
	f.all.Projects = slices.Clone(now.Projects)
	for _, proj := range added(now, next) {
		if proj.Branch != "" && proj.Branch != baseRef {
			continue
		}
		mode := p.newProjects(f.repository, proj)
		if at(now, proj) >= 0 { // what is there has a project, whose environment the base chose
			mode = policy.NewNone
		}
		if f.headOnly[proj.Name] = mode; mode != policy.NewNone {
			f.all.Projects = append(f.all.Projects, proj)
		}
	}
	return nil
}

// newProjects is what the server lets happen to a project that only a head names. One
// of an environment that is not known is left alone: the head must not keep the others
// from being planned.
func (p *Preparer) newProjects(repository string, proj project.Project) policy.NewProjects {
	env, err := p.environment(repository, proj)
	if err != nil {
		return policy.NewNone
	}
	switch mode := p.Gate.Rules[env.Job.Name].NewProjects; mode {
	case policy.NewPlan, policy.NewApply:
		return mode
	}
	return policy.NewNone
}

// added are the projects that next names and now does not, neither by their names nor,
// under another one, in their place.
func added(now, next project.Config) []project.Project {
	var out []project.Project
	for _, proj := range next.Projects {
		if i := at(now, proj); !has(now, proj.Name) && (i < 0 || has(next, now.Projects[i].Name)) {
			out = append(out, proj)
		}
	}
	return out
}

// withNew adds to the projects that are touched those that are planned although only the
// head names them: the pull request makes them, whether or not it changes their files.
func (f *revision) withNew(matches []project.Match) []project.Match {
	for _, proj := range f.all.Projects {
		if !f.isNew(proj.Name) || slices.ContainsFunc(matches, func(m project.Match) bool { return m.Project.Name == proj.Name }) {
			continue
		}
		matches = append(matches, project.Match{Project: proj, Reason: project.ConfigFile, Missing: f.graph.Missing(proj)})
	}
	return matches
}

// isNew reports whether a project is planned although only the head names it.
func (f *revision) isNew(name string) bool {
	mode := f.headOnly[name]
	return mode == policy.NewPlan || mode == policy.NewApply
}

// planOnly reports whether such a project is not applied before the merge.
func (f *revision) planOnly(name string) bool { return f.headOnly[name] == policy.NewPlan }

// onlyListed is the problem of a project that was named and that only the head names, where
// that is listed and no more.
func (f *revision) onlyListed(err error) error {
	unknown, ok := errors.AsType[*project.UnknownError](err)
	if !ok {
		return err
	}
	if mode, named := f.headOnly[unknown.Selector]; !named || mode != policy.NewNone {
		return err
	}
	return &run.Problem{Code: "new_project", Message: fmt.Sprintf("Only this pull request names project %s, and the server's config does not let such a one be planned "+
		"in its environment (`new_projects`), so nothing was done. Plan and apply it after the merge, from a pull request that changes it.", markdown.Quote(unknown.Selector))}
}
