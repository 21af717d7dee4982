package app

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/pull"
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
	tokens := &gitTokens{app: func() (*github.Client, error) { return client, nil }, now: func() time.Time { return now }, cached: map[scope]*github.InstallationToken{}}
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

// Who asks while a token is made gets that one: an apply reads several things at once.
func TestATokenIsMadeOnceForAllWhoAsk(t *testing.T) {
	const asks = 8
	made, waiting, begin := 0, make(chan struct{}, asks), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made++ // a second call at the same time would be a race, too
		<-begin
		fmt.Fprintf(w, `{"token": "t%d", "expires_at": "2126-01-02T15:04:05Z"}`, made)
	}))
	t.Cleanup(srv.Close)
	client := github.NewClient(nil)
	client.BaseURL, _ = url.Parse(srv.URL + "/")
	tokens := &gitTokens{app: func() (*github.Client, error) { waiting <- struct{}{}; return client, nil }, now: time.Now, cached: map[scope]*github.InstallationToken{}}
	got := make(chan string, asks)
	for range asks {
		go func() {
			token, err := tokens.read(t.Context(), run.Repository{ID: 1, InstallationID: 5}, "")
			got <- fmt.Sprint(token, err)
		}()
	}
	<-waiting // one makes it; whoever comes later waits for that or finds it
	close(begin)
	for range asks {
		if token := <-got; token != "t1<nil>" {
			t.Errorf("one got %s", token)
		}
	}
	if made != 1 {
		t.Errorf("%d tokens were made", made)
	}
}

// A submodule's repository is found by its name, through the App's installation there; the token
// is for it alone, and is used again.
func TestATokenForARepositoryThatIsNamed(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var asked []string
	status, answered := map[string]int{}, "acme/modules"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.Path+" "+strings.TrimSpace(string(body)))
		if code := status[r.Method]; code != 0 {
			w.WriteHeader(code)
		} else if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"id": 7}`)
		} else {
			fmt.Fprintf(w, `{"token": "t%d", "expires_at": %q, "repositories": [{"id": 9, "full_name": %q}]}`, len(asked), now.Add(time.Hour).Format(time.RFC3339), answered)
		}
	}))
	t.Cleanup(srv.Close)
	client := github.NewClient(nil)
	client.BaseURL, _ = url.Parse(srv.URL + "/")
	tokens := &gitTokens{app: func() (*github.Client, error) { return client, nil }, now: func() time.Time { return now }, cached: map[scope]*github.InstallationToken{}}
	find := tokens.finder("https://github.example/")
	var first string
	for range 2 {
		id, remote, err := find(t.Context(), "acme/modules")
		if err != nil || id != 9 || remote.URL != "https://github.example/acme/modules.git" {
			t.Fatalf("%d at %s, %v", id, remote.URL, err)
		}
		if first, err = remote.Token(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	want := "GET /repos/acme/modules/installation |POST /app/installations/7/access_tokens {\"repositories\":[\"modules\"],\"permissions\":{\"contents\":\"read\"}}"
	if got := strings.Join(asked, "|"); got != want {
		t.Errorf("asked\n%s, want\n%s", got, want)
	}
	if second, err := tokens.named(t.Context(), "Acme/modules", first); err != nil || second.GetToken() == first {
		t.Errorf("after it was refused there is %v, %v", second, err)
	}
	for _, tt := range []struct {
		name      string
		status    map[string]int
		answered  string
		noAccess  bool
		temporary bool
	}{
		{"the App is not installed there", map[string]int{"GET": 404}, "", true, false},
		{"the installation does not have it", map[string]int{"POST": 422}, "", true, false},
		{"the installation is suspended", map[string]int{"POST": 403}, "", true, false},
		{"another repository", nil, "acme/other", true, false},
		{"trouble", map[string]int{"GET": 502}, "", false, true},
		{"more trouble", map[string]int{"POST": 500}, "", false, true},
		{"the App's key is refused", map[string]int{"GET": 401}, "", false, true},
	} {
		clear(tokens.cached)
		status, answered = tt.status, tt.answered
		_, _, err := find(t.Context(), "acme/modules")
		if _, temporary := pull.RetryAfter(err, now); err == nil || errors.Is(err, pull.ErrNoAccess) != tt.noAccess || temporary != tt.temporary {
			t.Errorf("%s: %v, temporary: %v", tt.name, err, temporary)
		}
	}
}
