package prepare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// documents makes the input of each job, in the order of the projects' names, and
// says which of them must not run.
func (p *Preparer) documents(ctx context.Context, r run.Run, f revision, targets []gate.Target) ([]run.JobDocument, map[string]run.Problem, error) {
	if len(targets) > p.MaxProjects {
		return nil, nil, &run.Problem{Code: "too_many_projects", Message: fmt.Sprintf(
			"This pull request touches %d projects, and this server plans at most %d at once, so nothing was planned. "+
				"Name some of them, as in `/plan live-*`, or split the pull request.", len(targets), p.MaxProjects)}
	}
	if len(targets) == 0 {
		return nil, nil, nil
	}
	rules, err := p.rules(ctx, f.mirror, f.configSHA)
	if err != nil {
		return nil, nil, err
	}
	projects, docs := make([]project.Project, len(targets)), make([]run.JobDocument, len(targets))
	targets = slices.SortedFunc(slices.Values(targets), func(a, b gate.Target) int { return strings.Compare(a.Name, b.Name) })
	for i, x := range targets {
		projects[i], docs[i] = x.Project, x.Document
		docs[i].Policy = rules
	}
	failed, err := p.sources(ctx, r, f, projects, docs)
	return docs, failed, err
}

// document is a project's, without its source.
func (p *Preparer) document(r run.Run, facts pull.Facts, graph *project.Graph, proj project.Project) (run.JobDocument, error) {
	env, err := p.environment(facts.Owner+"/"+facts.Name, proj)
	if err != nil {
		return run.JobDocument{}, err
	}
	terraform := proj.Terraform
	if proj.Tofu != "" {
		terraform = "tofu " + proj.Tofu
	}
	settings := p.settings(r.Repository, proj, env)
	return run.JobDocument{
		Command: r.Kind, Repository: r.Repository.FullName(), RepositoryID: facts.RepositoryID,
		Commit: facts.HeadSHA, BaseCommit: facts.BaseSHA, PullRequest: r.PullRequest, Actor: r.Actor,
		Project: run.JobProject{
			Name: proj.Name, Dir: proj.Dir, Workspace: proj.Workspace, Terraform: terraform,
			VarFiles: proj.VarFiles, BackendConfig: settings.Backend, FromModule: proj.FromModule, After: proj.After,
			State: graph.State(proj, settings), AfterMerge: proj.Apply == project.AfterMerge,
		},
		Environment: env.Job, Flags: r.Flags, Limits: p.Limits,
	}, nil
}

// environment is the target of a project, if its repository (owner/name) may use it:
// whoever writes lockkeeper.yml names any.
func (p *Preparer) environment(repository string, proj project.Project) (Environment, error) {
	name, which := proj.Environment, "environment"
	if name == "" {
		name, which = p.Environments.Default, "the server's default environment"
	}
	env, known := p.Environments.ByName[name]
	if !known {
		return Environment{}, &run.Problem{Code: "unknown_environment", Message: fmt.Sprintf(
			"Project %s is for environment %s, which this server does not know, so nothing was done. Correct "+
				"`environment:` in `lockkeeper.yml` on the base branch, or ask your Lockkeeper administrator to define it.",
			markdown.Quote(proj.Name), markdown.Quote(name))}
	}
	if env.For != nil && !env.For(repository) {
		return Environment{}, &run.Problem{Code: "foreign_environment", Message: fmt.Sprintf(
			"Project %s is for %s %s, which this server does not give to %s, so nothing was done. Name another one under "+
				"`environment:` in `lockkeeper.yml` on the base branch, or ask your Lockkeeper administrator to list this repository in `environments.%s.repositories`.",
			markdown.Quote(proj.Name), which, markdown.Quote(name), markdown.Quote(repository), name)}
	}
	return env, nil
}

// settings is what the server's config says about a project.
func (p *Preparer) settings(repo run.Repository, proj project.Project, env Environment) project.Settings {
	return project.Settings{
		Backend: backendConfig(repo, proj, env), Tofu: proj.Tofu != "" || p.Tofu && proj.Terraform == "", Variables: env.Variables,
	}
}

// settingsOf is the same for a project whose environment may be unknown, which is said when it is its turn.
func (p *Preparer) settingsOf(repo run.Repository) func(project.Project) project.Settings {
	return func(proj project.Project) project.Settings {
		env, err := p.environment(repo.FullName(), proj)
		if err != nil {
			return project.OwnSettings(proj)
		}
		return p.settings(repo, proj, env)
	}
}

// backendConfig merges the project's settings with the server's, which win:
// they say where state may be (T04).
func backendConfig(repo run.Repository, proj project.Project, env Environment) map[string]string {
	out := maps.Clone(proj.BackendConfig)
	if out == nil {
		out = make(map[string]string, len(env.BackendConfig))
	}
	fill := strings.NewReplacer("{owner}", repo.Owner, "{repo}", repo.Name,
		"{project}", proj.Name, "{dir}", proj.Dir, "{workspace}", proj.Workspace)
	for k, v := range env.BackendConfig {
		out[k] = fill.Replace(v)
	}
	return out
}
