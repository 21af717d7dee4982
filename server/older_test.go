package server

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// What nothing plans by itself is not shown as if it were planned: the comment of an
// earlier commit says so.
func TestAPushThatNothingPlansMakesTheCommentOld(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*Base)
		planned bool
		draft   bool
		now     PullNow
		want    bool
	}{
		"it was planned":                    {func(b *Base) { b.Autoplan = false }, true, false, PullNow{HeadSHA: "bbb"}, true},
		"a draft":                           {func(*Base) {}, true, true, PullNow{HeadSHA: "bbb"}, true},
		"a draft that is planned by itself": {func(b *Base) { b.Drafts = true }, true, true, PullNow{HeadSHA: "bbb"}, false},
		"it is planned by itself":           {func(*Base) {}, true, false, PullNow{HeadSHA: "bbb"}, false},
		"nothing was planned":               {func(b *Base) { b.Autoplan = false }, false, false, PullNow{HeadSHA: "bbb"}, false},
		"it is closed":                      {func(b *Base) { b.Autoplan = false }, true, false, PullNow{HeadSHA: "bbb", Closed: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, tt.change)
			if tt.planned {
				f.deliver("c", "issue_comment", comment(t, "/plan"))
				f.settle()
			}
			*f.now = tt.now
			f.deliver("e", "pull_request", pullEvent(t, "synchronize", func(e m) { e["pull_request"].(m)["draft"] = tt.draft }))
			f.settle()
			if got := slices.Contains(f.runs.asked, "pushed 7/3 bbb"); got != tt.want {
				t.Errorf("told %t, want %t: %q", got, tt.want, f.runs.asked)
			}
		})
	}
}

// What was merged is looked at, whether it was planned or not and wherever it came from:
// but not what GitHub does not show as merged.
func TestAMergeIsLookedAtForWhatNobodyPlanned(t *testing.T) {
	const told = `unplanned 7/3 at "aaa" into "main"`
	for name, tt := range map[string]struct {
		now  PullNow
		fork bool
		want bool
	}{
		"merged":             {PullNow{HeadSHA: "aaa", BaseRef: "main", Closed: true, Merged: true}, false, true},
		"closed":             {PullNow{HeadSHA: "aaa", BaseRef: "main", Closed: true}, false, false},
		"open, says GitHub":  {PullNow{HeadSHA: "aaa", BaseRef: "main"}, false, false},
		"merged from a fork": {PullNow{HeadSHA: "aaa", BaseRef: "main", Closed: true, Merged: true}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.runs.unplanned = []run.JobDocument{{Project: run.JobProject{Name: "network"}}}
			*f.now = tt.now
			f.deliver("e", "pull_request", pullEvent(t, "closed", func(e m) {
				if tt.fork {
					e["pull_request"].(m)["head"].(m)["repo"] = m{"id": 8}
				}
			}))
			f.settle()
			if got := slices.Contains(f.runs.asked, told); got != tt.want || slices.Contains(f.runs.asked, "not planned: network") != tt.want {
				t.Errorf("told %t, want %t: %q", got, tt.want, f.runs.asked)
			}
		})
	}
}

// Whoever waits for the locks does not wait for what GitHub and git have to say.
func TestALookAtAMergeThatFailsReleasesLocksAndComesAgain(t *testing.T) {
	f := newFixture(t)
	f.runs.fails = errors.New("GitHub does not answer")
	*f.now = PullNow{HeadSHA: "aaa", BaseRef: "main", Closed: true, Merged: true}
	f.deliver("e", "pull_request", pullEvent(t, "closed", func(m) {}))
	f.settle()
	want := []string{`close 7/3 merged true at "aaa" into "main"`, `unplanned 7/3 at "aaa" into "main"`}
	if !slices.Equal(f.runs.asked, want) {
		t.Errorf("%q, want the release before the look", f.runs.asked)
	}
	if waiting, err := f.store.PendingDeliveries(t.Context(), noon.Add(time.Hour), 10); err != nil || len(waiting) != 1 {
		t.Errorf("it does not come again: %v, %v", waiting, err)
	}
}
