package report

import (
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

func unprepared(code string) func(*run.Run) {
	return func(r *run.Run) {
		r.State, r.PreparedAt, r.Problem = run.StateRefused, time.Time{}, &run.Problem{Code: code, Message: "Nothing is planned for it."}
	}
}

// What was planned or applied of a commit for one base says nothing about another.
func TestWhatWasPlannedForAnotherBaseDoesNotMakeTheCheckGreen(t *testing.T) {
	clean := func() *viewtest.Fixture {
		return viewtest.New("r1").Planned("network", "prod", viewtest.NoChange).Planned("app", "prod", viewtest.NoChange)
	}
	going := func(r *run.Run) { r.State, r.FinishedAt = run.StateRunning, time.Time{} }
	asked := viewtest.New("r2").Later(1).Planned("network", "prod", viewtest.NoChange).Into("release", func(r *run.Run) { r.Trigger, r.Selectors = run.TriggerComment, []string{"network"} })
	beingPlanned := viewtest.New("r2").Later(1).Into("release", going)
	beingPlanned.Job("network", "prod", run.JobRunning)
	for name, in := range map[string]view.Input{
		"its planning is refused":       clean().Then(viewtest.New("r2").Later(1).Into("release", unprepared("invalid_config"))),
		"nothing is planned for it":     clean().Then(viewtest.New("r2").Later(1).Into("release", unprepared(run.CodeBase))),
		"it is being planned":           clean().Then(beingPlanned),
		"one of two was planned for it": clean().Then(asked),
	} {
		t.Run(name, func(t *testing.T) {
			c, ok := ApplyCheck(at(in, nil))
			if !ok || c.Status != StatusQueued {
				t.Errorf("shown %t: %s %s %q", ok, c.Status, c.Conclusion, c.Title)
			}
		})
	}
}

// A comment about a base that nothing was planned for claims nothing of it.
func TestWhatWasPlannedForAnotherBaseIsSaid(t *testing.T) {
	for _, code := range []string{run.CodeBase, "invalid_config"} {
		in := viewtest.New("r1").Planned("network", "prod", viewtest.NoChange).Then(viewtest.New("r2").Later(1).Into("release", unprepared(code)))
		body := Comment(in)
		if strings.Contains(body, "**No changes**") || !strings.Contains(body, "**Not planned for `release`**") {
			t.Errorf("%s: %s", code, body)
		}
		if c, _ := CheckRun(at(in, nil)); c.Title != "Nothing was planned for release" {
			t.Errorf("%s: %s", code, c.Title)
		}
	}
}
