package policy

import "fmt"

// branchCurrent: a branch that lacks what was merged meanwhile would undo it
// (T24).
func branchCurrent(f Facts, p Project) Reason {
	base := quote(f.BaseRef)
	then := "update the branch, and comment `/apply` when the new plan is shown."
	switch p.Rules.Current {
	case CurrentStrict:
		if f.Behind == 0 {
			return good("branch_current", fmt.Sprintf("The branch has every commit of %s.", base))
		}
		return bad("branch_current", fmt.Sprintf("The branch lacks %s of %s: %s", count(f.Behind, "commit"), base, then))
	case CurrentProject:
		if len(p.BaseChanged) == 0 {
			return good("branch_current", fmt.Sprintf("Nothing that the plan reads changed on %s since the branch took it in.", base))
		}
		return bad("branch_current", fmt.Sprintf("%s changed what the plan reads (%s): %s", base, quoteAll(p.BaseChanged), then))
	case CurrentOff:
		return good("branch_current", "")
	}
	return bad("branch_current", fmt.Sprintf("How current the branch must be is set to %s, which is not known: have the server's `current` corrected.", quote(string(p.Rules.Current))))
}
