package policy

import "fmt"

// planPolicy: rules that people wrote judged the plan. Who overrides them is
// told, and the apply remembers it.
func planPolicy(f Facts, p Project) Reason {
	switch {
	case p.Plan == nil:
		return good("plan_policy", "")
	case !p.Plan.Judged:
		return bad("plan_policy", "The plan was not judged by plan policy: comment `/plan`.")
	case !p.Plan.Ruled:
		return good("plan_policy", "")
	case len(p.Plan.Denied) == 0:
		return good("plan_policy", "Plan policy has nothing against the plan.")
	}
	denied := quoteAll(p.Plan.Denied)
	switch {
	case f.Override && f.among(f.Actor, p.Rules.Override):
		return exception("plan_policy", fmt.Sprintf("%s overrides plan policy, which denies the plan (%s).", quote(f.Actor), denied))
	case len(p.Rules.Override) == 0:
		return bad("plan_policy", fmt.Sprintf("Plan policy denies the plan (%s): change the code and push.", denied))
	}
	return bad("plan_policy", fmt.Sprintf("Plan policy denies the plan (%s): change the code and push, or ask one of %s to comment `/apply override=policy`.",
		denied, names(p.Rules.Override)))
}
