package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/server/config"
	"github.com/lockkeeper/lockkeeper/store"
)

type explainCmd struct {
	Project []string `arg:"" optional:"" help:"Names or patterns; left out: what the pull request changes."`
	PR      string   `required:"" name:"pr" placeholder:"OWNER/REPO#N" help:"The pull request."`
	As      string   `placeholder:"LOGIN" help:"As whom; left out: as somebody whose right to apply is not in question."`
	Config  string   `required:"" placeholder:"FILE" help:"The server's config file."`
}

var pullReference = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_-]*)/([A-Za-z0-9._-]+)#([1-9][0-9]{0,8})$`)

// Help says what scripts want to know.
func (c *explainCmd) Help() string {
	return "Exits 0 when it can be applied, 3 when it cannot, and 1 when that could not be found out."
}

// Run prints what /why would answer. It reads GitHub and what the server keeps,
// also beside a running server, and changes nothing.
func (c *explainCmd) Run(ctx context.Context) (err error) {
	match := pullReference.FindStringSubmatch(c.PR)
	if match == nil {
		return fmt.Errorf("--pr is %q: write it like acme/infrastructure#12", c.PR)
	}
	number, err := strconv.Atoi(match[3])
	if err != nil {
		return fmt.Errorf("reading --pr: %w", err)
	}
	cfg, err := loadConfig(ctx, c.Config)
	if err != nil {
		return err
	}
	clients, err := newClients(cfg.GitHub, server.NewMetrics())
	if err != nil {
		return err
	}
	repo, err := findRepository(ctx, clients, match[1], match[2])
	if err != nil {
		return err
	}
	kept, err := lookInto(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.close()) }()
	mirrors, err := os.MkdirTemp("", "lockkeeper-explain-") // the server's own are in use
	if err != nil {
		return fmt.Errorf("making a directory for the commits: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(mirrors)) }()
	preparer := newPreparer(cfg, clients, kept)
	preparer.Mirrors = &pull.Mirrors{Dir: mirrors}
	preparer.KeepPushes = nil
	if err := pullExists(ctx, clients, repo, number); err != nil {
		return err
	}
	v, err := preparer.Why(ctx, repo, number, c.As, c.Project)
	if problem, ok := errors.AsType[*run.Problem](err); ok {
		return errors.New(problem.Message)
	}
	if err != nil {
		return err
	}
	fmt.Print(explained(v, c.As))
	if !v.Allowed {
		return errNotAllowed
	}
	return nil
}

// errNotAllowed ends explain, so that scripts can ask.
var errNotAllowed = errors.New("not allowed")

// explained is a verdict about applying for a terminal: without Markdown.
func explained(v policy.Verdict, who string) string {
	if who == "" {
		who = "people whose right to apply is not in question"
	}
	verdict := "not allowed for " + who + " yet"
	if v.Allowed {
		verdict = "allowed for " + who + " now"
	}
	return strings.NewReplacer("`", "", "**", "").Replace("/apply is " + verdict + ":\n\n" + v.Why())
}

// pullExists asks GitHub before anything else does: a number may be mistyped.
func pullExists(ctx context.Context, clients githubapp.ClientCreator, repo run.Repository, number int) error {
	client, err := clients.NewInstallationClient(repo.InstallationID)
	if err != nil {
		return fmt.Errorf("getting a client for installation %d: %w", repo.InstallationID, err)
	}
	_, _, err = client.PullRequests.Get(ctx, repo.Owner, repo.Name, number)
	if isNotFound(err) {
		return fmt.Errorf("there is no pull request %s#%d", repo.FullName(), number)
	}
	if err != nil {
		return fmt.Errorf("reading %s#%d: %w", repo.FullName(), number, err)
	}
	return nil
}

func isNotFound(err error) bool {
	refusal, ok := errors.AsType[*github.ErrorResponse](err)
	return ok && refusal.Response.StatusCode == http.StatusNotFound
}

// lookInto opens what a server keeps without taking it over.
func lookInto(ctx context.Context, cfg config.Config) (k kept, err error) {
	file := filepath.Join(cfg.DataDir, "lockkeeper.db")
	if _, err := os.Stat(file); err != nil {
		return k, fmt.Errorf("looking for what the server keeps (start it once, or correct data_dir in the config): %w", err)
	}
	if k.db, err = store.Open(ctx, file); err != nil {
		return k, err
	}
	if err := k.openArtifacts(ctx, cfg); err != nil {
		return k, errors.Join(err, k.db.Close())
	}
	k.index = new(project.Index)
	return k, nil
}

// close lets go of what lookInto opened.
func (k kept) close() error {
	err := k.db.Close()
	if k.dir != nil {
		err = errors.Join(err, k.dir.Close())
	}
	return err
}

// findRepository asks GitHub for the ids of a repository on which the App is
// installed.
func findRepository(ctx context.Context, clients githubapp.ClientCreator, owner, name string) (run.Repository, error) {
	app, err := clients.NewAppClient()
	if err != nil {
		return run.Repository{}, fmt.Errorf("getting the App's client: %w", err)
	}
	installation, _, err := app.Apps.FindRepositoryInstallation(ctx, owner, name)
	if isNotFound(err) {
		return run.Repository{}, fmt.Errorf("the App is not installed on %s/%s, or there is no such repository", owner, name)
	}
	if err != nil {
		return run.Repository{}, fmt.Errorf("looking for the App's installation on %s/%s: %w", owner, name, err)
	}
	client, err := clients.NewInstallationClient(installation.GetID())
	if err != nil {
		return run.Repository{}, fmt.Errorf("getting a client for installation %d: %w", installation.GetID(), err)
	}
	found, _, err := client.Repositories.Get(ctx, owner, name)
	if err != nil {
		return run.Repository{}, fmt.Errorf("reading the repository %s/%s: %w", owner, name, err)
	}
	return run.Repository{ID: found.GetID(), Owner: found.GetOwner().GetLogin(), Name: found.GetName(), InstallationID: installation.GetID()}, nil
}

// loadConfig reads the server's config and names every mistake in it.
func loadConfig(ctx context.Context, file string) (config.Config, error) {
	cfg, err := config.Load(file, config.Sources{Env: os.Getenv, AWS: storedSecrets(ctx)})
	if problems, ok := errors.AsType[config.Problems](err); ok {
		return cfg, mistakes(len(problems), problems, "start again; docs/server-config.md explains every key.")
	}
	if err != nil {
		return cfg, fmt.Errorf("%w; docs/install.md shows how to write one", err)
	}
	return cfg, nil
}
