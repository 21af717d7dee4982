package policy

import "fmt"

// lockHeld: only who holds a project's locks changes it (T32).
func lockHeld(f Facts, p Project) Reason {
	switch {
	case p.Applied && p.Plan != nil && p.Plan.Empty && !p.Plan.Used:
		return good("lock_held", "") // nothing is changed under it
	case p.Held && p.HeldBy == 0 && f.LockAtApply:
		return good("lock_held", "No other pull request holds the lock.")
	case p.Held && p.HeldBy == 0:
		return good("lock_held", "This pull request holds the lock.")
	case p.HeldBy > 0 && p.Place > 0:
		return bad("lock_held", fmt.Sprintf("#%d holds the lock and this pull request is number %d in the queue: it is planned again automatically when the lock is free; then comment `/apply`.", p.HeldBy, p.Place))
	case p.HeldBy > 0 && f.LockAtApply: // a plan takes no place in line, and what was applied there is not in it
		return bad("lock_held", fmt.Sprintf("#%d holds the lock: when it is released, which the merge there does, comment `/plan`, then `/apply`.", p.HeldBy))
	case p.HeldBy > 0:
		return bad("lock_held", fmt.Sprintf("#%d holds the lock: comment `/plan` to join the queue.", p.HeldBy))
	case p.Place > 0 && p.With != "":
		return bad("lock_held", fmt.Sprintf("%s is free; it is taken together with %s, which #%d holds: wait until both are planned again, or comment %s, which takes it alone.",
			quote(p.Name), quote(p.With), p.WithHeldBy, quote("/plan "+p.Name)))
	case p.Place > 1:
		return bad("lock_held", fmt.Sprintf("Nobody holds the lock, and this pull request is number %d in its queue: wait for the plan that is made with it, then comment `/apply`.", p.Place))
	case p.Place > 0:
		return bad("lock_held", "Nobody holds the lock, and this pull request is next in its queue: wait for the plan that is made with it, or comment `/plan`; then comment `/apply`.")
	}
	return bad("lock_held", "This pull request does not hold the lock: comment `/plan` to take it.")
}
