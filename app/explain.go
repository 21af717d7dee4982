package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/server"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
)

// Question is what Explain answers.
type Question struct {
	Owner, Name string // of the repository
	Number      int    // of the pull request
	As          string // login; empty: someone whose right to apply is not in question
	Projects    []string
}

// Explain is the verdict that /why would give. It reads GitHub and what the server
// stored, also beside a running server, and changes nothing.
func Explain(ctx context.Context, cfg config.Config, o Options, q Question) (v policy.Verdict, err error) {
	clients, err := Clients(cfg.GitHub, o.Version, server.NewMetrics())
	if err != nil {
		return v, err
	}
	repo, err := findRepository(ctx, clients, q.Owner, q.Name)
	if err != nil {
		return v, err
	}
	stored, err := openShared(ctx, cfg)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, stored.close()) }()
	mirrors, err := os.MkdirTemp("", "lockkeeper-explain-") // the server's own are in use
	if err != nil {
		return v, fmt.Errorf("making a directory for the commits: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(mirrors)) }()
	preparer := newPreparer(cfg, o, clients, stored)
	preparer.Gate.Mirrors = &pull.Mirrors{Dir: mirrors}
	preparer.Gate.KeepPushes = nil
	if err := pullExists(ctx, clients, repo, q.Number); err != nil {
		return v, err
	}
	v, err = preparer.Gate.Why(ctx, repo, q.Number, q.As, q.Projects)
	if problem, ok := errors.AsType[*run.Problem](err); ok {
		return v, errors.New(problem.Message)
	}
	return v, err
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

// openShared opens what a server has stored, without taking it over.
func openShared(ctx context.Context, cfg config.Config) (k storage, err error) {
	file := filepath.Join(cfg.DataDir, "lockkeeper.db")
	if _, err := os.Stat(file); err != nil {
		return k, fmt.Errorf("looking for what the server has stored (start it once, or correct data_dir in the config): %w", err)
	}
	if k.db, err = sqlite.Open(ctx, file); err != nil {
		return k, err
	}
	if err := k.openArtifacts(ctx, cfg); err != nil {
		return k, errors.Join(err, k.db.Close())
	}
	k.index = new(project.Index)
	return k, nil
}

// close lets go of what openShared opened.
func (k storage) close() error {
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
