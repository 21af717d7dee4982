package report

import (
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// into makes a run one of the same commit into another base branch.
func (f *fixture) into(base string, change func(*run.Run)) *fixture {
	f.run.BaseRef, f.run.Trigger = base, run.TriggerPush
	if change != nil {
		change(&f.run)
	}
	return f
}

func unprepared(code string) func(*run.Run) {
	return func(r *run.Run) {
		r.State, r.PreparedAt, r.Problem = run.StateRefused, time.Time{}, &run.Problem{Code: code, Message: "Nothing is planned for it."}
	}
}

// What was planned or applied of a commit for one base says nothing about another.
func TestWhatWasPlannedForAnotherBaseDoesNotMakeTheCheckGreen(t *testing.T) {
	clean := func() *fixture {
		return newFixture("r1").planned("network", "prod", noChange).planned("app", "prod", noChange)
	}
	going := func(r *run.Run) { r.State, r.FinishedAt = run.StateRunning, time.Time{} }
	asked := newFixture("r2").later(1).planned("network", "prod", noChange).into("release", func(r *run.Run) { r.Trigger, r.Selectors = run.TriggerComment, []string{"network"} })
	beingPlanned := newFixture("r2").later(1).into("release", going)
	beingPlanned.job("network", "prod", run.JobRunning)
	for name, v := range map[string]View{
		"its planning is refused":       clean().then(newFixture("r2").later(1).into("release", unprepared("invalid_config"))),
		"nothing is planned for it":     clean().then(newFixture("r2").later(1).into("release", unprepared(run.CodeBase))),
		"it is being planned":           clean().then(beingPlanned),
		"one of two was planned for it": clean().then(asked),
	} {
		t.Run(name, func(t *testing.T) {
			c, ok := ApplyCheck(at(v, nil))
			if !ok || c.Status != checkQueued {
				t.Errorf("shown %t: %s %s %q", ok, c.Status, c.Conclusion, c.Title)
			}
		})
	}
}

// A comment about a base that nothing was planned for claims nothing of it.
func TestWhatWasPlannedForAnotherBaseIsSaid(t *testing.T) {
	for _, code := range []string{run.CodeBase, "invalid_config"} {
		v := newFixture("r1").planned("network", "prod", noChange).then(newFixture("r2").later(1).into("release", unprepared(code)))
		body := Comment(v)
		if strings.Contains(body, "**No changes**") || !strings.Contains(body, "**Not planned for `release`**") {
			t.Errorf("%s: %s", code, body)
		}
		if c, _ := CheckRun(at(v, nil)); c.Title != "Nothing was planned for release" {
			t.Errorf("%s: %s", code, c.Title)
		}
	}
}
