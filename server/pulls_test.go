package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// What GitHub does not confirm of a pull request does not count, and what it
// cannot say now is requested again, for a while.
func TestWhatGitHubSaysOfAPullRequest(t *testing.T) {
	const rest = `,"head":{"sha":"aaa"},"base":{"ref":"main","repo":{"id":7}},"updated_at":"2026-01-02T12:00:00Z"}`
	const open = `{"state":"open","merged":false` + rest
	now := PullNow{HeadSHA: "aaa", BaseRef: "main", UpdatedAt: noon}
	closed := now
	closed.Closed, closed.Merged = true, true
	for _, tt := range []struct {
		name    string
		status  int
		body    string
		updated time.Time // what the event says
		waited  time.Duration
		want    PullNow
		ok      bool
		later   bool
	}{
		{"open", 200, open, noon, 0, now, true, false},
		{"merged", 200, `{"state":"closed","merged":true` + rest, noon, 0, closed, true, false},
		{"as before the event", 200, open, noon.Add(time.Second), 0, PullNow{}, false, true},
		{"and still after ten seconds", 200, open, noon.Add(time.Second), pullSettles, now, true, false},
		{"changed since", 200, open, noon.Add(-time.Hour), 0, now, true, false},
		{"of another repository", 200, `{"state":"closed","merged":true,"head":{"sha":"aaa"},"base":{"repo":{"id":8}}}`, noon, 0, PullNow{}, false, false},
		{"not said whether merged", 200, `{"state":"closed"` + rest, noon, 0, now, true, false},
		{"not said whether open", 200, `{"merged":false` + rest, noon, 0, now, true, false},
		{"nothing", 200, `{}`, noon, 0, PullNow{}, false, false},
		{"not shown", 404, `{}`, noon, 0, PullNow{}, false, false},
		{"502", 502, `{}`, noon, 0, PullNow{}, false, true},
		{"502 for an hour", 502, `{}`, noon, pullPatience, PullNow{Unanswered: true}, false, false},
		{"not shown for an hour", 404, `{}`, noon, pullPatience, PullNow{}, false, false},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		}))
		client := github.NewClient(nil)
		client.BaseURL, _ = url.Parse(srv.URL + "/")
		p := &Pulls{Client: func(int64) (*github.Client, error) { return client, nil }, RetryAfter: pull.RetryAfter, Now: func() time.Time { return noon }}
		got, ok, err := p.Confirm(t.Context(), run.Repository{ID: 7, Owner: "acme", Name: "infra"}, 3, tt.updated, noon.Add(-tt.waited))
		srv.Close()
		var later *Later
		if got != tt.want || ok != tt.ok || errors.As(err, &later) != tt.later || err != nil && !tt.later || tt.later && later.After <= 0 {
			t.Errorf("%s: %+v, %v, %v", tt.name, got, ok, err)
		}
	}
}
