package app

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/config"
)

// asApp makes the client of an App alone.
type asApp struct {
	githubapp.ClientCreator
	client *github.Client
}

func (c asApp) NewAppClient() (*github.Client, error) { return c.client, nil }

// People mention an App by its name, which GitHub alone knows.
func TestTheAppsNameIsWhatGitHubSays(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/app" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Write([]byte(`{"slug": "acme-terraform"}`))
	}))
	defer srv.Close()
	client := github.NewClient(nil)
	client.BaseURL, _ = url.Parse(srv.URL + "/")
	a := &App{name: &appName{}, Clients: asApp{client: client}}
	if got := a.name.get(); got != "" {
		t.Errorf("before GitHub said it, the name is %q", got)
	}
	if err := a.Identify(t.Context(), config.GitHub{AppID: 1}); err != nil {
		t.Fatal(err)
	}
	if got := a.name.get(); got != "acme-terraform" {
		t.Errorf("the name is %q", got)
	}
}
