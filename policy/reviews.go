package policy

import (
	"fmt"
	"slices"
	"strings"
)

// deciding keeps each person's latest review that decides something. A comment
// does not replace an approval or a request for changes before it, as on
// GitHub's page, and a pending one is not given yet; whatever else comes later
// replaces what was before. Reviews of accounts that are gone stand alone,
// because they have no login in common.
func deciding(reviews []Review) []Review {
	at := make(map[string]int, len(reviews))
	out := make([]Review, 0, len(reviews))
	for _, r := range reviews {
		if r.State == "COMMENTED" || r.State == "PENDING" {
			continue
		}
		login := strings.ToLower(r.Login)
		if i, seen := at[login]; seen && login != "" {
			out[i] = r
			continue
		}
		at[login] = len(out)
		out = append(out, r)
	}
	return out
}

// discounted is a person whose approval does not count, and why: as the end of a
// clause, or as a sentence of its own where approving again is what helps.
type discounted struct{ login, why, again string }

// approvers are the people whose approval of a project's plan counts, and those
// whose approval does not. The reviews of f are the deciding ones.
//
// Approvals are bound to the head commit, by its SHA and never by time, and to what
// had been shown when they were given (Seen), or where the server says so to the
// commit alone. A plan that somebody made with terraform flags shows more than the
// commit says, and needs approvals that were given after it, always.
func approvers(f Facts, p Project) (counted []string, not []discounted) {
	for _, r := range f.Reviews {
		if r.State != "APPROVED" {
			continue
		}
		if why := uncounted(f, p, r); why != "" {
			not = append(not, discounted{login: r.Login, why: why})
			continue
		}
		if again := p.overtaken(r); again != "" {
			not = append(not, discounted{login: r.Login, again: again})
			continue
		}
		counted = append(counted, r.Login)
	}
	return counted, not
}

// uncounted says why an approval does not count; it is empty when it does
// (design, invariant 3).
func uncounted(f Facts, p Project, r Review) string {
	switch {
	case r.Login == "":
		return "has no account any more"
	case r.Bot:
		return "is no person"
	case f.HeadSHA == "" || r.Commit != f.HeadSHA:
		return "approved another commit"
	case f.Author == "":
		return "may have opened the pull request, whose author has no account any more"
	case strings.EqualFold(r.Login, f.Author):
		return "opened the pull request"
	case contains(f.Pushers, r.Login):
		return "pushed commits of it"
	case contains(f.Contributors, r.Login):
		return "wrote commits of it"
	case !writes(r.Permission):
		return "has no write access"
	case f.unattributed():
		return "may have written commits of it"
	case len(f.Pushers) == 0:
		return mayHavePushed
	case len(f.PushedFor) > 0:
		return mayHaveHadPushed
	case p.Plan != nil && len(p.Plan.Flags) > 0 && !r.At.After(p.Plan.At):
		return "approved before this plan was made with flags"
	}
	return ""
}

const (
	mayHavePushed    = "may have pushed it"
	mayHaveHadPushed = "may have had it pushed"
)

// pushedByUnknown denies when an approval would count if it were known who
// pushed the head. Another approval would not help.
func pushedByUnknown(predicate string, f Facts, not []discounted) (r Reason, denies bool) {
	had := func(why string) bool {
		return slices.ContainsFunc(not, func(d discounted) bool { return d.why == why })
	}
	if had(mayHaveHadPushed) {
		return bad(predicate, fmt.Sprintf("No approval of %s counts, because %s pushed commits of it and nobody knows who had that done, which may be who approves: "+
			"recreate these commits (`git rebase --force-rebase`), push them to another branch and open a pull request of that; or have your Lockkeeper administrator "+
			"list the account under `trusted_pushers`, if it pushes nothing that people tell it to.", sha(f.HeadSHA), quoteAll(f.PushedFor))), true
	}
	unknown := had(mayHavePushed)
	return bad(predicate, fmt.Sprintf("No approval of %s counts, because nothing in GitHub's activity of the branch says who pushed it, and that may be "+
		"who approves: have its author push a new commit, which may be empty, and have that one approved.", sha(f.HeadSHA))), unknown
}

// unattributed reports whether nobody can tell who wrote all the commits. A
// pull request has a commit, so somebody wrote one.
func (f Facts) unattributed() bool { return f.Unattributed != 0 || len(f.Contributors) == 0 }

// approvedByOne reports whether one of those whose approval counts is among the
// named ones; not are the named ones whose approval does not.
func approvedByOne(f Facts, p Project, named []string) (ok bool, not []discounted) {
	counted, not := approvers(f, p)
	if slices.ContainsFunc(counted, func(login string) bool { return f.among(login, named) }) {
		return true, nil
	}
	return false, slices.DeleteFunc(not, func(d discounted) bool { return !f.among(d.login, named) })
}

// notCounting says whose approval does not count and why, as the end of a
// clause; it is empty when there is none.
func notCounting(not []discounted) string {
	not = otherwise(not)
	if len(not) == 0 {
		return ""
	}
	var shown []string
	for _, d := range not[:min(len(not), listed)] {
		shown = append(shown, quote(d.login)+" "+d.why)
	}
	return ", not counting that " + andMore(shown, len(not))
}
