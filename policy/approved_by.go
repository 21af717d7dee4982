package policy

import "fmt"

// approvedByNamed: one approval is by somebody whom the server names.
func approvedByNamed(f Facts, p Project) Reason {
	if len(p.Rules.ApprovedBy) == 0 {
		return good("approved_by", "")
	}
	ok, not := approvedByOne(f, p, p.Rules.ApprovedBy)
	if ok {
		return good("approved_by", fmt.Sprintf("Somebody of %s approved.", names(p.Rules.ApprovedBy)))
	}
	if r, denies := pushedByUnknown("approved_by", f, not); denies {
		return r
	}
	if again := againOf(f, p, not); again != "" {
		return bad("approved_by", fmt.Sprintf("Nobody of %s approved what there is to apply%s. %s", names(p.Rules.ApprovedBy), notCounting(not), again))
	}
	return bad("approved_by", fmt.Sprintf("Nobody of %s approved %s%s: ask one of them to approve it.", names(p.Rules.ApprovedBy), sha(f.HeadSHA), notCounting(not))+
		f.unseen(p.Rules.ApprovedBy, "The server's config"))
}
