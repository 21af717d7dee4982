package run

import (
	"context"
	"time"
)

// Sink sends notices of some kinds to where people see them. What a notice says
// is read when it is sent.
type Sink interface {
	// Kinds are the kinds of notices that it sends; no other sink sends these.
	Kinds() []NoticeKind
	// Send sends one notice. It may be called any number of times with the same
	// one, also after an attempt of which nobody knows how it ended, and people see
	// one thing for it. A *RetryError or a *NotBeforeError asks for another attempt;
	// every other error is final, unless ctx is done.
	Send(ctx context.Context, n Notice) error
}

// RetryError is a reason to send a notice again. Those behind it in its queue
// wait, too.
type RetryError struct {
	Err error
	// After is the least time to wait; 0 leaves it to the sender.
	After time.Duration
	// Installation is true when everything that goes to the installation waits.
	Installation bool
}

func (e *RetryError) Error() string { return e.Err.Error() }

func (e *RetryError) Unwrap() error { return e.Err }

// NotBeforeError says that a notice may be sent at a time, and that nothing was
// sent. The same notice, added again meanwhile, may be more urgent: it does not wait.
type NotBeforeError struct {
	At  time.Time
	Err error
}

func (e *NotBeforeError) Error() string {
	return e.Err.Error() + " until " + e.At.UTC().Format(time.TimeOnly)
}

func (e *NotBeforeError) Unwrap() error { return e.Err }
