package run

import "time"

// MaxCommandAge is how old a request may be when something that changes
// infrastructure begins: webhooks have come hours late, and servers have been down
// (T29). What the person saw then may have changed.
const MaxCommandAge = 15 * time.Minute

const codeTooOld = "late"

// CommandTooOld refuses a command that was written, by GitHub's clock, too long before
// it was received; nil does not. When either is not known, it is too long.
func CommandTooOld(written, received time.Time) *Problem {
	if !written.IsZero() && !received.IsZero() && received.Sub(written) <= MaxCommandAge {
		return nil
	}
	return &Problem{Code: codeTooOld, Message: "This command reached Lockkeeper more than 15 minutes after it was written, so nothing was done: what you " +
		"saw then may have changed. Look again, and comment it again."}
}

// TooOld refuses a run that was accepted too long ago, such as before the server
// was stopped.
func (r *Run) TooOld(now time.Time) *Problem {
	if !r.Kind.Traits().Fresh || now.Sub(r.CreatedAt) <= MaxCommandAge {
		return nil
	}
	return &Problem{Code: codeTooOld, Message: "More than 15 minutes passed before Lockkeeper could begin with this, so nothing was done: what you " +
		"saw then may have changed. Look again, and ask again."}
}
