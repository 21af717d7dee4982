package policy

// planComplete: a plan that failed, or whose file is lost or cannot be read, cannot
// be applied.
func planComplete(f Facts, p Project) Reason {
	if p.Plan == nil || p.Plan.Complete {
		return good("plan_complete", "")
	}
	if !settled(f, p).OK {
		return bad("plan_complete", "The plan is being made: wait until it is shown.")
	}
	if p.Plan.Sealed {
		return bad("plan_complete", "The plan is encrypted with a key that the server does not have any more: comment `/plan`.")
	}
	return bad("plan_complete", "The plan did not succeed, or its file has expired: fix what the comment shows, and comment `/plan`.")
}
