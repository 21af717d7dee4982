package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"
	"golang.org/x/sync/singleflight"

	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// gitTokens makes tokens for git and uses each again for most of the hour that
// GitHub lets it live: a plan and its apply need no more than one.
type gitTokens struct {
	app func() (*github.Client, error) // authenticated as the App
	now func() time.Time

	making singleflight.Group // by scope: who asks at the same time gets the same token

	mu     sync.Mutex
	cached map[scope]*github.InstallationToken // guarded by mu
}

// newGitTokens makes tokens that can read the contents of one repository and nothing
// else (T39).
func newGitTokens(clients githubapp.ClientCreator) *gitTokens {
	return &gitTokens{app: clients.NewAppClient, now: time.Now, cached: map[scope]*github.InstallationToken{}}
}

// scope is what a token is good for.
type scope struct {
	installation, repository int64
	name                     string // lower-case owner/name of a repository that was found by it, instead
}

// tokenReserve is how long a token must be good for when a fetch begins: longer
// than any fetch takes.
const tokenReserve = 15 * time.Minute

// read returns a token that can read the contents of one repository, another
// one than refused. Where its installation is not on it, that is a pull.ErrNoAccess.
func (t *gitTokens) read(ctx context.Context, repo run.Repository, refused string) (string, error) {
	of := scope{installation: repo.InstallationID, repository: repo.ID}
	if token := t.find(of, refused); token != nil {
		return token.GetToken(), nil
	}
	made := t.making.DoChan(fmt.Sprintf("%d/%d/%s", of.installation, of.repository, refused), func() (any, error) {
		if token := t.find(of, refused); token != nil {
			return token.GetToken(), nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenPatience) // the first caller may go
		defer cancel()
		return t.create(ctx, of, repo)
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-made:
		token, _ := r.Val.(string)
		return token, r.Err
	}
}

// tokenPatience bounds the call that makes a token.
const tokenPatience = time.Minute

func (t *gitTokens) create(ctx context.Context, of scope, repo run.Repository) (string, error) {
	client, err := t.app()
	if err != nil {
		return "", fmt.Errorf("getting the App's client: %w", err)
	}
	token, _, err := client.Apps.CreateInstallationToken(ctx, repo.InstallationID, &github.InstallationTokenOptions{
		RepositoryIDs: []int64{repo.ID}, Permissions: onlyRead(),
	})
	if err != nil {
		return "", t.noAccess(repo.FullName(), err)
	}
	t.store(of, token)
	return token.GetToken(), nil
}

func onlyRead() *github.InstallationPermissions {
	return &github.InstallationPermissions{Contents: github.String("read")}
}

// finder finds a repository by its name (owner/name), as pull.Submodules asks for it.
func (t *gitTokens) finder(webURL string) func(context.Context, string) (int64, pull.Remote, error) {
	return func(ctx context.Context, repository string) (int64, pull.Remote, error) {
		token, err := t.named(ctx, repository, "")
		if err != nil {
			return 0, pull.Remote{}, err
		}
		return token.Repositories[0].GetID(), pull.Remote{
			URL: strings.TrimSuffix(webURL, "/") + "/" + repository + ".git",
			Token: func(ctx context.Context, refused string) (string, error) {
				token, err := t.named(ctx, repository, refused)
				return token.GetToken(), err
			},
		}, nil
	}
}

// named returns a token that can read the contents of one repository, which it names,
// another one than refused. Where the App is not installed on it, that is a pull.ErrNoAccess.
func (t *gitTokens) named(ctx context.Context, repository, refused string) (*github.InstallationToken, error) {
	of := scope{name: strings.ToLower(repository)}
	if token := t.find(of, refused); token != nil {
		return token, nil
	}
	client, err := t.app()
	if err != nil {
		return nil, fmt.Errorf("getting the App's client: %w", err)
	}
	owner, name, _ := strings.Cut(repository, "/")
	installation, _, err := client.Apps.FindRepositoryInstallation(ctx, owner, name)
	if err != nil {
		return nil, t.noAccess(repository, err)
	}
	token, _, err := client.Apps.CreateInstallationToken(ctx, installation.GetID(), &github.InstallationTokenOptions{
		Repositories: []string{name}, Permissions: onlyRead(),
	})
	if err != nil {
		return nil, t.noAccess(repository, err)
	}
	if len(token.Repositories) != 1 || !strings.EqualFold(token.Repositories[0].GetFullName(), repository) || token.Repositories[0].GetID() == 0 {
		return nil, fmt.Errorf("getting a token to fetch %s: it is for another repository: %w", repository, pull.ErrNoAccess)
	}
	t.store(of, token)
	return token, nil
}

// noAccess distinguishes a repository that the App may not read from trouble that passes.
func (t *gitTokens) noAccess(repository string, err error) error {
	err = fmt.Errorf("getting a token to fetch %s: %w", repository, err)
	answer, answered := errors.AsType[*github.ErrorResponse](err)
	if _, temporary := pull.RetryAfter(err, t.now()); temporary || !answered || answer.Response == nil {
		return err
	}
	switch answer.Response.StatusCode {
	case http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %w", pull.ErrNoAccess, err)
	}
	return err
}

func (t *gitTokens) store(of scope, token *github.InstallationToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cached[of] = token
}

// find forgets what is too old, or refused, on its way.
func (t *gitTokens) find(of scope, refused string) *github.InstallationToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.cached, func(_ scope, token *github.InstallationToken) bool {
		return token.GetToken() == refused || token.GetExpiresAt().Sub(t.now()) < tokenReserve
	})
	return t.cached[of]
}
