package github

import (
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// When a plan was shown is GitHub's time of the comment that first had it whole.
func TestWhenAPlanWasShownIsNoted(t *testing.T) {
	b := newBench(t)
	r := b.planned(12)
	running := r
	running.State, running.FinishedAt = run.StateRunning, time.Time{}
	shownAt := func() time.Time {
		t.Helper()
		got, err := b.store.Run(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got.ShownAt
	}
	comment := run.RefreshComment(r.Repository, r.PullRequest)
	b.store.setRun(running, comment)
	b.drain()
	if at := shownAt(); !at.IsZero() {
		t.Errorf("a plan that goes on was shown at %s", at)
	}
	b.advance(90*time.Second + 400*time.Millisecond)
	want := b.now().Truncate(time.Second)
	b.store.setRun(r, comment)
	b.drain()
	if at := shownAt(); !at.Equal(want) {
		t.Errorf("shown at %s, want %s", at, want)
	}
	b.advance(time.Hour)
	b.store.put(comment)
	b.drain()
	if at := shownAt(); !at.Equal(want) {
		t.Errorf("shown once more at %s, want the first time", at)
	}
}

// A plan that is shown by what is there already was shown by now.
func TestAPlanThatLooksLikeTheOneBeforeIsShown(t *testing.T) {
	b := newBench(t)
	r := b.planned(12)
	comment := run.RefreshComment(r.Repository, r.PullRequest)
	b.store.setRun(r, comment)
	b.drain()
	b.advance(time.Minute)
	b.store.setRun(r, comment) // without the time, as a run of an earlier version
	calls := len(b.github.seen())
	b.drain()
	got, err := b.store.Run(t.Context(), r.ID)
	if err != nil || !got.ShownAt.Equal(b.now().Truncate(time.Second)) || len(b.github.seen()) != calls {
		t.Errorf("shown at %s with %d calls more, %v", got.ShownAt, len(b.github.seen())-calls, err)
	}
}

// What a plan destroys was not shown by a comment that had its counts alone.
func TestAPlanWithoutItsAddressesWasNotShown(t *testing.T) {
	b := newBench(t)
	r := b.planned(12)
	r.Jobs[0].Result.Counts = &run.Counts{Destroy: 2}
	delete(r.Jobs[0].Result.Artifacts, run.ArtifactSummary)
	b.store.setRun(r, run.RefreshComment(r.Repository, r.PullRequest))
	b.drain()
	if got, err := b.store.Run(t.Context(), r.ID); err != nil || !got.ShownAt.IsZero() {
		t.Errorf("shown at %s, %v", got.ShownAt, err)
	}
}
