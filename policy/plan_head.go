package policy

import "fmt"

// planOfHead: a plan is of one commit, and the pull request has moved on (T18,
// T23).
func planOfHead(f Facts, p Project) Reason {
	if p.Plan == nil || p.Plan.HeadSHA == f.HeadSHA && f.HeadSHA != "" {
		return good("plan_head", "")
	}
	return bad("plan_head", fmt.Sprintf("The plan is of %s and the pull request is at %s: comment `/plan`.", sha(p.Plan.HeadSHA), sha(f.HeadSHA)))
}
