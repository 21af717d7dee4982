package policy

import "fmt"

// appliesFromPullRequests: the server may keep an environment from being
// changed by commands.
func appliesFromPullRequests(_ Facts, p Project) Reason {
	if !p.Rules.NoApply {
		return good("applies", "")
	}
	return bad("applies", fmt.Sprintf("The server's config allows no apply in %s: comment `/apply` with the names of projects of other environments.", quote(p.Environment)))
}
