package policy

import "fmt"

// planFresh: what a plan was made from changes behind its back.
func planFresh(f Facts, p Project) Reason {
	most := p.Rules.MaxPlanAge
	if p.Plan == nil || most == 0 {
		return good("plan_age", "")
	}
	if f.Now.IsZero() || f.Now.Sub(p.Plan.At) > most {
		return bad("plan_age", fmt.Sprintf("The plan is older than %s: comment `/plan`.", period(most)))
	}
	return good("plan_age", fmt.Sprintf("The plan is not older than %s.", period(most)))
}
