package main

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// gitTokens makes tokens for git and uses each again for most of the hour that
// GitHub lets it live: a plan and its apply need no more than one.
type gitTokens struct {
	app func() (*github.Client, error) // authenticated as the App
	now func() time.Time

	mu   sync.Mutex
	kept map[scope]*github.InstallationToken // guarded by mu
}

// scope is what a token is good for.
type scope struct{ installation, repository int64 }

// tokenReserve is how long a token must be good for when a fetch begins: longer
// than any fetch takes.
const tokenReserve = 15 * time.Minute

// read returns a token that can read the contents of one repository, another
// one than refused.
func (t *gitTokens) read(ctx context.Context, repo run.Repository, refused string) (string, error) {
	of := scope{repo.InstallationID, repo.ID}
	if token := t.find(of, refused); token != nil {
		return token.GetToken(), nil
	}
	client, err := t.app()
	if err != nil {
		return "", fmt.Errorf("getting the App's client: %w", err)
	}
	token, _, err := client.Apps.CreateInstallationToken(ctx, repo.InstallationID, &github.InstallationTokenOptions{
		RepositoryIDs: []int64{repo.ID},
		Permissions:   &github.InstallationPermissions{Contents: github.String("read")},
	})
	if err != nil {
		return "", fmt.Errorf("getting a token to fetch %s: %w", repo.FullName(), err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept[of] = token
	return token.GetToken(), nil
}

// find forgets what is too old, or refused, on its way.
func (t *gitTokens) find(of scope, refused string) *github.InstallationToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.kept, func(_ scope, token *github.InstallationToken) bool {
		return token.GetToken() == refused || token.GetExpiresAt().Sub(t.now()) < tokenReserve
	})
	return t.kept[of]
}
