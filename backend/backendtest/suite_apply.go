package backendtest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// applyScenarios is the part of the contract about jobs that change something.
var applyScenarios = map[string]func(*testing.T, Harness){
	"an apply applies its plan":                             apply,
	"a failing apply says why":                              failingApply,
	"a plan that was changed is not applied":                tamperedPlan,
	"an apply gets the files that its plan made":            madeFiles,
	"files of a plan that were changed are not taken":       tamperedFiles,
	"an apply that waits is cancelled at once":              cancelQueuedApply,
	"an apply is interrupted":                               cancelApply,
	"an apply that ignores the interrupt is killed":         cancelStubbornApply,
	"an apply that ends well after the interrupt has":       cancelTooLate,
	"an apply ends when its time is over":                   timeoutApply,
	"an apply that waits is withdrawn":                      withdrawQueued,
	"an apply that has not begun to change is withdrawn":    withdrawBefore,
	"an apply that changes something is not withdrawn":      withdrawDuring,
	"a withdrawn apply stays so after a restart":            withdrawRestarted,
	"a plan is withdrawn":                                   withdrawPlan,
	"an apply survives the engine":                          restartApply,
	"an apply is started once":                              duplicateApply,
	"an apply that was killed is interrupted, not redone":   lostApply,
	"so is one that was killed while nobody looked":         lostApplyUnseen,
	"one that was killed before it began changed nothing":   lostBefore,
	"one plan is not applied by two jobs":                   twoApplies,
	"a job that was killed leaves what terraform said last": lastWords,
	"plans and applies have secrets of their own":           secrets,
}

// realApply is a project whose apply can fail.
const realApply = `
terraform {
  backend "local" {}
}
variable "exit" {}
resource "terraform_data" "one" {
  provisioner "local-exec" {
    command = "exit ${var.exit}"
  }
}
`

// planned makes a plan with the real terraform and the job that applies it.
func planned(t *testing.T, h Harness, b run.Backend, inbox *Inbox, exit string) run.JobDocument {
	t.Helper()
	doc := Document("plan-0", Source(t, h.Artifacts, map[string]string{"app/main.tf": realApply}))
	doc.Flags = []string{"-var=exit=" + exit}
	doc.Project.BackendConfig = map[string]string{"path": filepath.Join(Shared(t), "terraform.tfstate")}
	start(t, b, doc)
	return Apply(doc, succeeded(t, inbox, doc.JobID))
}

// fakePlanned does so with the fake one. The signals are those of the apply.
func fakePlanned(t *testing.T, h Harness, b run.Backend, inbox *Inbox, id string) (doc run.JobDocument, s, init Signals) {
	t.Helper()
	s = NewSignals(t)
	s.Go(t)
	doc = Document(id, Source(t, h.Artifacts, FakeSource))
	doc.Project.Terraform, doc.Flags, doc.Project.BackendConfig = Fake, []string{s.Flag()}, s.BackendConfig()
	start(t, b, doc)
	return Apply(doc, succeeded(t, inbox, doc.JobID)), s.Apply(), s.Init()
}

func succeeded(t *testing.T, inbox *Inbox, id string) run.Result {
	t.Helper()
	r := inbox.Finished(t, id)
	if r.Outcome != run.OutcomeSucceeded {
		t.Fatalf("job %s: %+v, problem %+v", id, r, r.Problem)
	}
	return r
}

// serving is an engine that runs, and its messages.
func serving(t *testing.T, h Harness) (run.Backend, *Inbox) {
	t.Helper()
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	return b, inbox
}

func applies(t *testing.T, s Signals) {
	t.Helper()
	Eventually(t, "the apply runs", func() bool { return s.Runs() == 1 })
}

// wantBegan checks whether a result says that something may have been changed,
// and that it agrees with its sentence.
func wantBegan(t *testing.T, r run.Result, began bool) {
	t.Helper()
	if r.Began != began {
		t.Errorf("began: %v, want %v", r.Began, began)
	}
	if r.Problem == nil || began {
		return
	}
	if m := r.Problem.Message; !strings.Contains(strings.ToLower(m), "nothing was ") && !strings.Contains(m, "before anything was changed") {
		t.Errorf("it does not say that nothing was changed: %s", r.Problem.Message)
	}
}

func apply(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc := planned(t, h, b, inbox, "0")
	start(t, b, doc)
	r := succeeded(t, inbox, doc.JobID)
	wantBegan(t, r, true)
	out, err := h.Artifacts.ReadAll(t.Context(), r.Artifacts[run.ArtifactOutput], 1<<20)
	if err != nil || !strings.Contains(string(out), "Apply complete! Resources: 1 added") {
		t.Errorf("output: %v\n%s", err, out)
	}
	for _, m := range inbox.Of(doc.JobID) {
		if m.Fence != doc.Fence {
			t.Errorf("message without its fence: %+v", m)
		}
	}
}

func failingApply(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc := planned(t, h, b, inbox, "3")
	start(t, b, doc)
	r := inbox.Finished(t, doc.JobID)
	wantProblem(t, r, run.OutcomeFailed, "apply_failed")
	wantBegan(t, r, true)
	if !strings.Contains(r.Problem.Detail, "local-exec provisioner error") {
		t.Errorf("detail does not say why: %q", r.Problem.Detail)
	}
}

// planThatMakes makes a plan that leaves a file behind, and the job that applies it.
func planThatMakes(t *testing.T, h Harness, b run.Backend, inbox *Inbox) (doc run.JobDocument, s Signals) {
	t.Helper()
	s = NewSignals(t)
	s.Make(t)
	s.Go(t)
	doc = Document("plan-0", Source(t, h.Artifacts, FakeSource))
	doc.Project.Terraform, doc.Flags, doc.Project.BackendConfig = Fake, []string{s.Flag()}, s.BackendConfig()
	start(t, b, doc)
	doc = Apply(doc, succeeded(t, inbox, doc.JobID))
	if doc.Plan.Made == nil {
		t.Fatal("the plan stored no files")
	}
	return doc, s.Apply()
}

func madeFiles(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s := planThatMakes(t, h, b, inbox)
	s.Go(t)
	start(t, b, doc)
	r := succeeded(t, inbox, doc.JobID)
	out, err := h.Artifacts.ReadAll(t.Context(), r.Artifacts[run.ArtifactOutput], 1<<20)
	if err != nil || !strings.Contains(string(out), "made while planning") {
		t.Errorf("output: %v\n%s", err, out)
	}
}

func tamperedFiles(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s := planThatMakes(t, h, b, inbox)
	h.Tamper(t, *doc.Plan.Made)
	start(t, b, doc)
	r := inbox.Finished(t, doc.JobID)
	wantProblem(t, r, run.OutcomeFailed, "plan_changed")
	wantBegan(t, r, false)
	if s.Runs() != 0 {
		t.Error("terraform applied it")
	}
}

func tamperedPlan(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	h.Tamper(t, doc.Plan.File)
	start(t, b, doc)
	r := inbox.Finished(t, doc.JobID)
	wantProblem(t, r, run.OutcomeFailed, "plan_changed")
	wantBegan(t, r, false)
	if s.Runs() != 0 {
		t.Error("terraform applied it")
	}
}
