package policy

import "fmt"

// newProjects: the head of a pull request must not choose whose role and secrets its
// code gets, so what only that names is applied where the server says so.
func newProjects(_ Facts, p Project) Reason {
	switch {
	case !p.HeadOnly:
		return good("new_projects", "")
	case p.Rules.NewProjects == NewApply:
		return good("new_projects", fmt.Sprintf("Only this pull request names it, and the server's config lets that be applied in %s.", quote(p.Environment)))
	}
	return bad("new_projects", "Only this pull request names this project, so it is applied after the merge: merge, then comment `/plan` and `/apply` on a pull request that changes it.")
}
