package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// holding is locks, with the pull requests as GitHub has them and a worker that
// carries out what it is requested.
type holding struct {
	*testing.T
	recorder
	locks run.Locks
	pulls map[string]m // by path; nil is a 500
	said  []string
	now   time.Time
}

func newHolding(t *testing.T, locks ...run.Lock) (*holding, *Locks) {
	t.Helper()
	h := &holding{T: t, locks: run.Locks{Locks: locks}, pulls: map[string]m{}, now: noon}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pull, known := h.pulls[r.URL.Path]
		switch {
		case !known:
			w.WriteHeader(http.StatusNotFound)
		case pull == nil:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			_ = json.NewEncoder(w).Encode(pull)
		}
	}))
	t.Cleanup(srv.Close)
	client := github.NewClient(nil)
	client.BaseURL, _ = url.Parse(srv.URL + "/")
	return h, &Locks{
		Store: holdingStore{h}, Runs: h, Notify: func() {}, Now: func() time.Time { return h.now },
		Client: func(int64) (*github.Client, error) { return client, nil },
	}
}

func (h *holding) pull(number, state string, merged any) {
	h.pulls["/repos/acme/infra/pulls/"+number] = m{"state": state, "merged": merged, "head": m{"sha": "aaa"}, "base": m{"ref": "main", "repo": m{"id": 7}}}
}

func (h *holding) asks() string { return strings.Join(h.asked, ",") }

func (h *holding) Unlock(_ context.Context, holder run.Subject, projects []string) (released, busy []string, err error) {
	h.note("unlock %d", holder.PullRequest)
	released, busy = h.locks.Release(holder, projects)
	return released, busy, nil
}

func (h *holding) Warn(_ context.Context, holders []run.Subject, notice func(run.Subject) run.Notice) error {
	for _, holder := range holders {
		h.note("warn %d", holder.PullRequest)
		h.said = append(h.said, notice(holder).Body)
		for i := range h.locks.Locks {
			if h.locks.Locks[i].Holder.Is(holder) {
				h.locks.Locks[i].WarnedAt = h.now
			}
		}
	}
	return nil
}

type holdingStore struct{ *holding }

func (s holdingStore) Locks(context.Context) (run.Locks, error) { return s.locks, nil }

func (s holdingStore) PutNotices(_ context.Context, notices []run.Notice) error {
	for _, n := range notices {
		s.said = append(s.said, n.Body)
	}
	return nil
}

func TestT34LocksOfPullRequestsThatAreOverAreFreedWithoutAWebhook(t *testing.T) {
	waiting := run.Waiter{ID: 1, Holder: locked("", 9).Holder, Projects: []run.Claimed{{Project: "a"}}}
	for _, tt := range []struct {
		name  string
		given func(*holding)
		asked string
		err   bool
	}{
		{"open", func(h *holding) { h.pull("3", "open", false) }, "", false},
		{"closed", func(h *holding) { h.pull("3", "closed", false) }, `close 7/3 merged false at "aaa" into "main"`, false},
		{"merged", func(h *holding) { h.pull("3", "closed", true) }, `unplanned 7/3 at "aaa" into "main",close 7/3 merged true at "aaa" into "main"`, false},
		{"closed, and nobody says whether it was merged", func(h *holding) { h.pull("3", "closed", nil) }, "", false},
		{"another repository of that name", func(h *holding) {
			h.pull("3", "closed", false)
			h.pulls["/repos/acme/infra/pulls/3"]["base"] = m{"repo": m{"id": 8}}
		}, "", false},
		{"not shown by GitHub", func(*holding) {}, "", true},
		{"GitHub fails", func(h *holding) { h.pulls["/repos/acme/infra/pulls/3"] = nil }, "", true},
		{"who waits and is closed", func(h *holding) {
			h.pull("3", "open", false)
			h.pull("9", "closed", false)
			h.locks.Waiters = []run.Waiter{waiting}
		}, `close 7/9 merged false at "aaa" into "main"`, false},
		{"one fails and another one is closed", func(h *holding) {
			h.pull("9", "closed", false)
			h.locks.Waiters = []run.Waiter{waiting}
		}, `close 7/9 merged false at "aaa" into "main"`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, l := newHolding(t, locked("a", 3), locked("b", 3), run.Lock{Key: "free", Fence: 4})
			tt.given(h)
			if err := l.sweep(t.Context()); (err != nil) != tt.err {
				t.Errorf("error %v", err)
			}
			if h.asks() != tt.asked {
				t.Errorf("asked for %q, want %q", h.asks(), tt.asked)
			}
		})
	}
}

func TestLocksThatNobodyUsesExpireAfterAWordToTheirHolder(t *testing.T) {
	const day = 24 * time.Hour
	h, l := newHolding(t, locked("a", 3), locked("b", 3), locked("c", 4, func(l *run.Lock) { l.Busy = "run" }))
	h.pull("3", "open", false)
	h.pull("4", "open", false)
	l.Expire, l.Notice = 7*day, 2*day
	for _, step := range []struct {
		at    time.Duration
		asked string
		said  string
	}{
		{5 * day, "", ""},
		{5*day + time.Minute, "warn 3", "holds `a`, `b` and has done nothing with it for 5 days. After 7 days without use a lock is released, so that others can go on: that is on 9 January 2026, 12:01 UTC."},
		{6 * day, "", ""},
		{7*day + 30*time.Second, "", ""}, // told less than two days ago
		{7*day + 2*time.Minute, "unlock 3", "Released `a`, `b`: nobody has used it for 7 days."},
		{30 * day, "", ""},
	} {
		h.asked, h.said, h.now = nil, nil, noon.Add(step.at)
		if err := l.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h.asks() != step.asked {
			t.Errorf("after %s: asked for %q, want %q", step.at, h.asks(), step.asked)
		}
		if said := strings.Join(h.said, "\n"); !strings.Contains(said, step.said) || step.said == "" && said != "" {
			t.Errorf("after %s: said %q, want %q", step.at, said, step.said)
		}
	}
}

func TestLocksDoNotExpireUnlessTheServerWantsIt(t *testing.T) {
	h, l := newHolding(t, locked("a", 3))
	h.pull("3", "open", false)
	h.now = noon.Add(1000 * time.Hour)
	if err := l.sweep(t.Context()); err != nil || h.asks() != "" {
		t.Errorf("asked for %q: %v", h.asks(), err)
	}
}
