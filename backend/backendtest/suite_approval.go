package backendtest

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

// approvalScenarios is the part of the contract about jobs that wait for
// approval.
var approvalScenarios = map[string]func(*testing.T, Harness){
	"a job that waits is approved":                         approve,
	"a job that waits is rejected":                         reject,
	"a job that nobody answers ends when its time is over": expire,
	"a job that waits for approval is cancelled":           cancelApproval,
	"the first answer counts":                              answerTwice,
	"of two answers at once one counts":                    answersAtOnce,
	"a job that waits for approval survives the engine":    restartApproval,
	"so does its time limit":                               restartExpired,
	"an answer is kept while nobody looks":                 answerUnseen,
	"a job waits for approval once":                        duplicateApproval,
	"the end of a wait comes until it is taken":            duplicateEnd,
	"answering what does not wait":                         answerOther,
	"waiting without an end is refused":                    endless,
}

// Approval is a job that waits for approval for so many seconds.
func Approval(id string, seconds int) run.JobDocument {
	doc := Document(id, run.Artifact{})
	doc.Command, doc.Limits.Seconds = run.KindApproval, seconds
	return doc
}

const anHour = 3600

// waiting starts a job that waits for approval, and waits until that was told.
func waiting(t *testing.T, b run.Backend, inbox *Inbox, id string) run.JobDocument {
	t.Helper()
	doc := Approval(id, anHour)
	start(t, b, doc)
	if m := inbox.Await(t, id, run.MessageStarted, 1); m.Fence != doc.Fence || m.At.IsZero() {
		t.Errorf("message without fence or time: %+v", m)
	}
	return doc
}

func approved(by string) run.Result { return run.Decided(run.Decision{Approved: true, By: by}) }

func rejected(by, reason string) run.Result {
	return run.Decided(run.Decision{By: by, Reason: reason})
}

// wantEnd compares how a job ended with how it should have: in every engine by
// the same words.
func wantEnd(t *testing.T, got, want run.Result) {
	t.Helper()
	if got.Decision != nil {
		if got.Decision.At.IsZero() {
			t.Error("it does not say when it was answered")
		}
		d := *got.Decision
		d.At = want.Decision.At
		got.Decision = &d
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the end (-want +got):\n%s", diff)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func approve(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc := waiting(t, b, inbox, "run-0")
	next, s := hanging(t, h, b, "run-1") // it takes no other job's place
	s.Go(t)
	succeeded(t, inbox, next.JobID)
	wantError(t, "approving", b.Approve(t.Context(), doc.JobID, "octocat"), nil)
	m := inbox.Await(t, doc.JobID, run.MessageFinished, 1)
	wantEnd(t, *m.Result, approved("octocat"))
	if m.Fence != doc.Fence || m.At.IsZero() {
		t.Errorf("message without fence or time: %+v", m)
	}
}

func reject(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc := waiting(t, b, inbox, "run-0")
	const reason = "not on a Friday\n```\n@everyone `x`"
	wantError(t, "rejecting", b.Reject(t.Context(), doc.JobID, "octocat", reason), nil)
	r := inbox.Finished(t, doc.JobID)
	wantEnd(t, r, rejected("octocat", reason))
	wantBegan(t, r, false)
}

func expire(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc := Approval("run-0", 1)
	start(t, b, doc)
	r := inbox.Finished(t, doc.JobID)
	wantEnd(t, r, run.ApprovalExpired())
	wantBegan(t, r, false)
	wantError(t, "approving", b.Approve(t.Context(), doc.JobID, "octocat"), run.ErrUnanswered)
	wantError(t, "rejecting", b.Reject(t.Context(), doc.JobID, "octocat", ""), run.ErrUnanswered)
	cancel(t, b, doc.JobID)
}

func cancelApproval(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	doc, other := waiting(t, b, inbox, "run-0"), waiting(t, b, inbox, "run-1")
	cancel(t, b, doc.JobID)
	cancel(t, b, doc.JobID)
	withdraw(t, b, other.JobID)
	for _, id := range []string{doc.JobID, other.JobID} {
		r := inbox.Finished(t, id)
		wantEnd(t, r, run.ApprovalCancelled())
		wantBegan(t, r, false)
		wantError(t, "approving", b.Approve(t.Context(), id, "octocat"), run.ErrUnanswered)
	}
}

func answerTwice(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	yes, no := waiting(t, b, inbox, "run-0"), waiting(t, b, inbox, "run-1")
	for range 2 { // before it ended, and after
		wantError(t, "approving", b.Approve(t.Context(), yes.JobID, "octocat"), nil)
		wantError(t, "approving too", b.Approve(t.Context(), yes.JobID, "hubot"), nil)
		wantError(t, "rejecting after that", b.Reject(t.Context(), yes.JobID, "hubot", ""), run.ErrAnswered)
		wantError(t, "rejecting", b.Reject(t.Context(), no.JobID, "octocat", "no"), nil)
		wantError(t, "rejecting too", b.Reject(t.Context(), no.JobID, "hubot", "never"), nil)
		wantError(t, "approving after that", b.Approve(t.Context(), no.JobID, "hubot"), run.ErrAnswered)
		cancel(t, b, yes.JobID)
		withdraw(t, b, no.JobID)
		wantEnd(t, inbox.Finished(t, yes.JobID), approved("octocat"))
		wantEnd(t, inbox.Finished(t, no.JobID), rejected("octocat", "no"))
	}
}

func answersAtOnce(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	other := h.Open(t) // of another server
	doc := waiting(t, b, inbox, "run-0")
	var all sync.WaitGroup
	yes, no := make([]error, 4), make([]error, 4)
	for i := range yes {
		all.Go(func() { yes[i] = b.Approve(t.Context(), doc.JobID, "octocat") })
		all.Go(func() { no[i] = other.Reject(t.Context(), doc.JobID, "hubot", "no") })
	}
	all.Wait()
	taken, refused, want := yes, no, approved("octocat")
	if yes[0] != nil {
		taken, refused, want = no, yes, rejected("hubot", "no")
	}
	for i := range taken {
		wantError(t, "the answer that counts", taken[i], nil)
		wantError(t, "the other one", refused[i], run.ErrAnswered)
	}
	if err := b.Approve(t.Context(), doc.JobID, "octocat"); (err == nil) != (yes[0] == nil) {
		t.Errorf("approving at last: %v, and at first %v", err, yes[0])
	}
	wantEnd(t, inbox.Finished(t, doc.JobID), want)
}

func restartApproval(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc := waiting(t, b, inbox, "run-0")
	stop()
	if n := len(inbox.Of(doc.JobID)); n != 1 {
		t.Errorf("%d messages before it was answered: %+v", n, inbox.Of(doc.JobID))
	}
	b, inbox = serving(t, h)
	start(t, b, doc)
	wantError(t, "approving", b.Approve(t.Context(), doc.JobID, "octocat"), nil)
	wantEnd(t, inbox.Finished(t, doc.JobID), approved("octocat"))
}

func restartExpired(t *testing.T, h Harness) {
	b := h.Open(t)
	doc := Approval("run-0", 1)
	start(t, b, doc) // nobody runs b
	_, inbox := serving(t, h)
	wantEnd(t, inbox.Finished(t, doc.JobID), run.ApprovalExpired())
}

func answerUnseen(t *testing.T, h Harness) {
	b := h.Open(t)
	yes, no, gone := Approval("run-0", anHour), Approval("run-1", anHour), Approval("run-2", anHour)
	for _, doc := range []run.JobDocument{yes, no, gone} {
		start(t, b, doc) // nobody runs b
	}
	wantError(t, "approving", b.Approve(t.Context(), yes.JobID, "octocat"), nil)
	wantError(t, "rejecting", h.Open(t).Reject(t.Context(), no.JobID, "octocat", "no"), nil)
	cancel(t, b, gone.JobID)
	_, inbox := serving(t, h)
	wantEnd(t, inbox.Finished(t, yes.JobID), approved("octocat"))
	wantEnd(t, inbox.Finished(t, no.JobID), rejected("octocat", "no"))
	wantEnd(t, inbox.Finished(t, gone.JobID), run.ApprovalCancelled())
}

func duplicateApproval(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	stop := Serve(t, b, inbox)
	doc := waiting(t, b, inbox, "run-0")
	start(t, b, doc)
	other := doc
	other.Fence++
	if err := b.Start(t.Context(), other); err == nil {
		t.Error("the same job was taken with another fence")
	}
	wantError(t, "approving", b.Approve(t.Context(), doc.JobID, "octocat"), nil)
	wantEnd(t, inbox.Finished(t, doc.JobID), approved("octocat"))
	start(t, b, doc)
	stop()

	b = h.Open(t)
	Serve(t, b, inbox)
	start(t, b, doc)
	wantError(t, "rejecting", b.Reject(t.Context(), doc.JobID, "octocat", ""), run.ErrAnswered)
	next := Approval("run-1", anHour)
	start(t, b, next)
	cancel(t, b, next.JobID)
	inbox.Finished(t, next.JobID)
	for _, m := range inbox.Of(doc.JobID) {
		if m.Kind == run.MessageFinished {
			wantEnd(t, *m.Result, approved("octocat"))
		}
	}
}

func duplicateEnd(t *testing.T, h Harness) {
	b, inbox := h.Open(t), NewInbox()
	inbox.Refuse(func(m run.Message) bool { return m.Kind == run.MessageFinished })
	stop := Serve(t, b, inbox)
	doc := waiting(t, b, inbox, "run-0")
	wantError(t, "rejecting", b.Reject(t.Context(), doc.JobID, "octocat", "no"), nil)
	first := inbox.Await(t, doc.JobID, run.MessageFinished, 2)
	stop()
	_, again := serving(t, h)
	second := again.Await(t, doc.JobID, run.MessageFinished, 1)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the message changed (-first +second):\n%s", diff)
	}
}

func answerOther(t *testing.T, h Harness) {
	b, inbox := serving(t, h)
	for _, id := range []string{"run-9", "../run-0", ""} {
		wantError(t, "approving "+id, b.Approve(t.Context(), id, "octocat"), run.ErrNotFound)
		wantError(t, "rejecting "+id, b.Reject(t.Context(), id, "octocat", ""), run.ErrNotFound)
	}
	doc, s := hanging(t, h, b, "run-0")
	wantError(t, "approving a plan", b.Approve(t.Context(), doc.JobID, "octocat"), run.ErrNotFound)
	wantError(t, "rejecting a plan", b.Reject(t.Context(), doc.JobID, "octocat", ""), run.ErrNotFound)
	s.Go(t)
	succeeded(t, inbox, doc.JobID)
}

func endless(t *testing.T, h Harness) {
	b := h.Open(t)
	for _, seconds := range []int{0, -1, int(run.MaxApproval.Seconds()) + 1} {
		if err := b.Start(t.Context(), Approval("run-0", seconds)); err == nil {
			t.Errorf("a job that waits for %d seconds was taken", seconds)
		}
	}
	wantError(t, "approving", b.Approve(t.Context(), "run-0", "octocat"), run.ErrNotFound)
}
