package policy

import (
	"fmt"
	"slices"
	"strings"
)

// approved: enough people other than those who wrote it approve the commit that
// is applied (T18, T19, T20).
func approved(f Facts, p Project) Reason {
	want := p.Rules.Approvals
	if want == 0 {
		return good("approvals", "")
	}
	counted, not := approvers(f, p)
	head, have := sha(f.HeadSHA), len(counted)
	switch {
	case want > 0 && have >= want:
		r := good("approvals", fmt.Sprintf("%d of %s of %s, by %s.", have, count(want, "approval"), head, quoteAll(counted))+p.less(counted))
		r.Note = strings.TrimSpace(p.less(counted))
		return r
	case want < 0:
		return bad("approvals", fmt.Sprintf("The server asks for %d approvals, which cannot be: have its `approvals` corrected.", want))
	case f.unattributed():
		return bad("approvals", fmt.Sprintf("No approval of %s counts, because it has %s by people whose GitHub account is not known, who may be the ones "+
			"that approve: have them add their e-mail address to their account, or recreate the commits, and comment `/apply`.", head, count(max(f.Unattributed, 1), "commit")))
	}
	if r, denies := pushedByUnknown("approvals", f, not); denies {
		return r
	}
	if again := approveAgain(not); again != "" {
		return bad("approvals", fmt.Sprintf("%d of %s of %s%s. %s", have, count(want, "approval"), head, notCounting(not), again))
	}
	return bad("approvals", fmt.Sprintf("%d of %s of %s%s: ask %s with write access who neither wrote nor pushed any of its commits to approve it.%s",
		have, count(want, "approval"), head, notCounting(not), people(want-have), f.requested()))
}

// requested names those whose review is requested already, as a sentence with a space in
// front: they are who most likely approves.
func (f Facts) requested() string {
	others := slices.DeleteFunc(slices.Clone(f.Requested), func(name string) bool { return strings.EqualFold(name, f.Author) })
	switch len(others) {
	case 0:
		return ""
	case 1:
		return " " + quoteAll(others) + " is asked to review."
	}
	return " " + quoteAll(others) + " are asked to review."
}

func people(n int) string {
	if n == 1 {
		return "somebody"
	}
	return fmt.Sprintf("%d people", n)
}
