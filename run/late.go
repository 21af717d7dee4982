package run

import "time"

// FreshFor is how long after it was asked for something that changes
// infrastructure may be begun: webhooks have come hours late, and servers have
// been down (T29). What the person saw then may have changed.
const FreshFor = 15 * time.Minute

const codeLate = "late"

// LateCommand refuses a command that was written, by GitHub's clock, too long before
// it was received; nil does not. When either is not known, it is too long.
func LateCommand(written, received time.Time) *Problem {
	if !written.IsZero() && !received.IsZero() && received.Sub(written) <= FreshFor {
		return nil
	}
	return &Problem{Code: codeLate, Message: "This command reached Lockkeeper more than 15 minutes after it was written, so nothing was done: what you " +
		"saw then may have changed. Look again, and comment it again."}
}

// Late refuses a run that was accepted too long ago, such as before the server
// was stopped.
func (r *Run) Late(now time.Time) *Problem {
	if !r.Kind.Traits().Fresh || now.Sub(r.CreatedAt) <= FreshFor {
		return nil
	}
	return &Problem{Code: codeLate, Message: "More than 15 minutes passed before Lockkeeper could begin with this, so nothing was done: what you " +
		"saw then may have changed. Look again, and ask again."}
}
