package backendtest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// What Harness.Environment gives: PLAN_TOKEN to plans and APPLY_TOKEN to applies.
const (
	PlanToken  = "canary-of-the-plan"
	ApplyToken = "canary-of-the-apply"
)

// T36, T40: each command gets its own secrets. An apply shows none of either
// kind; a plan does not know those of applies, not even to mask them.
func secrets(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc := Document("plan-0", Source(t, h.Artifacts, map[string]string{"app/main.tf": `
terraform {
  backend "local" {}
}
resource "terraform_data" "one" {
  input = ["` + PlanToken + `", "` + ApplyToken + `"]
  provisioner "local-exec" {
    command = "echo $${#PLAN_TOKEN}+$${#APPLY_TOKEN} ` + PlanToken + ` $APPLY_TOKEN"
  }
}
`}))
	doc.Environment = h.Environment(t)
	doc.Project.BackendConfig = map[string]string{"path": filepath.Join(Shared(t), "terraform.tfstate")}
	start(t, b, doc)
	planned := succeeded(t, inbox, doc.JobID)
	shown := output(t, h, planned)
	if strings.Contains(shown, PlanToken) || !strings.Contains(shown, ApplyToken) {
		t.Errorf("a plan shows its secret, or knows that of the apply:\n%s", shown)
	}
	apply := Apply(doc, planned)
	start(t, b, apply)
	shown = output(t, h, succeeded(t, inbox, apply.JobID))
	if strings.Contains(shown, "canary") || !strings.Contains(shown, fmt.Sprintf("0+%d (redacted) (redacted)", len(ApplyToken))) {
		t.Errorf("an apply shows a secret, or terraform was given another one than its own:\n%s", shown)
	}
}

func output(t *testing.T, h Harness, r run.Result) string {
	t.Helper()
	content, err := h.Artifacts.ReadAll(t.Context(), r.Artifacts[run.ArtifactOutput], 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
