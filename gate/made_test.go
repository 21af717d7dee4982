package gate_test

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// Files that planning made are part of the plan that is applied: by digest, and never
// without them.
func TestT21AnApplyHasTheFilesOfItsPlan(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) { r.Approvals = 0 })
	n, _ := w.Open(double.Files{"live/dev/main.tf": root + "# changed\n"})
	changes := planned{Counts: run.Counts{Add: 1}, Made: &run.Made{Files: 1, Bytes: 9, Names: []string{"live/dev/x.zip"}}}
	plan := w.Plan(n, map[string]planned{"live-dev": changes})
	p, err := w.Apply(n)
	w.Allowed(p, err, "live-dev")
	made := plan.Jobs[0].Result.Artifacts[run.ArtifactMade]
	if got := p.Documents[0].Plan.Made; made.SHA256 == "" || got == nil || *got != made {
		t.Errorf("the apply gets %+v, the plan made %+v", got, made)
	}
	w.Check(w.Artifacts.Delete(t.Context(), made.Key))
	p, err = w.Apply(n)
	w.Refused(p, err, "plan_complete", "has expired")
}

func TestAPlanWhoseFilesCannotTravelIsNotApplied(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	w.Rules("dev", func(r *policy.Rules) { r.Approvals = 0 })
	n, _ := w.Open(double.Files{"live/dev/main.tf": root + "# changed\n"})
	w.Plan(n, map[string]planned{"live-dev": {Counts: run.Counts{Add: 1}, Made: &run.Made{
		Missed: 2, Missing: []run.MissedFile{{Name: "live/dev/x.zip", Why: run.MissedBytes}, {Name: "a`b", Why: run.MissedChanged}},
	}}})
	p, err := w.Apply(n)
	w.Refused(p, err, "plan_files", "`live/dev/x.zip` (with others more than 64 MiB)")
}
