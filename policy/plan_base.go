package policy

import "fmt"

// planOfBase: in strict mode a plan is of the base branch as it is now. In
// project mode its base may be older, as long as nothing that the project can
// reach changed since: that is branchCurrent's question.
func planOfBase(f Facts, p Project) Reason {
	if p.Plan == nil || p.Rules.Current == CurrentProject || p.Rules.Current == CurrentOff {
		return good("plan_base", "")
	}
	if f.BaseSHA != "" && p.Plan.BaseSHA == f.BaseSHA {
		return good("plan_base", fmt.Sprintf("Planned with %s at %s.", quote(f.BaseRef), sha(f.BaseSHA)))
	}
	return bad("plan_base", fmt.Sprintf("Planned with %s at %s, which is at %s now: comment `/plan`.", quote(f.BaseRef), sha(p.Plan.BaseSHA), sha(f.BaseSHA)))
}
