package aws_test

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// held starts a plan with the fake terraform and waits until it plans.
func (f *fixture) held(t *testing.T, e run.Backend, id string, doc run.JobDocument) (run.JobDocument, backendtest.Signals) {
	t.Helper()
	s := backendtest.NewSignals(t)
	doc.RunID, doc.JobID = run.RunOfJob(id), id
	doc.Project.Terraform, doc.Flags = backendtest.Fake, []string{s.Flag()}
	must0(t, e.Start(t.Context(), doc))
	backendtest.Eventually(t, "the plan runs", func() bool { return s.Runs() == 1 })
	return doc, s
}

func wantOne(t *testing.T, inbox *backendtest.Inbox, id string) {
	t.Helper()
	finished := 0
	for _, m := range inbox.Of(id) {
		if m.Kind == run.MessageFinished {
			finished++
		}
	}
	if finished != 1 {
		t.Errorf("%s ended %d times", id, finished)
	}
}

// T36: Spot takes machines. A plan is made again on another one, an apply never.
func TestT36_SpotTakesTheMachine(t *testing.T) {
	f := newFixture(t, emulator(t, 1))
	e, inbox := f.engine(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	empty := backendtest.Document("run-0", backendtest.Source(t, f.objects, backendtest.FakeSource))

	t.Run("of a plan", func(t *testing.T) {
		doc, s := f.held(t, e, "once-0", empty)
		f.Interrupt(t, doc.JobID)
		backendtest.Eventually(t, "the plan is made again", func() bool { return s.Runs() == 2 })
		if m := inbox.Of(doc.JobID); len(m) > 0 && m[len(m)-1].Kind == run.MessageFinished {
			t.Fatalf("it ended while it is made again: %+v", m[len(m)-1].Result)
		}
		s.Go(t)
		if r := inbox.Finished(t, doc.JobID); r.Outcome != run.OutcomeSucceeded || !s.Interrupted() {
			t.Errorf("interrupted %v, and then %+v", s.Interrupted(), r)
		}
		wantOne(t, inbox, doc.JobID)
	})
	t.Run("of a plan, each time", func(t *testing.T) {
		doc, s := f.held(t, e, "twice-0", empty)
		f.Interrupt(t, doc.JobID)
		backendtest.Eventually(t, "the plan is made again", func() bool { return s.Runs() == 2 })
		f.Interrupt(t, doc.JobID)
		r := inbox.Finished(t, doc.JobID)
		if r.Outcome != run.OutcomeFailed || r.Problem.Code != "interrupted" || !strings.Contains(r.Problem.Message, "comment `/plan`") {
			t.Errorf("%+v", r.Problem)
		}
		if _, kept := r.Artifacts[run.ArtifactOutput]; !kept || s.Runs() != 2 {
			t.Errorf("it ran %d times and left %v", s.Runs(), r.Artifacts)
		}
	})
	t.Run("of a plan that somebody cancels while it is made again", func(t *testing.T) {
		doc, s := f.held(t, e, "cancelled-0", empty)
		f.Interrupt(t, doc.JobID)
		backendtest.Eventually(t, "the plan is made again", func() bool { return s.Runs() == 2 })
		must0(t, e.Cancel(t.Context(), doc.JobID))
		if r := inbox.Finished(t, doc.JobID); r.Outcome != run.OutcomeCancelled || r.Problem.Code != "cancelled" {
			t.Errorf("%s: %+v", r.Outcome, r.Problem)
		}
		wantOne(t, inbox, doc.JobID)
	})
	t.Run("of an apply", func(t *testing.T) {
		doc, s := f.held(t, e, "apply-0", empty)
		s.Go(t)
		apply := backendtest.Apply(doc, inbox.Finished(t, doc.JobID))
		must0(t, e.Start(t.Context(), apply))
		backendtest.Eventually(t, "the apply runs", func() bool { return s.Apply().Runs() == 1 })
		f.Interrupt(t, apply.JobID)
		if r := inbox.Finished(t, apply.JobID); !r.Began || r.Outcome == run.OutcomeSucceeded {
			t.Errorf("%+v", r)
		}
		if s.Apply().Runs() != 1 {
			t.Errorf("it ran %d times", s.Apply().Runs())
		}
	})
	for principal, role := range map[string]string{"server": f.prefix + "-server", f.role("plan"): f.role("plan"), f.role("apply"): f.role("apply")} {
		for _, call := range f.Refused(t, principal, role) {
			t.Error(call)
		}
	}
}
