package gate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/plandiff"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// Of the plans before the newest, those that do not count now are not listed, and one
// of them may be what the comment showed when somebody approved.
func TestWhatWasShownIsToldOfTheNewestPlansAlone(t *testing.T) {
	approved := time.Unix(10_000, 0)
	planned := func(id int, shown time.Duration, projects ...string) run.Run {
		r := run.Run{ID: fmt.Sprintf("%027d", id), Kind: run.KindPlan, State: run.StateSucceeded, HeadSHA: "h", BaseRef: "main", Selectors: projects,
			PreparedAt: approved.Add(shown), CreatedAt: approved.Add(shown), ShownAt: approved.Add(shown)}
		for i, name := range projects {
			r.Jobs = append(r.Jobs, run.Job{ID: run.JobID(r.ID, i), State: run.JobSucceeded, Result: &run.Result{}, Document: run.JobDocument{Project: run.JobProject{Name: name}}})
		}
		return r
	}
	first, between, latest := planned(1, -2*time.Minute, "a", "b"), planned(2, -time.Minute, "a"), planned(3, time.Minute, "a")
	all := []run.Run{latest, between, first}
	for i := range run.RecentRuns {
		all = slices.Insert(all, 0, planned(10+i, time.Hour, "c"))
	}
	listed := slices.Clone(all[:run.RecentRuns])
	var counted run.Counted
	for i, r := range all {
		if counted.Add(r) && i >= run.RecentRuns {
			listed = append(listed, r)
		}
	}
	destroys := plandiff.Plan{{Address: "t.a", Action: run.ActionDestroy}}
	now := run.ProjectStatus{Project: "a", PlanRun: latest, Plan: latest.Jobs[0]}
	for name, runs := range map[string][]run.Run{"all": all[run.RecentRuns:], "as listed": listed} {
		in := &input{
			data: &pullData{pull: pull.Facts{HeadSHA: "h", BaseRef: "main"}}, stored: stored{runs: runs},
			effects: map[string]plandiff.Plan{latest.Jobs[0].ID: destroys, between.Jobs[0].ID: nil, first.Jobs[0].ID: destroys},
		}
		seen, err := new(Keeper).seenBy(t.Context(), in, pull.Review{At: approved}, now)
		if err != nil || seen.Sight == policy.SawThis || seen.Sight == policy.SawOther && seen.Difference.Within() {
			t.Errorf("%s: who approved another plan saw this one: %+v, %v", name, seen, err)
		}
	}
}
