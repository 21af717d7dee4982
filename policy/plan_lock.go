package policy

// planHeldLock: while a plan is made without the lock, what it is based on may
// be changed by who has it.
func planHeldLock(_ Facts, p Project) Reason {
	if p.Plan == nil || !p.Plan.Speculative {
		return good("plan_lock", "")
	}
	return bad("plan_lock", "The plan was made while another pull request held the lock: it is made again when the lock is free, or when you comment `/plan` then.")
}
