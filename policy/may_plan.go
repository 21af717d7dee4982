package policy

import "fmt"

// mayPlan: planning runs the branch's code with the environment's credentials,
// so the server may keep it to some. It holds for pushes, too, whose actor is
// who pushed, and then says nothing: one of the named can comment the command.
func mayPlan(f Facts, p Project) Reason {
	switch {
	case len(p.Rules.Plan) == 0:
		return good("may_plan", "")
	case f.among(f.Actor, p.Rules.Plan):
		return good("may_plan", fmt.Sprintf("Who asks may plan in %s.", quote(p.Environment)))
	}
	r := bad("may_plan", fmt.Sprintf("Only %s may plan in %s: ask one of them to comment `/plan`.", names(p.Rules.Plan), quote(p.Environment)))
	r.Silent = !f.ByPerson
	return r
}
