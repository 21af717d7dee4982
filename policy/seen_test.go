package policy

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/plandiff"
	"github.com/lockkeeper/lockkeeper/run"
)

func alsoDestroys(address string) plandiff.Difference {
	return plandiff.Difference{Added: []plandiff.Entry{{Address: address, Is: run.ActionDestroy}}}
}

// TestAnApprovalIsOfWhatWasShown is every thing that somebody may have been shown
// when they approved, and what is said when that is not the plan.
func TestAnApprovalIsOfWhatWasShown(t *testing.T) {
	fewer := plandiff.Difference{Removed: []plandiff.Entry{{Address: "a", Was: run.ActionDestroy}}}
	for _, tt := range []struct {
		name string
		seen Seen
		want string // what the sentence says; empty when the approval counts
	}{
		{"this plan", Seen{Sight: SawThis}, ""},
		{"a plan that does the same", Seen{Sight: SawOther}, ""},
		{"a plan that does more", Seen{Sight: SawOther, Difference: fewer}, ""},
		{"a plan that does less", Seen{Sight: SawOther, Difference: alsoDestroys("b")},
			"Since `cleo` and `dora` approved, the plan changed: it also destroys `b`. Approve again if that is right."},
		{"a plan with an address that is a format", Seen{Sight: SawOther, Difference: alsoDestroys("b%s")}, "also destroys `b%s`."},
		{"no plan", Seen{}, "approved before this was planned. Approve again: the plan came after your approval."},
		{"part of a plan", Seen{Sight: SawPart, Difference: fewer}, "a partial plan was shown"},
		{"a failure", Seen{Sight: SawFailure}, "planning had failed"},
		{"another base", Seen{Sight: SawBase, What: "main"}, "approved the plan for `main`"},
		{"another environment", Seen{Sight: SawElsewhere, What: "dev"}, "environment `dev`"},
		{"what cannot be compared", Seen{Sight: SawUnknown, Difference: fewer}, "cannot be compared"},
		{"what nobody knows", Seen{Sight: "later"}, "before this was planned"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := applicable()
			f.Projects[0].Seen = allSaw(tt.seen)
			v := Apply(f)
			if got := v.Explain(); v.Allowed != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("allowed %t: %s\nwant %q", v.Allowed, got, tt.want)
			}
			f.Projects[0].Rules.ApprovalOf = ApprovalOfCommit
			if v := Apply(f); !v.Allowed {
				t.Errorf("where approvals are of the commit, it is denied:\n%s", v.Explain())
			}
		})
	}
}

func TestTheSameDifferenceIsSaidOnce(t *testing.T) {
	f := applicable()
	f.Projects[0].Seen = allSaw(Seen{Sight: SawOther, Difference: alsoDestroys("aws_db_instance.b")})
	if text := Apply(f).Explain(); strings.Count(text, "aws_db_instance.b") != 1 {
		t.Errorf("%s", text)
	}
	f.Projects[0].Seen["rui"], f.Projects[0].Rules.Approvals, f.Projects[0].Owners = Seen{Sight: SawThis}, 1, []string{"@cleo"}
	f.Projects[0].Rules.ApprovedBy = nil
	f.review("rui", "APPROVED", headSHA, "write")
	if text := Apply(f).Explain(); !strings.HasPrefix(text, "No code owner") || !strings.Contains(text, "aws_db_instance.b") {
		t.Errorf("where the number is enough and the owner is not: %s", text)
	}
}

func TestAPlanThatIsNotKnownToBeShownAsksForAPlan(t *testing.T) {
	f := applicable()
	f.Projects[0].Seen, f.Projects[0].Plan.Shown = nil, false
	if text := Apply(f).Explain(); !strings.Contains(text, "Comment `/plan`, and approve again when it is shown.") {
		t.Errorf("%s", text)
	}
}

// What there is to see is one for each project: another one that nobody saw is
// not approved with it.
func TestAnApprovalIsOfTheProjectsThatWereShown(t *testing.T) {
	f := applicable()
	f.Projects = append(f.Projects, applicableProject("app"))
	f.Projects[1].Seen = nil
	text := Apply(f).Explain()
	if !strings.Contains(text, "`app`: 0 of 2 approvals") || strings.Contains(text, "`network-prod`: 0 of 2") {
		t.Errorf("%s", text)
	}
}

func TestWhatAPlanDoesNoMoreIsSaid(t *testing.T) {
	f := applicable()
	f.Projects[0].Seen = allSaw(Seen{Sight: SawOther, Difference: plandiff.Difference{Removed: []plandiff.Entry{{Address: "a", Was: run.ActionDestroy}}}})
	if text := Apply(f).Why(); !strings.Contains(text, "Since `cleo` approved, the plan was made again and does less: it no longer destroys `a`.") {
		t.Errorf("%s", text)
	}
}
