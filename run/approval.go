package run

import (
	"errors"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
)

// KindApproval is the kind of a job that waits until someone answers it
// (Backend.Approve, Backend.Reject) or its time limit passes. Its document has
// the plan that it is about. It runs no process. No run is of this kind: such a
// job stands between two others.
const KindApproval Kind = "approval"

// MaxApproval bounds the time limit of a job that waits for approval. The state
// machine deploy/aws/job.asl.json ends an execution a day later.
const MaxApproval = 7 * 24 * time.Hour

// Why an answer is not taken, beside ErrNotFound.
var (
	ErrAnswered   = errors.New("it was answered before, and otherwise")
	ErrUnanswered = errors.New("it ended before it was answered")
)

// Decision is what someone answered to a job that waits for approval. By and
// Reason are as they came: untrusted.
type Decision struct {
	Approved bool      `json:"approved"`
	By       string    `json:"by"` // login
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
}

// Decided is how a job ends that was answered.
func Decided(d Decision) Result {
	if d.Approved {
		return Result{Outcome: OutcomeSucceeded, Decision: &d}
	}
	return Result{Outcome: OutcomeFailed, Decision: &d, Problem: &Problem{
		Code:    "rejected",
		Message: "Rejected by " + markdown.Quote(d.By) + ", so nothing was applied. Comment `/plan` to begin again with a new plan.",
		Detail:  d.Reason,
	}}
}

// ApprovalExpired is how a job ends whose time limit passed before anyone
// answered.
func ApprovalExpired() Result {
	return Result{Outcome: OutcomeFailed, Problem: &Problem{
		Code:    "approval_expired",
		Message: "Nobody approved in time, so nothing was applied. Comment `/plan` to begin again with a new plan.",
	}}
}

// ApprovalCancelled is how a job ends that was cancelled or withdrawn before
// anyone answered.
func ApprovalCancelled() Result {
	return Result{Outcome: OutcomeCancelled, Problem: &Problem{
		Code:    "cancelled",
		Message: "Cancelled before anybody answered, so nothing was applied. Comment `/plan` to begin again with a new plan.",
	}}
}

// Takes reports why a decision does not count for a job that ended with r; nil
// when r came of it, or of the same one by someone else.
func (r Result) Takes(d Decision) error {
	switch {
	case r.Decision == nil:
		return ErrUnanswered
	case r.Decision.Approved != d.Approved:
		return ErrAnswered
	}
	return nil
}

// CheckLimit reports a job that would wait for approval without a time limit,
// or longer than MaxApproval.
func (d JobDocument) CheckLimit() error {
	limit := time.Duration(d.Limits.Seconds) * time.Second
	if d.Command == KindApproval && (limit <= 0 || limit > MaxApproval) {
		return fmt.Errorf("job %s would wait for approval for %d seconds, want 1 to %d", d.JobID, d.Limits.Seconds, int(MaxApproval.Seconds()))
	}
	return nil
}
