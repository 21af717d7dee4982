package gate_test

import (
	"errors"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestOnlyTheNamedMayPlanInAnEnvironment(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) { r.Plan = []string{"acme/production"} })
	n, sha := w.Open(change("other/main.tf"))
	p, err := w.Preparer.Prepare(t.Context(), w.NewRun(n, run.KindPlan))
	w.Refused(p, err, "may_plan", "acme/production", "`/plan`")
	p, err = w.Preparer.Prepare(t.Context(), w.NewRun(n, run.KindPlan, by("rui")))
	w.Check(err)
	w.Allowed(p, nil, "other")
	_, err = w.Preparer.Prepare(t.Context(), w.NewRun(n, run.KindPlan, func(r *run.Run) { r.Trigger, r.HeadSHA = run.TriggerPush, sha }))
	var silent *run.SilentRefusal
	if !errors.As(err, &silent) {
		t.Errorf("a push of somebody who may not plan: %v", err)
	}
	if w.Stored.Load() != 1 {
		t.Errorf("%d sources were stored", w.Stored.Load())
	}
	turn := w.NewRun(n, run.KindPlan, func(r *run.Run) { r.Trigger, r.Actor, r.Selectors = run.TriggerTurn, "", []string{"other"} })
	_, err = w.Preparer.Prepare(t.Context(), turn)
	if !errors.As(err, &silent) {
		t.Errorf("a turn of nobody: %v", err)
	}
	w.Runs = []run.Run{w.NewRun(n, run.KindPlan, by("rui"), func(r *run.Run) { r.Blocked = []run.Blocked{{Project: "other"}} })}
	p, err = w.Preparer.Prepare(t.Context(), turn)
	w.Check(err)
	w.Allowed(p, nil, "other")
}
