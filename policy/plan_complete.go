package policy

// planComplete: a plan that failed, or whose file is lost or cannot be read, cannot
// be applied.
func planComplete(_ Facts, p Project) Reason {
	if p.Plan == nil || p.Plan.Complete {
		return good("plan_complete", "")
	}
	if p.Plan.Sealed {
		return bad("plan_complete", "The plan is encrypted with a key that the server does not have any more: comment `/plan`.")
	}
	return bad("plan_complete", "The plan did not succeed, or its file is not kept any more: fix what the comment shows, and comment `/plan`.")
}
