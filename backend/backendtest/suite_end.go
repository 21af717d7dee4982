package backendtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

func cancelQueuedApply(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	_, first := hanging(t, h, b, "run-0")
	runs(t, first)
	start(t, b, doc)
	cancel(t, b, doc.JobID)
	r := inbox.Finished(t, doc.JobID)
	wantProblem(t, r, run.OutcomeCancelled, "cancelled")
	wantBegan(t, r, false)
	first.Go(t)
	inbox.Finished(t, "run-0")
	if s.Runs() != 0 {
		t.Error("terraform applied it")
	}
}

func cancelApply(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	start(t, b, doc)
	applies(t, s)
	cancel(t, b, doc.JobID)
	cancel(t, b, doc.JobID)
	r := inbox.Finished(t, doc.JobID)
	wantProblem(t, r, run.OutcomeFailed, "interrupted")
	wantBegan(t, r, true)
	if !s.Interrupted() || !strings.Contains(r.Problem.Message, "exited cleanly") {
		t.Errorf("interrupted %v: %s", s.Interrupted(), r.Problem.Message)
	}
}

func cancelStubbornApply(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	s.Stubborn(t)
	start(t, b, doc)
	applies(t, s)
	cancel(t, b, doc.JobID)
	r := inbox.Finished(t, doc.JobID)
	wantProblem(t, r, run.OutcomeFailed, "interrupted")
	wantBegan(t, r, true)
	if !s.Interrupted() || !strings.Contains(r.Problem.Message, "nobody knows how far it got") {
		t.Errorf("interrupted %v: %s", s.Interrupted(), r.Problem.Message)
	}
}

func cancelTooLate(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	s.Stubborn(t)
	start(t, b, doc)
	applies(t, s)
	cancel(t, b, doc.JobID)
	Eventually(t, "the interrupt", s.Interrupted)
	s.Go(t)
	wantBegan(t, succeeded(t, inbox, doc.JobID), true)
}

func timeoutApply(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	for limit := 1; ; limit *= 2 { // on a busy machine it takes a while to begin
		doc, s, _ := fakePlanned(t, h, b, inbox, fmt.Sprintf("plan%d-0", limit))
		doc.Limits.Seconds = limit
		start(t, b, doc)
		r := inbox.Finished(t, doc.JobID)
		wantProblem(t, r, run.OutcomeFailed, "timed_out")
		if !r.Began && s.Runs() == 0 && limit < 64 {
			continue
		}
		wantBegan(t, r, true)
		if !s.Interrupted() {
			t.Error("terraform got no interrupt")
		}
		return
	}
}

func withdrawQueued(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	_, first := hanging(t, h, b, "run-0")
	runs(t, first)
	start(t, b, doc)
	withdraw(t, b, doc.JobID)
	withdraw(t, b, doc.JobID)
	r := inbox.Finished(t, doc.JobID) // while the first one runs
	wantWithdrawn(t, r)
	first.Go(t)
	inbox.Finished(t, "run-0")
	if s.Runs() != 0 {
		t.Error("terraform applied it")
	}
}

func withdrawBefore(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, init := fakePlanned(t, h, b, inbox, "plan-0")
	init.Hold(t)
	start(t, b, doc)
	Eventually(t, "init runs", func() bool { return init.Runs() == 1 })
	withdraw(t, b, doc.JobID)
	init.Go(t)
	wantWithdrawn(t, inbox.Finished(t, doc.JobID))
	if s.Runs() != 0 {
		t.Error("terraform applied it")
	}
}

func withdrawDuring(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	start(t, b, doc)
	applies(t, s)
	withdraw(t, b, doc.JobID)
	s.Go(t)
	wantBegan(t, succeeded(t, inbox, doc.JobID), true)
	if s.Interrupted() {
		t.Error("it was interrupted")
	}
}

func withdrawRestarted(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc, s, _ := fakePlanned(t, h, b, inbox, "plan-0")
	stop()
	start(t, b, doc) // nobody runs b
	withdraw(t, b, doc.JobID)
	_, inbox = serving(t, h)
	wantWithdrawn(t, inbox.Finished(t, doc.JobID))
	if s.Runs() != 0 {
		t.Error("terraform applied it")
	}
}

func withdrawPlan(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, s := hanging(t, h, b, "run-0")
	runs(t, s)
	withdraw(t, b, doc.JobID)
	wantProblem(t, inbox.Finished(t, doc.JobID), run.OutcomeCancelled, "cancelled")
}

func withdraw(t *testing.T, b run.Backend, id string) {
	t.Helper()
	if err := b.Withdraw(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// wantWithdrawn accepts both words for it: which one is said depends on how far
// the job had come.
func wantWithdrawn(t *testing.T, r run.Result) {
	t.Helper()
	if r.Outcome != run.OutcomeCancelled || r.Problem == nil || r.Problem.Code != "cancelled" && r.Problem.Code != "withdrawn" {
		t.Fatalf("want it withdrawn, got %+v, problem %#v", r, r.Problem)
	}
	wantBegan(t, r, false)
}
