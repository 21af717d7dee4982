package backendtest

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

// Run runs the whole contract. newHarness makes one with nothing in it.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	scenarios := map[string]func(*testing.T, Harness){
		"a plan leaves its artifacts":                   plan,
		"a failing plan says why":                       failingPlan,
		"a job that waits is cancelled at once":         cancelQueued,
		"a running job is interrupted":                  cancelRunning,
		"a job that ignores the interrupt is killed":    cancelStubborn,
		"a job ends when its time is over":              timeout,
		"a running job survives the engine":             restart,
		"a job that waits survives the engine":          restartQueued,
		"a cancelled job stays so after a restart":      restartCancelled,
		"a job is started once":                         duplicateStart,
		"a message comes until it is taken":             duplicateMessages,
		"a source that was changed is not used":         tampered,
		"a runner that was killed is lost, not redone":  lost,
		"so is one that was killed while nobody looked": lostUnseen,
		"cancelling what does not exist or has ended":   cancelOther,
	}
	maps.Copy(scenarios, applyScenarios)
	maps.Copy(scenarios, approvalScenarios)
	for name, test := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newHarness(t))
		})
	}
}

// realPlan is a project that needs no provider.
var realPlan = map[string]string{"app/main.tf": `
resource "terraform_data" "one" {
  input = "first"
}
output "greeting" {
  value = "hello"
}
`}

func plan(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	doc := Document("run-0", Source(t, h.Artifacts, realPlan))
	start(t, b, doc)

	result := inbox.Finished(t, doc.JobID)
	if result.Outcome != run.OutcomeSucceeded {
		t.Fatalf("result: %+v", result)
	}
	if diff := cmp.Diff(&run.Counts{Add: 1, Outputs: 1}, result.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	for _, name := range []string{run.ArtifactPlan, run.ArtifactSummary, run.ArtifactOutput} {
		content, err := h.Artifacts.ReadAll(t.Context(), result.Artifacts[name], 1<<20)
		if err != nil || len(content) == 0 {
			t.Errorf("artifact %s: %d bytes, %v", name, len(content), err)
		}
	}
	messages := inbox.Of(doc.JobID)
	if last := messages[len(messages)-1]; last.Kind != run.MessageFinished || len(messages) > 2 {
		t.Errorf("messages: %+v", messages)
	}
	// That it started may be left out for a job that is over at once.
	if len(messages) == 2 && (messages[0].Kind != run.MessageStarted || messages[0].Seq >= messages[1].Seq) {
		t.Errorf("messages: %+v", messages)
	}
	for _, m := range messages {
		if m.Fence != doc.Fence || m.At.IsZero() {
			t.Errorf("message without fence or time: %+v", m)
		}
	}
}

func failingPlan(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	doc := Document("run-0", Source(t, h.Artifacts, map[string]string{
		"app/main.tf": `
variable "size" {
  default = 3
  validation {
    condition     = var.size < 2
    error_message = "The size must be small."
  }
}`}))
	start(t, b, doc)
	result := inbox.Finished(t, doc.JobID)
	wantProblem(t, result, run.OutcomeFailed, "plan_failed")
	if !strings.Contains(result.Problem.Detail, "The size must be small.") {
		t.Errorf("detail does not say why: %q", result.Problem.Detail)
	}
	if _, there := result.Artifacts[run.ArtifactPlan]; there {
		t.Error("a failed plan left a plan file")
	}
}

// hanging starts a job whose plan lasts until its signals say otherwise.
func hanging(t *testing.T, h Harness, b run.Backend, id string) (run.JobDocument, Signals) {
	t.Helper()
	s := NewSignals(t)
	doc := Document(id, Source(t, h.Artifacts, FakeSource))
	doc.Project.Terraform, doc.Flags = Fake, []string{s.Flag()}
	start(t, b, doc)
	return doc, s
}

func runs(t *testing.T, s Signals) {
	t.Helper()
	Eventually(t, "the plan runs", func() bool { return s.Runs() == 1 })
}

func cancelQueued(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	first, s := hanging(t, h, b, "run-0")
	runs(t, s)
	second, never := hanging(t, h, b, "run-1")
	cancel(t, b, second.JobID)
	wantProblem(t, inbox.Finished(t, second.JobID), run.OutcomeCancelled, "cancelled")
	if never.Runs() != 0 {
		t.Error("the cancelled job ran")
	}
	s.Go(t)
	if r := inbox.Finished(t, first.JobID); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("the other job: %+v", r)
	}
}

func cancelRunning(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	doc, s := hanging(t, h, b, "run-0")
	runs(t, s)
	cancel(t, b, doc.JobID)
	cancel(t, b, doc.JobID)
	wantProblem(t, inbox.Finished(t, doc.JobID), run.OutcomeCancelled, "cancelled")
	if !s.Interrupted() {
		t.Error("terraform got no interrupt")
	}
}

func cancelStubborn(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	s := NewSignals(t)
	s.Stubborn(t)
	doc := Document("run-0", Source(t, h.Artifacts, FakeSource))
	doc.Project.Terraform, doc.Flags = Fake, []string{s.Flag()}
	start(t, b, doc)
	runs(t, s)
	cancel(t, b, doc.JobID)
	wantProblem(t, inbox.Finished(t, doc.JobID), run.OutcomeCancelled, "cancelled")
	if !s.Interrupted() {
		t.Error("terraform was killed without an interrupt before")
	}
}

func timeout(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	s := NewSignals(t)
	doc := Document("run-0", Source(t, h.Artifacts, FakeSource))
	doc.Project.Terraform, doc.Flags, doc.Limits.Seconds = Fake, []string{s.Flag()}, 1
	start(t, b, doc)
	wantProblem(t, inbox.Finished(t, doc.JobID), run.OutcomeFailed, "timed_out")
}

func restart(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc, s := hanging(t, h, b, "run-0")
	runs(t, s)
	stop()

	b, inbox = h.Open(t), NewInbox()
	Serve(t, b, inbox)
	waiting, second := hanging(t, h, b, "run-1") // the survivor takes the only place
	start(t, b, doc)
	s.Go(t)
	if r := inbox.Finished(t, doc.JobID); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("the job that survived: %+v", r)
	}
	runs(t, second)
	second.Go(t)
	inbox.Finished(t, waiting.JobID)
	if s.Runs() != 1 {
		t.Errorf("terraform planned %d times", s.Runs())
	}
}

func restartQueued(t *testing.T, h Harness) {
	b := h.Open(t)
	doc, s := hanging(t, h, b, "run-0") // nobody runs b
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	runs(t, s)
	s.Go(t)
	if r := inbox.Finished(t, doc.JobID); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("the job: %+v", r)
	}
}

func restartCancelled(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc, s := hanging(t, h, b, "run-0")
	runs(t, s)
	stop()
	b, inbox = h.Open(t), NewInbox()
	cancel(t, b, doc.JobID) // before anybody runs it
	Serve(t, b, inbox)
	wantProblem(t, inbox.Finished(t, doc.JobID), run.OutcomeCancelled, "cancelled")
}

func duplicateStart(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc, s := hanging(t, h, b, "run-0")
	start(t, b, doc)
	runs(t, s)
	start(t, b, doc)
	other := doc
	other.Fence++
	if err := b.Start(t.Context(), other); err == nil {
		t.Error("the same job was taken with another fence")
	}
	s.Go(t)
	inbox.Finished(t, doc.JobID)
	start(t, b, doc)
	stop()

	b = h.Open(t)
	Serve(t, b, inbox)
	start(t, b, doc)
	next, s2 := hanging(t, h, b, "run-1")
	s2.Go(t)
	inbox.Finished(t, next.JobID)
	if s.Runs() != 1 {
		t.Errorf("terraform planned %d times", s.Runs())
	}
}

func duplicateMessages(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	inbox.Refuse(func(run.Message) bool { return true })
	stop := Serve(t, b, inbox)
	doc := Document("run-0", Source(t, h.Artifacts, realPlan))
	start(t, b, doc)
	first := inbox.Await(t, doc.JobID, run.MessageFinished, 2)
	stop()

	again := NewInbox()
	b = h.Open(t)
	stop = Serve(t, b, again)
	second := again.Await(t, doc.JobID, run.MessageFinished, 1)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the message changed (-first +second):\n%s", diff)
	}
	next := Document("run-1", doc.Source)
	start(t, b, next)
	again.Finished(t, next.JobID)
	stop()

	// What was taken does not come for ever.
	last := NewInbox()
	b = h.Open(t)
	Serve(t, b, last)
	next = Document("run-2", doc.Source)
	start(t, b, next)
	last.Finished(t, next.JobID)
	if m := last.Of(doc.JobID); len(m) > 0 {
		t.Errorf("messages that were taken came again: %+v", m)
	}
}

func tampered(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	doc := Document("run-0", Source(t, h.Artifacts, realPlan))
	h.Tamper(t, doc.Source)
	start(t, b, doc)
	wantProblem(t, inbox.Finished(t, doc.JobID), run.OutcomeFailed, "source_changed")
}

func lost(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	doc, s := hanging(t, h, b, "run-0")
	runs(t, s)
	h.KillRunner(t, doc.JobID)
	s.Go(t)
	wantProblem(t, inbox.Finished(t, doc.JobID), run.OutcomeFailed, "job_lost")
	start(t, b, doc)
	next, second := hanging(t, h, b, "run-1")
	second.Go(t)
	inbox.Finished(t, next.JobID)
	if s.Runs() != 1 {
		t.Errorf("terraform planned %d times", s.Runs())
	}
}

func lostUnseen(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc, s := hanging(t, h, b, "run-0")
	runs(t, s)
	stop()
	h.KillRunner(t, doc.JobID)
	s.Go(t)
	b, inbox = h.Open(t), NewInbox()
	start(t, b, doc)
	Serve(t, b, inbox)
	wantProblem(t, inbox.Finished(t, doc.JobID), run.OutcomeFailed, "job_lost")
	if s.Runs() != 1 {
		t.Errorf("terraform planned %d times", s.Runs())
	}
}

func cancelOther(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	Serve(t, b, inbox)
	for _, id := range []string{"run-9", "../run-0", ""} {
		if err := b.Cancel(t.Context(), id); !errors.Is(err, run.ErrNotFound) {
			t.Errorf("cancelling %q: %v", id, err)
		}
		if err := b.Withdraw(t.Context(), id); !errors.Is(err, run.ErrNotFound) {
			t.Errorf("withdrawing %q: %v", id, err)
		}
	}
	doc := Document("run-0", Source(t, h.Artifacts, realPlan))
	start(t, b, doc)
	inbox.Finished(t, doc.JobID)
	cancel(t, b, doc.JobID)
	withdraw(t, b, doc.JobID)
}

func start(t *testing.T, b run.Backend, doc run.JobDocument) {
	t.Helper()
	if err := b.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

func cancel(t *testing.T, b run.Backend, id string) {
	t.Helper()
	if err := b.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

func wantProblem(t *testing.T, r run.Result, outcome run.Outcome, code string) {
	t.Helper()
	if r.Outcome != outcome || r.Problem == nil || r.Problem.Code != code {
		t.Fatalf("want %s with the problem %s, got %+v, problem %+v", outcome, code, r, r.Problem)
	}
}
