package policy

import "fmt"

// mayApply: the server may keep applying in an environment to some of those who
// may write.
func mayApply(f Facts, p Project) Reason {
	switch {
	case len(p.Rules.Apply) == 0:
		return good("may_apply", "")
	case f.among(f.Actor, p.Rules.Apply):
		return good("may_apply", fmt.Sprintf("Who asks may apply in %s.", quote(p.Environment)))
	}
	return bad("may_apply", fmt.Sprintf("Only %s may apply in %s: ask one of them to comment `/apply`.", names(p.Rules.Apply), quote(p.Environment)))
}
