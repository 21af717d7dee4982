package policy

import (
	"fmt"
	"slices"
	"strings"
)

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
	people := slices.DeleteFunc(slices.Clone(p.Owners), isAddress)
	if len(people) == 0 {
		return bad("code_owners", fmt.Sprintf("CODEOWNERS on %s names %s alone for %s, and Lockkeeper knows nobody by an e-mail address, so no approval counts there: name a user or team instead.",
			quote(f.BaseRef), names(p.Owners), quote(p.Dir)))
	}
	ok, not := approvedByOne(f, p, p.Owners)
	if ok {
		return good("code_owners", "A code owner approved.")
	}
	if r, denies := pushedByUnknown("code_owners", f, not); denies {
		return r
	}
	if again := againOf(f, p, not); again != "" {
		return bad("code_owners", fmt.Sprintf("No code owner approved what there is to apply%s. %s", notCounting(not), again))
	}
	return bad("code_owners", fmt.Sprintf("No code owner approved %s%s: ask one of %s to approve it.", sha(f.HeadSHA), notCounting(not), names(people))+
		f.unseen(p.Owners, "CODEOWNERS on "+quote(f.BaseRef)))
}

// isAddress reports whether an owner is an e-mail address.
func isAddress(owner string) bool { return strings.LastIndex(owner, "@") > 0 }
