package policy

// planUnused: a plan is given to one apply, ever, whatever became of it.
func planUnused(_ Facts, p Project) Reason {
	if p.Plan == nil || !p.Plan.Used {
		return good("plan_unused", "")
	}
	return bad("plan_unused", "The plan was given to an apply already, and a plan is applied once: comment `/plan` to see what is left to do.")
}
