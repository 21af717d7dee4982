package gate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// inOrderWorld has b after a, and a pull request that changes both.
func inOrderWorld(t *testing.T) (w *gateWorld, number int) {
	t.Helper()
	w = newGateWorld(t, double.Files{
		"lockkeeper.yml": "version: 1\nprojects:\n  - {name: a, dir: a, environment: dev}\n  - {name: b, dir: b, environment: dev, after: [a]}\n",
		"a/main.tf":      root, "b/main.tf": root,
	})
	number, _ = w.Open(double.Files{"a/main.tf": root + "#\n", "b/main.tf": root + "#\n"})
	return w, number
}

// Who plans and applies only b knows nothing of a, which comes first: what is there
// may not be what b builds upon.
func TestWhatComesFirstAndWasNeverPlannedComesFirst(t *testing.T) {
	w, n := inOrderWorld(t)
	plan := w.Plan(n, nil, naming("b"))
	if plan.Gate == nil || plan.Gate.Allowed || !strings.Contains(strings.Join(plan.Gate.Missing, " "), "`a` comes first") {
		t.Errorf("the plan says: %+v", plan.Gate)
	}
	p, err := w.Apply(n, naming("b"))
	w.Refused(p, err, "in_order", "`a` comes first and is not planned at", "comment `/plan`, then `/apply`, both without names")
	gate, err := w.Gate.Judge(t.Context(), plan)
	w.Check(err)
	if gate.Allowed || len(gate.Ready) > 0 {
		t.Errorf("judged: %+v", gate)
	}
	w.Plan(n, nil)
	p, err = w.Apply(n)
	w.Allowed(p, err, "a", "b")
}

// What was planned for another base says nothing of this one.
func TestWhatComesFirstIsPlannedForTheSameBase(t *testing.T) {
	w, n := inOrderWorld(t)
	w.Plan(n, map[string]planned{"a": {Keeping: run.StateKept}}, naming("a"))
	w.Plan(n, nil, naming("b"))
	p, err := w.Apply(n, naming("b"))
	w.Allowed(p, err, "b") // a changes nothing
	w.Runs[1].BaseRef = "release"
	p, err = w.Apply(n, naming("b"))
	w.Refused(p, err, "in_order", "`a` comes first and is not planned at")
}

// What was applied before the others were planned again is applied.
func TestAPlanOfTheRestKnowsWhatIsApplied(t *testing.T) {
	w, n := inOrderWorld(t)
	w.Rules("dev", approvals(1))
	first := w.Plan(n, nil, naming("a"))
	w.Review("rui", n, "APPROVE")
	p, err := w.Apply(n, naming("a"))
	w.Allowed(p, err, "a")
	apply := w.started(w.Commented(n, naming("a")), p)
	apply = w.Message(apply, apply.Jobs[0], run.Result{Outcome: run.OutcomeSucceeded, Began: true})
	w.Runs = append([]run.Run{apply}, w.Runs...)
	plan := w.Plan(n, nil, naming("b"))
	if said := strings.Join(plan.Gate.Missing, " "); strings.Contains(said, "comes first") {
		t.Errorf("%s is applied, and the plan of b says: %s", first.Jobs[0].Document.Project.Name, said)
	}
}

func TestTheOrderIsKeptWhereNothingElseIsAskedFor(t *testing.T) {
	w, n := inOrderWorld(t)
	w.Gate.Rules = map[string]policy.Rules{"dev": {Current: policy.CurrentOff}, "prod": {Current: policy.CurrentOff}}
	plan := w.Plan(n, nil)
	if plan.Gate != nil {
		t.Errorf("a plan of everything is in order, and the gate says %+v", plan.Gate)
	}
	if plan = w.Plan(n, nil, naming("b")); plan.Gate != nil {
		t.Errorf("a is planned, and the gate says %+v: what an apply of all does is in order", plan.Gate)
	}
	p, err := w.Apply(n, naming("b"))
	w.Refused(p, err, "in_order", "is not applied as a whole")
	if got := names(p); slices.Contains(got, "b") {
		t.Errorf("applies %v", got)
	}
}
