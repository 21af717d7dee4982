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

// A merge that GitHub did not confirm for an hour may be one, and its locks are looked
// at by the sweep; whether somebody planned it is nobody's to look at any more.
func TestAMergeThatGitHubDoesNotConfirmIsNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		now    PullNow
		merged bool
		want   string
	}{
		"merged, says the event":     {PullNow{Unanswered: true}, true, "not known 7/3"},
		"closed, says the event":     {PullNow{Unanswered: true}, false, ""},
		"GitHub shows no such thing": {PullNow{}, true, ""},
	} {
		f := newFixture(t, func(b *Base) {
			b.PullNow = func(context.Context, run.Repository, int, time.Time, time.Time) (PullNow, bool, error) {
				return c.now, false, nil
			}
		})
		f.deliver("e", "pull_request", pullEvent(t, "closed", func(e m) { e["pull_request"].(m)["merged"] = c.merged }))
		f.settle()
		if got := strings.Join(f.runs.asked, ","); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The sweep releases what a merge leaves, so it never comes back to it: one look has to
// do, or people have to know.
func TestTheSweepLooksAgainAtAMergeThatNobodyKnows(t *testing.T) {
	const look = `close 7/3 merged true at "aaa" into "main",unplanned 7/3 at "aaa" into "main"`
	unknown := run.Left{Holder: locked("", 3).Holder, Merged: true, At: noon.Add(-time.Hour)}
	for name, c := range map[string]struct {
		given func(*holding)
		asked string
	}{
		"the first look fails": {func(h *holding) { h.fails = errors.New("no answer") }, look + ",not known 7/3"},
		"it is known now":      {func(h *holding) { h.locks = run.Locks{Left: []run.Left{unknown}} }, look + `,unlock 3 [""]`},
		"it fails again": {func(h *holding) {
			h.locks, h.fails = run.Locks{Left: []run.Left{unknown}}, errors.New("no answer")
		}, look + ",not known 7/3"},
		"it will never be known": {func(h *holding) {
			h.locks, h.fails = run.Locks{Left: []run.Left{unknown}}, &run.Problem{Message: "no history"}
		}, look + ",not known 7/3"},
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
