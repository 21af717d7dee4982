package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

var merged = PullNow{HeadSHA: "aaa", BaseRef: "main", Closed: true, Merged: true}

// A look at a merge that goes wrong until nobody tries again is no word that there was
// nothing to see.
func TestAMergeThatCannotBeLookedAtIsKnownAsSuch(t *testing.T) {
	for name, c := range map[string]struct {
		fails error
		tries int
		known bool // that nobody knows
	}{
		"no answer, through all tries": {errors.New("GitHub does not answer"), maxAttempts, true},
		"what trying does not help":    {&run.Problem{Code: "history", Message: "no common history"}, 1, true},
		"of another repository":        {&run.SilentRefusal{Problem: run.Problem{Code: "other_repository"}}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.runs.fails = c.fails
			*f.now = merged
			f.deliver("e", "pull_request", pullEvent(t, "closed", func(m) {}))
			var wg sync.WaitGroup
			for i := range maxAttempts {
				if i == c.tries-1 && slices.Contains(f.runs.asked, "not known 7/3") {
					t.Error("given up before the last try")
				}
				at := noon.Add(time.Duration(i) * time.Hour)
				f.inbox.Now = func() time.Time { return at }
				if err := f.inbox.round(t.Context(), &wg); err != nil {
					t.Fatal(err)
				}
				wg.Wait()
			}
			asked := strings.Join(f.runs.asked, ",")
			if got := strings.Count(asked, "not known 7/3"); got != map[bool]int{true: 1}[c.known] || strings.Count(asked, "unplanned") != c.tries {
				t.Errorf("%q", asked)
			}
		})
	}
}

// What says that GitHub did not answer whether a pull request is over is no word of
// GitHub's: nothing follows, and it is asked again as long as anything is.
func TestAMergeThatGitHubDoesNotConfirmIsAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		now     PullNow
		pending int
	}{
		"no answer":                  {PullNow{Unanswered: true}, 1},
		"GitHub shows no such thing": {PullNow{}, 0},
	} {
		f := newFixture(t, func(b *Base) {
			b.PullNow = func(context.Context, run.Repository, int, time.Time, time.Time) (PullNow, bool, error) {
				return c.now, false, nil
			}
		})
		f.deliver("e", "pull_request", pullEvent(t, "closed", func(e m) { e["pull_request"].(m)["merged"] = true }))
		var wg sync.WaitGroup
		if err := f.inbox.round(t.Context(), &wg); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		pending, err := f.store.PendingDeliveries(t.Context(), noon.Add(time.Hour), 10)
		if err != nil || len(pending) != c.pending || len(f.runs.asked) > 0 {
			t.Errorf("%s: %d pending, did %v, %v", name, len(pending), f.runs.asked, err)
		}
	}
}

// Waiting for GitHub is no failed try: one that fails after it is not the last.
func TestWaitingForGitHubCostsNoTry(t *testing.T) {
	waited := 0
	f := newFixture(t, func(b *Base) {
		b.PullNow = func(context.Context, run.Repository, int, time.Time, time.Time) (PullNow, bool, error) {
			if waited++; waited < maxAttempts {
				return PullNow{}, false, &Later{After: time.Minute, Why: errors.New("502")}
			}
			return merged, true, nil
		}
	})
	f.runs.fails = errors.New("502")
	f.deliver("e", "pull_request", pullEvent(t, "closed", func(m) {}))
	var wg sync.WaitGroup
	for i := range maxAttempts {
		at := noon.Add(time.Duration(i) * 2 * time.Minute)
		f.inbox.Now = func() time.Time { return at }
		if err := f.inbox.round(t.Context(), &wg); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	}
	if asked := strings.Join(f.runs.asked, ","); !strings.Contains(asked, "unplanned") || strings.Contains(asked, "not known") {
		t.Errorf("did %s", asked)
	}
}

// A server that stops during a look has not found out that nobody knows.
func TestALookThatTheEndOfTheServerBreaksOffSaysNothing(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.runs.fails = context.Canceled
	cancel()
	over := run.Over{Merged: true}
	if err := end(ctx, f.runs, run.Repository{ID: 7}, 3, over, true); err == nil {
		t.Error("it ended well")
	}
	if _, err := endSwept(ctx, f.runs, run.Repository{ID: 7}, 3, over); err == nil {
		t.Error("the sweep ended well")
	}
	if asked := strings.Join(f.runs.asked, ","); strings.Contains(asked, "not known") || strings.Count(asked, "close") != 1 {
		t.Errorf("did %s", asked)
	}
}

// The sweep releases what a merge leaves, so it never comes back to it: the look comes
// first, and what it does not find out people have to know.
func TestTheSweepLooksAgainAtAMergeThatNobodyKnows(t *testing.T) {
	const look, closes = `unplanned 7/3 at "aaa" into "main"`, `,close 7/3 merged true at "aaa" into "main"`
	unknown := run.Left{Holder: locked("", 3).Holder, Merged: true, At: noon.Add(-time.Hour)}
	for name, c := range map[string]struct {
		given func(*holding)
		asked string
	}{
		"the first look fails": {func(h *holding) { h.fails = errors.New("no answer") }, look + ",not known 7/3" + closes},
		"it is known now":      {func(h *holding) { h.locks = run.Locks{Left: []run.Left{unknown}} }, look + closes + ",known 7/3"},
		"it fails again": {func(h *holding) {
			h.locks, h.fails = run.Locks{Left: []run.Left{unknown}}, errors.New("no answer")
		}, look + ",not known 7/3" + closes},
		"it will never be known": {func(h *holding) {
			h.locks, h.fails = run.Locks{Left: []run.Left{unknown}}, &run.Problem{Message: "no history"}
		}, look + ",not known 7/3" + closes},
		"GitHub says that it is open": {func(h *holding) {
			h.locks = run.Locks{Left: []run.Left{unknown}}
			h.pull("3", "open", false)
		}, ""},
		"for a day": {func(h *holding) {
			old := unknown
			old.At = noon.Add(-25 * time.Hour)
			h.locks = run.Locks{Left: []run.Left{old}}
		}, ""},
		"but not what is known": {func(h *holding) {
			h.locks = run.Locks{Left: []run.Left{{Holder: unknown.Holder, Project: "a", Merged: true, At: noon}}}
		}, ""},
	} {
		h, l := newHolding(t, locked("a", 3))
		h.pull("3", "closed", true)
		c.given(h)
		_ = l.sweep(t.Context()) // which is the look's error
		if h.asks() != c.asked {
			t.Errorf("%s: asked for %q, want %q", name, h.asks(), c.asked)
		}
	}
}
