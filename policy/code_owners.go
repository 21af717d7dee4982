package policy

import "fmt"

// ownerApproved: an owner of the project's directory approves the commit. The
// owners are those of the base branch. A directory without owners has nobody
// who could approve it.
func ownerApproved(f Facts, p Project) Reason {
	if !p.Rules.CodeOwners {
		return good("code_owners", "")
	}
	if len(p.Owners) == 0 {
		return bad("code_owners", fmt.Sprintf("CODEOWNERS on %s names nobody for %s, where an owner has to approve: add its owners there.", quote(f.BaseRef), quote(p.Dir)))
	}
	ok, not := approvedByOne(f, p, p.Owners)
	if ok {
		return good("code_owners", "A code owner approved.")
	}
	if r, denies := pushedByAnybody("code_owners", f, not); denies {
		return r
	}
	if again := againOf(f, p, not); again != "" {
		return bad("code_owners", fmt.Sprintf("No code owner approved what there is to apply%s. %s", notCounting(not), again))
	}
	return bad("code_owners", fmt.Sprintf("No code owner approved %s%s: ask one of %s to approve it.", sha(f.HeadSHA), notCounting(not), names(p.Owners))+
		f.unseen(p.Owners, "CODEOWNERS on "+quote(f.BaseRef)))
}
