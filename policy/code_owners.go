package policy

import "fmt"

// ownerApproved: an owner of the project's directory approves the commit. The
// owners are those of the base branch. A directory without owners has nobody
// who could approve it.
func ownerApproved(f Facts, p Project) Reason {
	if !p.Rules.CodeOwners {
		return good("code_owners", "")
	}
	dir := quote(p.Dir)
	if len(p.Owners) == 0 {
		return bad("code_owners", fmt.Sprintf("CODEOWNERS on %s names nobody for %s, where an owner has to approve: add its owners there.", quote(f.BaseRef), dir))
	}
	ok, discounted := approvedByOne(f, p, p.Owners)
	if ok {
		return good("code_owners", fmt.Sprintf("An owner of %s approved it.", dir))
	}
	return bad("code_owners", fmt.Sprintf("No owner of %s approved %s%s: ask one of %s to approve it.", dir, sha(f.HeadSHA), discounted, names(p.Owners)))
}
