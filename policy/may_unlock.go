package policy

import "fmt"

// mayUnlock: only who the server names takes a lock away from another pull
// request (T33).
func mayUnlock(f Facts, p Project) Reason {
	switch {
	case f.among(f.Actor, p.Rules.Unlock):
		return good("may_unlock", fmt.Sprintf("Who asks may release locks of other pull requests in %s.", quote(p.Environment)))
	case len(p.Rules.Unlock) == 0:
		return bad("may_unlock", "This lock is released from the pull request that holds it only: comment `/unlock` on "+holder(p)+".")
	}
	return bad("may_unlock", fmt.Sprintf("Only %s may release locks of other pull requests in %s: ask one of them, or comment `/unlock` on %s.",
		names(p.Rules.Unlock), quote(p.Environment), holder(p)))
}

func holder(p Project) string {
	if p.HeldBy <= 0 {
		return "the one that holds it"
	}
	return fmt.Sprintf("#%d", p.HeldBy)
}
