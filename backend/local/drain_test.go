package local_test

import (
	"context"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/run"
)

// Whoever runs the server where its jobs cannot outlive it, such as in a container,
// loses no plan, and no apply that ends in time.
func TestADrainedEngineHandsPlansBackAndWaitsForApplies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.options.Parallel = 2
	e, inbox := f.open(t).(*local.Engine), backendtest.NewInbox()
	stop := backendtest.Serve(t, e, inbox)

	apply, signals := f.heldApply(t, e, inbox)
	plan, planned := f.planning(t, e, "plan")
	later, last := f.planning(t, e, "later") // waits for a turn
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		e.Drain(t.Context())
	}()
	backendtest.Eventually(t, "the plan is ended", func() bool { return len(names(t, f.options.Dir+"/"+plan.JobID)) == 1 })
	select {
	case <-drained:
		t.Error("the apply was not waited for")
	default:
	}
	if signals.Interrupted() {
		t.Error("the apply was interrupted")
	}
	signals.Apply().Go(t)
	<-drained
	if r := inbox.Finished(t, apply.JobID); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("the apply: %+v", r.Problem)
	}
	stop()

	again := backendtest.NewInbox()
	backendtest.Serve(t, f.open(t), again)
	planned.Go(t)
	last.Go(t)
	for _, doc := range []run.JobDocument{plan, later} {
		if r := again.Finished(t, doc.JobID); r.Outcome != run.OutcomeSucceeded {
			t.Errorf("%s: %+v", doc.JobID, r.Problem)
		}
	}
	if n := planned.Runs(); n != 2 {
		t.Errorf("the plan ran %d times", n)
	}
}

// An apply that takes longer than the server may wait gets an interrupt, on which
// terraform stores what it made, and people are told why.
func TestADrainedEngineInterruptsAnApplyThatTakesTooLong(t *testing.T) {
	t.Parallel()
	a := newFixture(t).applying(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.engine.(*local.Engine).Drain(ctx)
	r := a.inbox.Finished(t, a.doc.JobID)
	if r.Problem == nil || !strings.Contains(r.Problem.Message, "The server had to stop") || !r.Began {
		t.Errorf("%+v", r)
	}
	if !a.terraform.Interrupted() {
		t.Error("terraform was not interrupted")
	}
}

// planning starts a plan that goes on until it is told to.
func (f *fixture) planning(t *testing.T, e run.Backend, name string) (run.JobDocument, backendtest.Signals) {
	t.Helper()
	signals := backendtest.NewSignals(t)
	doc := backendtest.Document(name+"-0", backendtest.Source(t, f.artifacts, backendtest.FakeSource))
	doc.Project.Terraform, doc.Flags = backendtest.Fake, []string{signals.Flag()}
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	if name != "later" {
		backendtest.Eventually(t, "the plan runs", func() bool { return signals.Runs() == 1 })
	}
	return doc, signals
}

// heldApply starts one that goes on until it is told to.
func (f *fixture) heldApply(t *testing.T, e run.Backend, inbox *backendtest.Inbox) (run.JobDocument, backendtest.Signals) {
	t.Helper()
	plan, signals := f.planning(t, e, "apply")
	signals.Go(t)
	apply := backendtest.Apply(plan, inbox.Finished(t, plan.JobID))
	if err := e.Start(t.Context(), apply); err != nil {
		t.Fatal(err)
	}
	backendtest.Eventually(t, "the apply runs", func() bool { return signals.Apply().Runs() == 1 })
	return apply, signals
}
