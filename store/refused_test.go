package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

// TestRefusedRunsAreTheNewestOfTheirPullRequests: who was planned since is not asked
// again.
func TestRefusedRunsAreTheNewestOfTheirPullRequests(t *testing.T) {
	s := fresh(t)
	put := func(id string, pull int, state run.State, code string) {
		t.Helper()
		r := aRun(id, "key "+id)
		r.PullRequest, r.State = pull, state
		if code != "" {
			r.Problem = &run.Problem{Code: code, Message: "x"}
		}
		must[bool](t)(s.CreateRun(t.Context(), r, nil))
	}
	put("1", 1, run.StateRefused, run.CodeConfig)
	put("2", 2, run.StateRefused, run.CodeConfig)
	put("3", 2, run.StateSucceeded, "")
	put("4", 3, run.StateRefused, "other")
	put("5", 4, run.StateSucceeded, "")
	put("6", 4, run.StateRefused, run.CodeConfig)
	var got []string
	for _, r := range must[[]run.Run](t)(s.RefusedRuns(t.Context(), aRun("x", "x").Repository.ID, run.CodeConfig)) {
		got = append(got, r.ID)
	}
	if d := cmp.Diff([]string{"1", "6"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
