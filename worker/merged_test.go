package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// What nobody could find out about a merge is said once, and stays until it is known or
// someone says that it may stay so.
func TestThatNobodyKnowsWhatWasMergedIsSaidOnce(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.close(1, true)
		for range 2 {
			if err := f.worker.NotKnown(f.Context(), oneRepository, 1, ""); err != nil {
				t.Fatal(err)
			}
		}
		if said := f.replies(1); len(said) != 1 || !strings.Contains(said[0], "nobody knows whether the base branch is ahead of what runs") {
			t.Fatalf("said: %q", said)
		}
		f.over(1, run.Over{Merged: true, HeadSHA: "aaa", BaseRef: "main", Unplanned: []run.JobDocument{network}})
		if l := f.locks(); len(l.Left) != 2 || len(f.replies(1)) != 2 {
			t.Errorf("what is found out later: %+v, said %q", l.Left, f.replies(1))
		}
		if _, _, err := f.worker.Unlock(f.Context(), holderOf(1), []string{""}); err != nil {
			t.Fatal(err)
		}
		if l := f.locks(); len(l.Left) != 1 || l.Left[0].Unknown() {
			t.Errorf("left: %+v", l.Left)
		}
	})
}

// A look that comes late finds what another pull request has put right meanwhile.
func TestWhatAnotherOneAppliedSinceTheMergeIsNoUnplannedMerge(t *testing.T) {
	for name, c := range map[string]struct {
		apply  func(*workerFixture) // by another pull request
		merged time.Duration        // after that apply
		zero   bool                 // nobody knows when it was merged
		left   int
	}{
		"applied since":                   {apply: func(f *workerFixture) { f.applied(2) }, merged: -time.Hour, left: 0},
		"planned and empty since":         {apply: func(f *workerFixture) { f.untouched = []string{"network"}; f.empty(f.ask(run.KindPlan, 2)) }, merged: -time.Hour, left: 0},
		"planned since, and not applied":  {apply: func(f *workerFixture) { f.end(f.ask(run.KindPlan, 2), run.OutcomeSucceeded) }, merged: -time.Hour, left: 1},
		"applied of an older base branch": {apply: func(f *workerFixture) { f.behind = 1; f.applied(2) }, merged: -time.Hour, left: 1},
		"applied before":                  {apply: func(f *workerFixture) { f.applied(2) }, merged: time.Hour, left: 1},
		"applied within the same minute":  {apply: func(f *workerFixture) { f.applied(2) }, merged: -time.Second, left: 1},
		"merged nobody knows when":        {apply: func(f *workerFixture) { f.applied(2) }, zero: true, left: 1},
	} {
		t.Run(name, func(t *testing.T) {
			withApplies(t, func(f *workerFixture) {
				c.apply(f)
				over := run.Over{Merged: true, HeadSHA: "aaa", BaseRef: "main", MergedAt: time.Now().Add(c.merged), Unplanned: []run.JobDocument{network}}
				if c.zero {
					over.MergedAt = time.Time{}
				}
				f.over(1, over)
				if l := f.locks(); len(l.Left) != c.left || len(f.replies(1)) != c.left {
					t.Errorf("left: %+v, said %q", l.Left, f.replies(1))
				}
			})
		})
	}
}

// The comment says what has to be put right, so it follows when that ends.
func TestTheCommentFollowsWhenWhatIsLeftIsAccepted(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
		f.close(1, true)
		before := f.commentVersion(1)
		if _, _, err := f.worker.Unlock(f.Context(), holderOf(1), []string{"network"}); err != nil {
			t.Fatal(err)
		}
		if after := f.commentVersion(1); after <= before {
			t.Errorf("version %d of the comment, was %d", after, before)
		}
	})
}

// commentVersion is how often the comment of a pull request was to be brought up to date.
func (f *workerFixture) commentVersion(pull int) int {
	f.Helper()
	due, err := f.store.DueNotices(f.Context(), time.Now().Add(time.Hour), 1000)
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range due {
		if n.Kind == run.NoticeComment && n.PullRequest == pull {
			return n.Version
		}
	}
	return 0
}

// #2 is applied, #1 is merged unplanned, and #2 is merged at a head that lacks #1's change.
func TestAMergeOfAnOlderHeadPutsNothingRight(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.applied(2)
		time.Sleep(time.Hour)
		f.over(1, run.Over{Merged: true, HeadSHA: "bbb", BaseRef: "main", MergedAt: time.Now(), Unplanned: []run.JobDocument{network}})
		if l := f.locks(); len(l.Left) != 1 {
			t.Fatalf("before: %+v", l.Left)
		}
		time.Sleep(time.Hour)
		f.over(2, run.Over{Merged: true, HeadSHA: "aaa", BaseRef: "main", MergedAt: time.Now()})
		if l := f.locks(); len(l.Left) != 1 {
			t.Errorf("the merge of #2, applied 2 hours ago, took #1 off the list: %+v", l.Left)
		}
	})
}

// #1 is merged unplanned while the apply of #2 runs.
func TestAnApplyUnderWayPutsNothingRightThatWasMergedMeanwhile(t *testing.T) {
	withApplies(t, func(f *workerFixture) {
		f.end(f.ask(run.KindPlan, 2), run.OutcomeSucceeded)
		id := f.ask(run.KindApply, 2)
		time.Sleep(10 * time.Minute)
		f.over(1, run.Over{Merged: true, HeadSHA: "bbb", BaseRef: "main", MergedAt: time.Now(), Unplanned: []run.JobDocument{network}})
		if l := f.locks(); len(l.Left) != 1 {
			t.Fatalf("before: %+v", l.Left)
		}
		time.Sleep(10 * time.Minute)
		if r := f.end(id, run.OutcomeSucceeded); r.State != run.StateSucceeded {
			t.Fatal(r.State, r.Problem)
		}
		if l := f.locks(); len(l.Left) != 1 {
			t.Errorf("the apply that began before #1 was merged took it off the list: %+v", l.Left)
		}
	})
}

// #2 reads the base, takes 5 minutes to prepare, and comes out empty; #1 is merged meanwhile,
// and what it changed is found out later.
func TestAPlanThatReadTheBaseEarlierPutsNothingRight(t *testing.T) {
	var fx *workerFixture
	withWorker(t, func(ctx context.Context, r run.Run) (run.Preparation, error) {
		p, err := planAndApply(&fx)(ctx, r) // the base is read
		time.Sleep(5 * time.Minute)
		return p, err
	}, func(f *workerFixture) {
		fx = f
		f.untouched = []string{"network"}
		id := f.ask(run.KindPlan, 2)
		time.Sleep(time.Minute)
		mergedAt := time.Now()
		time.Sleep(10 * time.Minute)
		f.empty(id)
		f.over(1, run.Over{Merged: true, HeadSHA: "bbb", BaseRef: "main", MergedAt: mergedAt, Unplanned: []run.JobDocument{network}})
		if l := f.locks(); len(l.Left) != 1 {
			t.Errorf("a plan that read the base before the merge put it right: %+v", l.Left)
		}
	})
}
