package store

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestAppliesThatAreOverAreListed(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	for i, r := range []struct {
		kind  run.Kind
		state run.State
		pull  int
	}{
		{run.KindApply, run.StateSucceeded, 3}, {run.KindPlan, run.StateSucceeded, 3}, {run.KindApply, run.StateFailed, 3},
		{run.KindApply, run.StateRunning, 3}, {run.KindApply, run.StateSucceeded, 4}, {run.KindPlan, run.StateFailed, 3},
	} {
		one := aRun(string(rune('1'+i)), string(rune('a'+i)))
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
