package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

func (u suite) TestARunIsCreatedOncePerKeyWithItsNotices(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	repo := run.Repository{ID: 7, Owner: "acme", Name: "infra"}
	eyes := run.ReactionTo(repo, 3, 99, "eyes")
	if !Must[bool](t)(s.CreateRun(ctx, Run("1", "k"), []run.Notice{eyes})) {
		t.Error("not added")
	}
	if Must[bool](t)(s.CreateRun(ctx, Run("2", "k"), []run.Notice{run.RefreshComment(repo, 3)})) {
		t.Error("the same key was added twice")
	}
	due := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 10))
	if len(due) != 1 || due[0].Kind != run.NoticeReaction || due[0].Content != "eyes" {
		t.Errorf("notices: %+v", due)
	}
	if got := Must[run.Run](t)(s.Run(ctx, "1")); cmp.Diff(Run("1", "k"), got) != "" {
		t.Errorf("got %+v", got)
	}
	if _, err := s.Run(ctx, "2"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func (u suite) TestAnUpdateThatFailsChangesNothing(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	Must[bool](t)(s.CreateRun(ctx, Run("1", "k"), nil))
	boom := errors.New("boom")
	_, err := s.UpdateRun(ctx, "1", func(r *run.Run) ([]run.Notice, error) {
		r.State = run.StateFailed
		return []run.Notice{run.RefreshCheck(*r)}, boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if got := Must[run.Run](t)(s.Run(ctx, "1")); got.State != run.StateAccepted {
		t.Errorf("state %s", got.State)
	}
	if due := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 10)); len(due) != 0 {
		t.Errorf("notices %v", due)
	}
	if _, err := s.UpdateRun(ctx, "none", nil); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func (u suite) TestUpdatesOfOneRunComeOneAfterTheOther(t *testing.T) {
	s := u.fresh(t)
	Must[bool](t)(s.CreateRun(t.Context(), Run("1", "k"), nil))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := s.UpdateRun(t.Context(), "1", func(r *run.Run) ([]run.Notice, error) {
				r.Behind++
				return nil, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := Must[run.Run](t)(s.Run(t.Context(), "1")); got.Behind != 50 {
		t.Errorf("%d updates stored, want 50", got.Behind)
	}
}

func (u suite) TestListsOfRuns(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	for _, id := range []string{"1", "2", "3"} {
		Must[bool](t)(s.CreateRun(ctx, Run(id, id), nil))
	}
	other := Run("4", "4")
	other.PullRequest = 8
	Must[bool](t)(s.CreateRun(ctx, other, nil))
	Must[run.Run](t)(s.UpdateRun(ctx, "2", func(r *run.Run) ([]run.Notice, error) { r.State = run.StateSucceeded; return nil, nil }))

	ids := func(runs []run.Run) (out []string) {
		for _, r := range runs {
			out = append(out, r.ID)
		}
		return out
	}
	if d := cmp.Diff([]string{"1", "3", "4"}, ids(Must[[]run.Run](t)(s.ActiveRuns(ctx)))); d != "" {
		t.Errorf("active (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"3", "2"}, ids(Must[[]run.Run](t)(s.PullRuns(ctx, 7, 3, 2)))); d != "" {
		t.Errorf("of the pull request (-want +got):\n%s", d)
	}
}

func (u suite) TestSweepForgetsOnlyWhatIsOldAndOver(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	for _, guid := range []string{"done", "open"} {
		Must[bool](t)(s.PutDelivery(ctx, Delivery(guid)))
	}
	if err := s.DoneDelivery(ctx, "done"); err != nil {
		t.Fatal(err)
	}
	final := Run("1", "final")
	final.State = run.StateSucceeded
	Must[bool](t)(s.CreateRun(ctx, final, nil))
	Must[bool](t)(s.CreateRun(ctx, Run("2", "active"), []run.Notice{run.RefreshComment(final.Repository, 3)}))
	if err := s.Sweep(ctx, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(ctx, "1"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("the final run is still there: %v", err)
	}
	Must[run.Run](t)(s.Run(ctx, "2"))
	if got := Must[[]run.Delivery](t)(s.PendingDeliveries(ctx, Noon, 9)); len(got) != 1 || got[0].GUID != "open" {
		t.Errorf("deliveries: %v", got)
	}
	if got := Must[[]run.Notice](t)(s.DueNotices(ctx, Noon, 9)); len(got) != 1 {
		t.Errorf("notices: %v", got)
	}
}

func (u suite) TestAppliesThatAreOverAreListed(t *testing.T) {
	s := u.fresh(t)
	for i, r := range []struct {
		kind  run.Kind
		state run.State
		pull  int
	}{
		{run.KindApply, run.StateSucceeded, 3}, {run.KindPlan, run.StateSucceeded, 3}, {run.KindApply, run.StateFailed, 3},
		{run.KindApply, run.StateRunning, 3}, {run.KindApply, run.StateSucceeded, 4}, {run.KindPlan, run.StateFailed, 3},
	} {
		one := Run(string(rune('1'+i)), string(rune('a'+i)))
		one.Kind, one.State, one.PullRequest = r.kind, r.state, r.pull
		if added, err := s.CreateRun(t.Context(), one, nil); err != nil || !added {
			t.Fatal(added, err)
		}
	}
	list := func(limit int) (out []string) {
		t.Helper()
		runs, err := s.PullApplies(t.Context(), 7, 3, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			out = append(out, r.ID)
		}
		return out
	}
	if diff := cmp.Diff([]string{"3", "1"}, list(10)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"3"}, list(4)); diff != "" { // of the newest four runs
		t.Error(diff)
	}
}

// TestRefusedRunsAreTheNewestOfTheirPullRequests: who was planned since is not asked
// again.
func (u suite) TestRefusedRunsAreTheNewestOfTheirPullRequests(t *testing.T) {
	s := u.fresh(t)
	put := func(id string, pull int, state run.State, code string) {
		t.Helper()
		r := Run(id, "key "+id)
		r.PullRequest, r.State = pull, state
		if code != "" {
			r.Problem = &run.Problem{Code: code, Message: "x"}
		}
		Must[bool](t)(s.CreateRun(t.Context(), r, nil))
	}
	put("1", 1, run.StateRefused, run.CodeConfig)
	put("2", 2, run.StateRefused, run.CodeConfig)
	put("3", 2, run.StateSucceeded, "")
	put("4", 3, run.StateRefused, "other")
	put("5", 4, run.StateSucceeded, "")
	put("6", 4, run.StateRefused, run.CodeConfig)
	var got []string
	for _, r := range Must[[]run.Run](t)(s.RefusedRuns(t.Context(), Run("x", "x").Repository.ID, run.CodeConfig)) {
		got = append(got, r.ID)
	}
	if d := cmp.Diff([]string{"1", "6"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func (u suite) TestRepositoriesAreThoseOfTheRunsTheNewestFirst(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	put := func(id string, repository int64, name string) {
		r := Run(id, id)
		r.Repository = run.Repository{ID: repository, Owner: "acme", Name: name, InstallationID: 5}
		Must[bool](t)(s.CreateRun(ctx, r, nil))
	}
	put("1", 7, "infra")
	put("2", 8, "other")
	put("3", 7, "renamed")
	want := []run.Repository{{ID: 7, Owner: "acme", Name: "renamed", InstallationID: 5}, {ID: 8, Owner: "acme", Name: "other", InstallationID: 5}}
	for limit := range 3 {
		got := Must[[]run.Repository](t)(s.Repositories(ctx, limit))
		if d := cmp.Diff(want[:limit], append([]run.Repository{}, got...)); d != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, d)
		}
	}
}

func (u suite) TestAChangeThatFailsLeavesTheJobs(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	Must[bool](t)(s.CreateRun(ctx, RunOfJobs(3), nil))
	boom := errors.New("boom")
	_, err := s.UpdateRunAndLocks(ctx, "1", func(r *run.Run, _ *run.Locks) (run.Saved, error) {
		r.Jobs = r.Jobs[:1]
		return run.Saved{}, boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if d := cmp.Diff(RunOfJobs(3), Must[run.Run](t)(s.Run(ctx, "1"))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
