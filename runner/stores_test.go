package runner

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// An engine may say where a job stores and what it claims. Where it does not, the
// keys are those of the job's run.
func TestWhereAJobStores(t *testing.T) {
	doc := run.JobDocument{RunID: "apply", JobID: "apply-0", Plan: &run.JobPlan{JobID: "plan-0"}}
	for _, row := range []struct {
		o                Options
		key, claim, plan string
		others           []string
	}{
		{Options{}, "runs/apply/apply-0.output.txt", "runs/plan/plan-0.applied", "runs/plan/plan-0.plan.tfplan", []string{"tasks/P:1/plan-0.plan.tfplan", "runs/plan/plan-1.plan.tfplan"}},
		{Options{Prefix: "tasks/A:2", Claim: "claims/x"}, "tasks/A:2/apply-0.output.txt", "claims/x", "tasks/P:1/plan-0.plan.tfplan", []string{"tasks/P:1/plan-1.plan.tfplan", "tasks/P:1/plan-0.output.txt"}},
	} {
		j := &job{options: row.o, doc: doc}
		if j.key(run.ArtifactOutput) != row.key || j.claimKey() != row.claim {
			t.Errorf("%+v: it stores %s and claims %s", row.o, j.key(run.ArtifactOutput), j.claimKey())
		}
		if !j.isOf("plan-0", run.Artifact{Key: row.plan}, run.ArtifactPlan) {
			t.Errorf("%s is not the plan", row.plan)
		}
		for _, other := range row.others {
			if j.isOf("plan-0", run.Artifact{Key: other}, run.ArtifactPlan) {
				t.Errorf("%s is the plan", other)
			}
		}
	}
}
