package backendtest

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

func restartApply(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	start(t, b, doc)
	applies(t, s)
	stop()

	b, inbox = serving(t, h)
	start(t, b, doc)
	s.Go(t)
	wantBegan(t, succeeded(t, inbox, doc.JobID), true)
	if s.Runs() != 1 {
		t.Errorf("terraform applied %d times", s.Runs())
	}
}

func duplicateApply(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	start(t, b, doc)
	start(t, b, doc)
	applies(t, s)
	start(t, b, doc)
	s.Go(t)
	succeeded(t, inbox, doc.JobID)
	start(t, b, doc)
	stop()

	b, inbox = serving(t, h)
	start(t, b, doc)
	next, second := hanging(t, h, b, "run-1")
	second.Go(t)
	inbox.Finished(t, next.JobID)
	if s.Runs() != 1 {
		t.Errorf("terraform applied %d times", s.Runs())
	}
}

func lostApply(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	start(t, b, doc)
	applies(t, s)
	h.KillRunner(t, doc.JobID)
	s.Go(t)
	r := inbox.Finished(t, doc.JobID)
	wantProblem(t, r, run.OutcomeFailed, "interrupted")
	wantBegan(t, r, true)
	start(t, b, doc)
	next, second := hanging(t, h, b, "run-1")
	second.Go(t)
	inbox.Finished(t, next.JobID)
	if s.Runs() != 1 {
		t.Errorf("terraform applied %d times", s.Runs())
	}
}

func lostApplyUnseen(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	start(t, b, doc)
	applies(t, s)
	stop()
	h.KillRunner(t, doc.JobID)
	s.Go(t)

	b = h.Open(t)
	start(t, b, doc)
	inbox = NewInbox()
	Serve(t, b, inbox)
	r := inbox.Finished(t, doc.JobID)
	wantProblem(t, r, run.OutcomeFailed, "interrupted")
	wantBegan(t, r, true)
	if s.Runs() != 1 {
		t.Errorf("terraform applied %d times", s.Runs())
	}
}

func lostBefore(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, init := fakePlanned(t, h, b, inbox, "plan-0")
	init.Hold(t)
	start(t, b, doc)
	Eventually(t, "init runs", func() bool { return init.Runs() == 1 })
	h.KillRunner(t, doc.JobID)
	init.Go(t)
	r := inbox.Finished(t, doc.JobID)
	wantProblem(t, r, run.OutcomeFailed, "interrupted")
	wantBegan(t, r, false)
	if s.Runs() != 0 {
		t.Error("terraform applied it")
	}
}

func twoApplies(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	s.Go(t)
	start(t, b, doc)
	succeeded(t, inbox, doc.JobID)
	other := doc
	other.RunID, other.JobID = "other", "other-0"
	start(t, b, other)
	r := inbox.Finished(t, other.JobID)
	wantProblem(t, r, run.OutcomeFailed, "plan_used")
	if r.Began || s.Runs() != 1 {
		t.Errorf("began %v, terraform applied %d times", r.Began, s.Runs())
	}
}

func lastWords(t *testing.T, h Harness) {
	if h.Forgets {
		t.Skip("the machine of a killed job is gone, and with it what lay on it")
	}
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	start(t, b, doc)
	applies(t, s)
	h.KillRunner(t, doc.JobID)
	s.Go(t)
	r := inbox.Finished(t, doc.JobID)
	out, err := h.Artifacts.ReadAll(t.Context(), r.Artifacts[run.ArtifactOutput], 1<<20)
	if err != nil || !strings.Contains(string(out), "resource: Creating...") || !strings.Contains(r.Problem.Detail, "resource: Creating...") {
		t.Errorf("%v, problem %+v, output:\n%s", err, *r.Problem, out)
	}
}
