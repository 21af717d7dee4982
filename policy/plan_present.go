package policy

import "fmt"

// planPresent: an apply never plans (T23). The predicates about the plan say
// nothing when there is none.
func planPresent(f Facts, p Project) Reason {
	if p.Plan != nil {
		return good("plan_present", fmt.Sprintf("Planned at %s.", sha(f.HeadSHA)))
	}
	return bad("plan_present", fmt.Sprintf("There is no plan at %s: comment `/plan`.", sha(f.HeadSHA)))
}
