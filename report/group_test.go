package report

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// What a plan warns of is shown for its project, and for no other.
func TestWarningsBelongToTheirProject(t *testing.T) {
	warned, failed, drifted := viewtest.NoChange, viewtest.NoChange, viewtest.NoChange
	warned.Warnings = []string{"Resource targeting is in effect"}
	failed.Checks = []run.CheckFinding{{Address: "check.health", Status: "fail", Message: "The page is down."}}
	drifted.Drift = []string{"aws_s3_bucket.logs"}
	in := viewtest.New("r1").Planned("a-dev", "dev", viewtest.NoChange).Planned("b-dev", "dev", viewtest.NoChange).Planned("c-prod", "prod", warned).
		Planned("d-prod", "prod", failed).Planned("e-prod", "prod", drifted).Planned("f-prod", "prod", drifted).Input()
	golden(t, "comment_findings", Comment(in))
}
