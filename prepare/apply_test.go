package prepare_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestAnApplyIsTheDocumentOfThePlanAndThePlan(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, sha := w.Open(double.Files{"modules/net/main.tf": "# changed\n"})
	plan := w.Plan(n, map[string]planned{"live-prod": {}}, func(r *run.Run) { r.Flags = []string{"-refresh=false", "-parallelism=2"} })
	w.Rules("dev", func(r *policy.Rules) { r.Approvals = 0 })
	p, err := w.Apply(n, by("rui"), func(r *run.Run) { r.Flags = []string{"-parallelism=7"} })
	w.Allowed(p, err, "live-dev")
	want := plan.Jobs[0].Document
	want.Plan = &run.JobPlan{
		JobID: plan.Jobs[0].ID, File: plan.Jobs[0].Result.Artifacts[run.ArtifactPlan], Binding: want.Binding(), Terraform: "Terraform 1.11.4",
	}
	want.Command, want.Actor, want.Flags = run.KindApply, "rui", []string{"-refresh=false", "-parallelism=7"}
	if diff := cmp.Diff(want, p.Documents[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if b := p.Documents[0].Binding(); b != want.Plan.Binding || want.Fence == 0 {
		t.Errorf("bound to %s, the plan to %s; fence %d", b, want.Plan.Binding, want.Fence)
	}
	if p.HeadSHA != sha || p.HeadRef != "topic" || p.BaseRef != "main" || p.BaseSHA != plan.BaseSHA || !slices.Equal(p.Unchanged, []string{"live-prod"}) {
		t.Errorf("got %+v", p)
	}
}
