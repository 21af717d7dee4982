package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/plandiff"
)

// ApprovalOf says what an approval is of.
type ApprovalOf string

// What an approval may be of. Anything else is the first one.
const (
	ApprovalOfPlan   ApprovalOf = "plan"   // the plan that was shown when it was given, and whatever does no more than that one
	ApprovalOfCommit ApprovalOf = "commit" // the head commit, whatever its plans are
)

// Sight is what somebody had been shown of a project when they approved.
type Sight string

// What there may have been to see. Anything else is the first one.
const (
	SawNothing   Sight = ""
	SawThis      Sight = "this"      // this very plan
	SawOther     Sight = "other"     // another whole plan; Difference tells in what
	SawPart      Sight = "part"      // a plan that looked at less than everything
	SawFailure   Sight = "failure"   // that planning it had failed
	SawBase      Sight = "base"      // the plan for another base branch, What
	SawElsewhere Sight = "elsewhere" // the plan for another environment, What, or of another configuration of it
	SawUnknown   Sight = "unknown"   // a plan that cannot be compared any more
)

// Seen is what somebody who approved had been shown of a project's plan at the
// head commit, the newest before the approval.
type Seen struct {
	Sight      Sight
	Difference plandiff.Difference // from that plan to the one that there is now
	What       string
}

// covers reports whether what was seen holds everything that the plan does now.
func (s Seen) covers() bool {
	return s.Sight == SawThis || s.Sight == SawOther && s.Difference.Within()
}

// overtaken says why an approval is of something else than the project's plan, as
// a sentence without the name of who gave it, that %s stands for; it is empty when
// the approval is of the plan. A project without a plan that can be applied has no
// approval to give: other reasons say what it lacks.
func (p Project) overtaken(r Review) string {
	if p.Rules.ApprovalOf == ApprovalOfCommit || p.Plan == nil || !p.Plan.Complete {
		return ""
	}
	seen := p.Seen[strings.ToLower(r.Login)]
	if seen.covers() {
		return ""
	}
	const again = ". Approve again: the plan came after your approval."
	switch seen.Sight {
	case SawOther:
		return "Since %s approved, the plan changed: it " + escape(seen.Difference.Words()) + ". Approve again if that is right."
	case SawPart:
		return "%s approved when a partial plan was shown" + again
	case SawFailure:
		return "%s approved when planning had failed" + again
	case SawBase:
		return "%s approved the plan for " + escape(quote(seen.What)) + ", and the base is another one now" + again
	case SawElsewhere:
		return "%s approved a plan for environment " + escape(quote(seen.What)) + ", or for another account, workspace or state than now" + again
	case SawUnknown:
		return "%s approved an earlier plan, which cannot be compared with this one any more" + again
	}
	if !p.Plan.Shown {
		return "%s approved, and it is not known that this plan was shown before. Comment `/plan`, and approve again when it is shown."
	}
	return "%s approved before this was planned" + again
}

func escape(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// approveAgain are the sentences about approvals that are of something else than
// the plan; it is empty when there are none.
func approveAgain(not []discounted) string {
	var sentences []string
	who := map[string][]string{}
	for _, d := range not {
		if d.again == "" {
			continue
		}
		if who[d.again] == nil {
			sentences = append(sentences, d.again)
		}
		who[d.again] = append(who[d.again], d.login)
	}
	for i, s := range sentences[:min(len(sentences), listed)] {
		sentences[i] = fmt.Sprintf(s, quoteAll(who[s]))
	}
	return strings.Join(sentences[:min(len(sentences), listed)], " ")
}

// againOf is approveAgain for those whom another rule than the number of approvals
// asks for. What that one says already is not said twice.
func againOf(f Facts, p Project, not []discounted) string {
	again := approveAgain(not)
	if again != "" && !approved(f, p).OK {
		return "Approve again when the plan is what you want."
	}
	return again
}

// less says that people approved more than the plan does now, as a sentence with a
// space in front; it is empty when it is what they saw.
func (p Project) less(counted []string) string {
	for _, login := range counted {
		if d := p.Seen[strings.ToLower(login)].Difference; p.Rules.ApprovalOf != ApprovalOfCommit && len(d.Removed) > 0 {
			return fmt.Sprintf(" Since %s approved, the plan was made again and does less: it %s.", quote(login), d.Words())
		}
	}
	return ""
}

// otherwise are those whose approval does not count for another reason.
func otherwise(not []discounted) []discounted {
	return slices.DeleteFunc(slices.Clone(not), func(d discounted) bool { return d.again != "" })
}

// behind puts a sentence behind another one.
func behind(sentence string) string {
	if sentence == "" {
		return ""
	}
	return " " + sentence
}
