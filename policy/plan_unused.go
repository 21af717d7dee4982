package policy

// planUnused: a plan is given to one apply, ever, whatever became of it.
func planUnused(_ Facts, p Project) Reason {
	if p.Plan == nil || !p.Plan.Used {
		return good("plan_unused", "")
	}
	return bad("plan_unused", "The plan was already used by an apply, and a plan is applied once: comment `/plan` to see what is left to do.")
}
