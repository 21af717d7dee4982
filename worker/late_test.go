package worker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// A server that was down must not apply in the morning what someone requested
// in the evening (T29).
func TestT29AnApplyThatWasAcceptedLongAgoIsRefused(t *testing.T) {
	for _, tt := range []struct {
		kind  run.Kind
		ago   time.Duration
		state run.State
	}{
		{run.KindApply, 14*time.Minute + 59*time.Second, run.StateRunning},
		{run.KindApply, 15*time.Minute + time.Second, run.StateRefused},
		{run.KindPlan, 24 * time.Hour, run.StateRunning},
	} {
		withApplies(t, func(f *workerFixture) {
			f.end(f.ask(run.KindPlan, 1), run.OutcomeSucceeded)
			r := run.Run{ID: "late", Key: "late", Kind: tt.kind, Trigger: run.TriggerComment, State: run.StateAccepted,
				Subject: run.Subject{Repository: run.Repository{ID: 7}, PullRequest: 1}, CreatedAt: time.Now().Add(-tt.ago)}
			if _, err := f.worker.Submit(f.Context(), r); err != nil {
				f.Fatal(err)
			}
			synctest.Wait()
			got := f.run("late")
			if got.State != tt.state || tt.state == run.StateRefused && got.Problem.Code != "late" {
				t.Errorf("%s of %s ago is %s: %v", tt.kind, tt.ago, got.State, got.Problem)
			}
			f.end("late", run.OutcomeSucceeded)
		})
	}
}
