package run

import (
	"context"
	"time"
)

// Backend executes jobs. There are two: local and aws.
//
// A Backend never decides whether a job may run, and never repeats one.
type Backend interface {
	// Start takes a job for execution and returns once it is durably taken, not
	// when it runs. It is idempotent: a second Start of the same job id and
	// fence, also after a restart of either side, starts nothing and returns
	// nil. An error means that the job was not taken and may be started again.
	Start(ctx context.Context, doc JobDocument) error

	// Cancel asks a job to end: interrupt, wait, kill. It returns at once; a
	// finished message follows when the job really ended, also for one that was
	// taken and never ran. It is idempotent, nil for a job that has ended, and
	// ErrNotFound for one that was never taken.
	Cancel(ctx context.Context, jobID string) error

	// Withdraw ends a job that has not begun to change anything: one that waits
	// is cancelled, one that runs stops before its mutating step begins, one whose
	// mutating step began goes on to its end. It returns at once, is idempotent,
	// and answers as Cancel does.
	Withdraw(ctx context.Context, jobID string) error

	// Approve answers a job that waits for approval (KindApproval), which then
	// succeeds; by is the login of who answers. It returns when the answer is
	// stored durably, also while nobody executes Run; a finished message follows.
	// The first answer counts: Approve is idempotent, nil for a job that was
	// approved, also by someone else, and ErrAnswered for one that was rejected.
	// It is ErrUnanswered for a job whose time limit passed or that was cancelled,
	// and ErrNotFound for one that was never taken or does not wait for approval.
	Approve(ctx context.Context, jobID, by string) error

	// Reject answers such a job, which then fails with the problem "rejected".
	// It answers as Approve does; a second reason does not count.
	Reject(ctx context.Context, jobID, by, reason string) error

	// Run delivers messages until ctx is done, then returns nil after its own
	// goroutines ended. Jobs go on when it returns: the next Run finds them.
	// Each message is delivered at least once, and again until deliver returns
	// nil; duplicates and reordering are the receiver's to handle.
	Run(ctx context.Context, deliver func(context.Context, Message) error) error
}

// MessageKind is what a message says.
type MessageKind string

// The messages that exist.
const (
	MessageWaiting  MessageKind = "waiting" // for a machine, since At: sent when that is long, or not at all
	MessageStarted  MessageKind = "started"
	MessageFinished MessageKind = "finished"
)

// Message is a job's report of its own state. Seq grows with each message of a
// job. That it started need not be reported of a job that is over at once.
type Message struct {
	JobID  string      `json:"job_id"`
	Fence  int64       `json:"fence"`
	Seq    int         `json:"seq"`
	Kind   MessageKind `json:"kind"`
	At     time.Time   `json:"at"`
	Until  time.Time   `json:"until,omitzero"`   // of waiting: when the engine ends a job that got no machine; zero when that is not known
	Result *Result     `json:"result,omitempty"` // of finished
}
