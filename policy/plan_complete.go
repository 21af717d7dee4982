package policy

// planComplete: a plan that failed or lost its file cannot be applied.
func planComplete(_ Facts, p Project) Reason {
	if p.Plan == nil || p.Plan.Complete {
		return good("plan_complete", "")
	}
	return bad("plan_complete", "The plan did not succeed, or its file is not kept any more: mend what the comment shows, and comment `/plan`.")
}
