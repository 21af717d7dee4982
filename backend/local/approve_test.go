package local_test

import (
	"errors"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// What nobody noticed has happened all the same: the server was not there when
// the time limit passed.
func TestTheTimeLimitOfAnApprovalCountsFromItsStart(t *testing.T) {
	f := newFixture(t)
	doc := backendtest.Approval("run-0", 3600)
	if err := f.open(t).Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	f.options.Now = func() time.Time { return time.Now().Add(59 * time.Minute) }
	b, inbox := f.open(t), backendtest.NewInbox()
	stop := backendtest.Serve(t, b, inbox)
	inbox.Await(t, doc.JobID, run.MessageStarted, 1) // it still waits
	stop()

	f.options.Now = func() time.Time { return time.Now().Add(61 * time.Minute) }
	b, inbox = f.open(t), backendtest.NewInbox()
	if err := b.Approve(t.Context(), doc.JobID, "octocat"); !errors.Is(err, run.ErrUnanswered) {
		t.Errorf("approving after its time: %v", err)
	}
	backendtest.Serve(t, b, inbox)
	if r := inbox.Finished(t, doc.JobID); r.Problem == nil || r.Problem.Code != "approval_expired" {
		t.Errorf("result: %+v", r)
	}
}
