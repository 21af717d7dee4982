package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestATokenForGitIsUsedAgainForOneRepositoryUntilItIsOld(t *testing.T) {
	now, made := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC), 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made++
		fmt.Fprintf(w, `{"token": "t%d", "expires_at": %q}`, made, now.Add(time.Hour).Format(time.RFC3339))
	}))
	t.Cleanup(srv.Close)
	client := github.NewClient(nil)
	client.BaseURL, _ = url.Parse(srv.URL + "/")
	tokens := &gitTokens{app: func() (*github.Client, error) { return client, nil }, now: func() time.Time { return now }, kept: map[scope]*github.InstallationToken{}}
	first, other, moved := run.Repository{ID: 1, InstallationID: 5}, run.Repository{ID: 2, InstallationID: 5}, run.Repository{ID: 1, InstallationID: 6}
	for _, step := range []struct {
		repo run.Repository
		pass time.Duration
		want string
	}{
		{first, 0, "t1"},
		{first, 44 * time.Minute, "t1"},
		{other, 0, "t2"},
		{moved, 0, "t3"},
		{first, 2 * time.Minute, "t4"}, // less than a quarter of an hour is left of the first
		{other, 0, "t2"},
	} {
		now = now.Add(step.pass)
		if got, err := tokens.read(t.Context(), step.repo, ""); err != nil || got != step.want {
			t.Errorf("after %s: %q, %v, want %q", step.pass, got, err, step.want)
		}
	}
}
