package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/backend/aws/doctor"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/server"
)

type doctorGitHubCmd struct {
	Config string `required:"" placeholder:"FILE" help:"The server's config file."`
}

// Run looks at the repositories with the App's own credentials.
func (c *doctorGitHubCmd) Run(ctx context.Context, p Program) error {
	return c.check(ctx, p, os.Stdout)
}

func (c *doctorGitHubCmd) check(ctx context.Context, p Program, out io.Writer) error {
	cfg, err := LoadConfig(ctx, c.Config)
	if err != nil {
		return err
	}
	clients, err := app.Clients(cfg.GitHub, p.Version, server.NewMetrics())
	if err != nil {
		return err
	}
	w, err := wants(p.Manifest, cfg.Automerge.Enabled)
	if err != nil {
		return err
	}
	return diagnose(out, githubDoctor{cfg, clients, w}.checks(ctx))
}

// githubDoctor looks at the App, and whether GitHub protects the branches whose rules
// count.
type githubDoctor struct {
	cfg     config.Config
	clients githubapp.ClientCreator
	wanted  wanted
}

func (d githubDoctor) checks(ctx context.Context) iter.Seq[doctor.Check] {
	return func(yield func(doctor.Check) bool) {
		for _, c := range d.app(ctx) {
			if !yield(c) {
				return
			}
		}
		for _, name := range d.cfg.ForAll() {
			if !yield(forAll(name)) {
				return
			}
		}
		for repo, err := range d.repositories(ctx) {
			if err != nil {
				yield(doctor.Check{Name: "repositories", Err: err, Do: "See that app_id and the private key are those of the App, and that it is installed."})
				return
			}
			for _, c := range d.repository(ctx, repo) {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// forAll is the check of an environment with secrets or roles that every repository
// may use.
func forAll(environment string) doctor.Check {
	return doctor.Check{
		Name: "environment " + environment, Warn: true,
		Err: errors.New("has secrets or roles, and whoever writes to any repository that the server works for takes them by naming it in lockkeeper.yml"),
		Do:  fmt.Sprintf("List in environments.%s.repositories which repositories may use it.", environment),
	}
}

// served is a repository with the client of its installation.
type served struct {
	*github.Repository
	client *github.Client
}

// repositories are those that the App is installed on and the server works for.
func (d githubDoctor) repositories(ctx context.Context) iter.Seq2[served, error] {
	return func(yield func(served, error) bool) {
		fail := func(doing string, err error) { yield(served{}, fmt.Errorf("%s: %w", doing, err)) }
		app, err := d.clients.NewAppClient()
		if err != nil {
			fail("getting the App's client", err)
			return
		}
		installations, err := allPages(func(o *github.ListOptions) ([]*github.Installation, *github.Response, error) {
			return app.Apps.ListInstallations(ctx, o)
		})
		if err != nil {
			fail("listing the App's installations", err)
			return
		}
		base := &server.Base{Repositories: d.cfg.RepositoryNames()}
		for _, i := range installations {
			client, err := d.clients.NewInstallationClient(i.GetID())
			if err != nil {
				fail("getting the client of an installation", err)
				return
			}
			repos, err := allPages(func(o *github.ListOptions) ([]*github.Repository, *github.Response, error) {
				list, resp, err := client.Apps.ListRepos(ctx, o)
				if err != nil {
					return nil, resp, err
				}
				return list.Repositories, resp, nil
			})
			if err != nil {
				fail("listing the repositories of "+i.GetAccount().GetLogin(), err)
				return
			}
			for _, r := range repos {
				if base.Serves(r.GetOwner().GetLogin(), r.GetName()) && !yield(served{r, client}, nil) {
					return
				}
			}
		}
	}
}

func allPages[T any](page func(*github.ListOptions) ([]T, *github.Response, error)) (all []T, err error) {
	o := &github.ListOptions{PerPage: 100}
	for {
		list, resp, err := page(o)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if o.Page = resp.NextPage; o.Page == 0 {
			return all, nil
		}
	}
}

// repository makes one check of each branch that counts.
func (d githubDoctor) repository(ctx context.Context, r served) []doctor.Check {
	name := r.GetFullName()
	all, err := allPages(func(o *github.ListOptions) ([]*github.Branch, *github.Response, error) {
		return r.client.Repositories.ListBranches(ctx, r.GetOwner().GetLogin(), r.GetName(), &github.BranchListOptions{ListOptions: *o})
	})
	if err != nil {
		return []doctor.Check{{Name: name, Err: fmt.Errorf("listing its branches: %w", err), Do: "Give the App read access to contents."}}
	}
	listed := d.cfg.BranchesOf(name)
	if len(listed) == 0 {
		return []doctor.Check{ofBranch(name, r.GetDefaultBranch(), all)}
	}
	var out []doctor.Check
	for _, pattern := range listed {
		if !strings.ContainsAny(pattern, "*?[") {
			out = append(out, ofBranch(name, pattern, all))
			continue
		}
		out = append(out, r.creation(ctx, pattern))
		for _, b := range all {
			if ok, err := path.Match(pattern, b.GetName()); err == nil && ok {
				out = append(out, ofBranch(name, b.GetName(), all))
			}
		}
	}
	return out
}

// ofBranch says whether a branch is protected.
func ofBranch(repository, branch string, all []*github.Branch) doctor.Check {
	c := doctor.Check{Name: repository, Warn: true, Found: fmt.Sprintf("%q is protected", branch)}
	at := slices.IndexFunc(all, func(b *github.Branch) bool { return b.GetName() == branch })
	switch {
	case at < 0:
		c.Err = fmt.Errorf("%q may be a base and is not there, so that anybody who may push can make it with rules of their own", branch)
		c.Do = "Make it and protect it, or take it off the list of branches in the server's config."
	case !all[at].GetProtected():
		c.Err = fmt.Errorf("%q may be a base and is not protected, so that anybody who may push changes the rules there without a review", branch)
		c.Do = "Add a ruleset at GitHub for it that requires a pull request before merging, or take it off the list of branches in the server's config."
	}
	return c
}

// creation says whether GitHub restricts who makes a branch of a pattern. It
// tells the rules of branches that are not there, too.
func (r served) creation(ctx context.Context, pattern string) doctor.Check {
	c := doctor.Check{Name: r.GetFullName(), Warn: true, Found: fmt.Sprintf("making branches %q is restricted", pattern)}
	if strings.Contains(pattern, "[") {
		c.Err = fmt.Errorf("nobody can say which branches %q stands for, and whether making them is restricted", pattern)
		c.Do = "Look at the rulesets at GitHub, or write a pattern with * alone."
		return c
	}
	example := strings.NewReplacer("*", "lockkeeper-doctor", "?", "x").Replace(pattern)
	// go-github does not escape the slashes of a branch.
	rules, _, err := r.client.Repositories.GetRulesForBranch(ctx, r.GetOwner().GetLogin(), r.GetName(), strings.ReplaceAll(example, "/", "%2F"))
	switch {
	case err != nil:
		c.Err, c.Do = fmt.Errorf("reading the rules of branches %q: %w", pattern, err), "Look at the rulesets at GitHub."
	case !slices.ContainsFunc(rules, func(x *github.RepositoryRule) bool { return x.Type == "creation" }):
		c.Err = errors.New("branches " + fmt.Sprintf("%q", pattern) + " may be bases, and anybody who may push can make one with rules of their own")
		c.Do = "Add a ruleset at GitHub for this pattern that restricts creations and requires a pull request before merging."
	}
	return c
}
