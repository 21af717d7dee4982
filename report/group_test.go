package report

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// What a plan warns of is shown for its project, and for no other.
func TestWarningsBelongToTheirProject(t *testing.T) {
	warned, failed, drifted := noChange, noChange, noChange
	warned.Warnings = []string{"Resource targeting is in effect"}
	failed.Checks = []run.CheckFinding{{Address: "check.health", Status: "fail", Message: "The page is down."}}
	drifted.Drift = []string{"aws_s3_bucket.logs"}
	v := newFixture("r1").planned("a-dev", "dev", noChange).planned("b-dev", "dev", noChange).planned("c-prod", "prod", warned).
		planned("d-prod", "prod", failed).planned("e-prod", "prod", drifted).planned("f-prod", "prod", drifted).view()
	golden(t, "comment_findings", Comment(v))
}
