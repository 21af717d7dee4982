package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	headSHA = "3f2c1ab4d5e6f708192a3b4c5d6e7f8091a2b3c4"
	baseSHA = "9d0e4c21b2c3d4e5f60718293a4b5c6d7e8f9012"
	oldSHA  = "0000000111111122222223333333444444455555"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// applicable are facts by which everything may be applied, although every rule
// demands something.
func applicable() Facts {
	return Facts{
		Now: noon, Asked: true, Actor: "ana", Permission: "write", Repository: "acme/infra",
		Number: 7, Open: true, Author: "ana", Contributors: []string{"ana", "ben"},
		HeadSHA: headSHA, BaseRef: "main", BaseSHA: baseSHA,
		Reviews: []Review{
			{Login: "cleo", State: "APPROVED", Commit: headSHA, Permission: "write", At: noon.Add(-time.Minute)},
			{Login: "dora", State: "APPROVED", Commit: headSHA, Permission: "admin", At: noon.Add(-time.Minute)},
		},
		Checks:   []Check{{Name: "build", AppID: 15368, Status: "completed", Conclusion: "success"}},
		Members:  map[string][]string{"acme/platform": {"Ana", "dora"}, "acme/net": {"Cleo"}},
		Projects: []Project{applicableProject("network-prod")},
	}
}

func applicableProject(name string) Project {
	return Project{
		Name: name, Dir: "infra/" + name, Environment: "prod", Owners: []string{"@acme/net"}, Touched: true, Held: true,
		Plan: &StoredPlan{HeadSHA: headSHA, BaseSHA: baseSHA, At: noon.Add(-time.Hour), Complete: true, Judged: true},
		Rules: Rules{
			Approvals: 2, CodeOwners: true, ApprovedBy: []string{"acme/platform"}, Plan: []string{"@ana"}, Apply: []string{"acme/Platform"},
			Unlock: []string{"@ana"}, Override: []string{"acme/platform"}, Current: CurrentStrict, RequiredChecks: []string{"build"},
			Protected: []string{"aws_db_*"}, ProtectedApprovals: 3, MaxPlanAge: 24 * time.Hour,
		},
	}
}

// destroysDatabase is a plan's change that the rules protect from.
var destroysDatabase = []Change{{Address: "aws_db_instance.orders", Type: "aws_db_instance"}}

// denial is one fact that alone denies, by one predicate alone.
type denial struct {
	predicate, name string
	change          func(f *Facts, p *Project)
}

// denials are the corpus of the gate: each way in which each predicate can be
// bad. The words of the name say what is wrong.
var denials = []denial{
	{"open", "a closed pull request", func(f *Facts, _ *Project) { f.Open = false }},
	{"same_repository", "T07 a fork", func(f *Facts, _ *Project) { f.Fork = true }},
	{"asked", "nobody asked", func(f *Facts, _ *Project) { f.Asked = false }},
	{"may_write", "a reader", func(f *Facts, _ *Project) { f.Permission = "read" }},
	{"may_write", "a permission that does not exist", func(f *Facts, _ *Project) { f.Permission = "maintain" }},
	{"may_write", "no permission", func(f *Facts, _ *Project) { f.Permission = "" }},
	{"comment_unchanged", "T14 an edited comment", func(f *Facts, _ *Project) { f.CommentChanged = true }},
	{"any_project", "T23 no project", func(f *Facts, _ *Project) { f.Projects = nil }},
	{"mergeable", "conflicts", func(f *Facts, _ *Project) { f.Conflicts = true }},
	{"mergeable", "not worked out yet", func(f *Facts, _ *Project) { f.Unmergeable = true }},
	{"no_changes_requested", "by a third person", func(f *Facts, _ *Project) { f.review("eve", "CHANGES_REQUESTED", oldSHA, "write") }},
	{"no_changes_requested", "by an administrator", func(f *Facts, _ *Project) { f.review("eve", "CHANGES_REQUESTED", headSHA, "admin") }},
	{"no_changes_requested", "by the author's colleague", func(f *Facts, _ *Project) { f.review("ben", "CHANGES_REQUESTED", headSHA, "write") }},
	{"no_changes_requested", "by whom nobody asked about", func(f *Facts, _ *Project) { f.review("eve", "CHANGES_REQUESTED", headSHA, "") }},
	{"no_changes_requested", "then a comment", func(f *Facts, _ *Project) {
		f.review("eve", "CHANGES_REQUESTED", headSHA, "write")
		f.review("eve", "COMMENTED", headSHA, "write")
	}},
	{"no_changes_requested", "a state that does not exist", func(f *Facts, _ *Project) { f.review("eve", "VETOED", headSHA, "write") }},
	{"no_changes_requested", "by two accounts that are gone", func(f *Facts, _ *Project) {
		f.review("", "CHANGES_REQUESTED", headSHA, "write")
		f.review("", "APPROVED", headSHA, "write")
	}},

	{"applies", "an environment without apply", func(_ *Facts, p *Project) { p.Rules.NoApply = true }},
	{"before_merge", "a project that the merge applies", func(_ *Facts, p *Project) { p.AfterMerge = true }},
	{"touched", "T23 a project that is not changed", func(_ *Facts, p *Project) { p.Touched = false }},
	{"may_apply", "neither in the team nor named", func(_ *Facts, p *Project) { p.Rules.Apply = []string{"acme/net", "@dora"} }},
	{"may_apply", "a team that nobody read", func(_ *Facts, p *Project) { p.Rules.Apply = []string{"acme/other"} }},
	{"not_draft", "a draft", func(f *Facts, _ *Project) { f.Draft = true }},
	{"plan_present", "T23 no plan", func(_ *Facts, p *Project) { p.Plan = nil }},
	{"plan_complete", "T23 a plan that failed", func(_ *Facts, p *Project) { p.Plan.Complete = false }},
	{"plan_head", "T18 a plan of an older commit", func(_ *Facts, p *Project) { p.Plan.HeadSHA = oldSHA }},
	{"plan_age", "too old", func(_ *Facts, p *Project) { p.Plan.At = noon.Add(-24*time.Hour - time.Second) }},
	{"plan_age", "of no time", func(_ *Facts, p *Project) { p.Plan.At = time.Time{} }},
	{"plan_unused", "applied before", func(_ *Facts, p *Project) { p.Plan.Used = true }},
	{"plan_lock", "T32 made without the lock", func(_ *Facts, p *Project) { p.Plan.Speculative = true }},
	{"plan_base", "T24 the base branch moved", func(f *Facts, _ *Project) { f.BaseSHA = oldSHA }},
	{"plan_base", "T24 no base", func(f *Facts, p *Project) { f.BaseSHA, p.Plan.BaseSHA = "", "" }},
	{"lock_held", "T32 not held", func(_ *Facts, p *Project) { p.Held = false }},
	{"lock_held", "T32 held by another one", func(_ *Facts, p *Project) { p.Held, p.HeldBy, p.Place = false, 12, 2 }},
	{"lock_held", "T32 held by another one, not in line", func(_ *Facts, p *Project) { p.Held, p.HeldBy = false, 12 }},
	{"lock_held", "T32 in line for a free one", func(_ *Facts, p *Project) { p.Held, p.Place = false, 1 }},
	{"lock_held", "T32 held twice", func(_ *Facts, p *Project) { p.HeldBy = 12 }},
	{"not_busy", "T32 an apply is under way", func(_ *Facts, p *Project) { p.Busy = true }},
	{"settled", "T23 a plan is under way", func(_ *Facts, p *Project) { p.Running = []string{"/plan"} }},
	{"branch_current", "T24 behind, strict", func(f *Facts, _ *Project) { f.Behind = 1 }},
	{"branch_current", "T24 behind by a number that cannot be", func(f *Facts, _ *Project) { f.Behind = -1 }},
	{"branch_current", "T24 its files changed on the base", func(_ *Facts, p *Project) {
		p.Rules.Current, p.BaseChanged = CurrentProject, []string{"modules/vpc/main.tf"}
	}},
	{"checks", "missing", func(f *Facts, _ *Project) { f.Checks = nil }},
	{"checks", "of another name", func(f *Facts, _ *Project) { f.Checks[0].Name = "Build" }},
	{"checks", "running", func(f *Facts, _ *Project) { f.Checks[0].Status = "in_progress" }},
	{"checks", "of a status that does not exist", func(f *Facts, _ *Project) { f.Checks[0].Status = "done" }},
	{"checks", "failed", func(f *Facts, _ *Project) { f.Checks[0].Conclusion = "failure" }},
	{"checks", "of a conclusion that does not exist", func(f *Facts, _ *Project) { f.Checks[0].Conclusion = "SUCCESS" }},
	{"checks", "failed by one app of two", func(f *Facts, _ *Project) {
		f.Checks = append([]Check{{Name: "build", AppID: 9, Status: "completed", Conclusion: "timed_out"}}, f.Checks...)
	}},
	{"checks", "failed by another app of two", func(f *Facts, _ *Project) {
		f.Checks = append(f.Checks, Check{Name: "build", AppID: 9, Status: "completed", Conclusion: "cancelled"})
	}},
	{"approvals", "one too few", func(_ *Facts, p *Project) { p.Rules.Approvals = 3 }},
	{"approvals", "a number that cannot be", func(_ *Facts, p *Project) { p.Rules.Approvals = -1 }},
	{"code_owners", "no owner among those who approve", func(_ *Facts, p *Project) { p.Owners = []string{"@eve", "cleo@example.com"} }},
	{"code_owners", "no owners", func(_ *Facts, p *Project) { p.Owners = nil }},
	{"approved_by", "nobody of the team", func(_ *Facts, p *Project) { p.Rules.ApprovedBy = []string{"acme/other", "@ana"} }},
	{"plan_policy", "not judged", func(_ *Facts, p *Project) { p.Plan.Judged = false }},
	{"plan_policy", "denied", func(_ *Facts, p *Project) { p.Plan.Denied = []string{"no public buckets"} }},
	{"plan_policy", "overridden by whom it does not let", func(f *Facts, p *Project) {
		f.Override, p.Plan.Denied, p.Rules.Override = true, []string{"no public buckets"}, []string{"@eve"}
	}},
	{"plan_policy", "overridden where nobody may", func(f *Facts, p *Project) {
		f.Override, p.Plan.Denied, p.Rules.Override = true, []string{"no public buckets"}, nil
	}},
	{"protected", "destroyed", func(_ *Facts, p *Project) { p.Plan.Changes = destroysDatabase }},
	{"protected", "another project is confirmed", func(f *Facts, p *Project) { f.Confirm, p.Plan.Changes = "network", destroysDatabase }},
	{"protected", "approvals where only confirm= counts", func(_ *Facts, p *Project) { p.Plan.Changes, p.Rules.ProtectedApprovals = destroysDatabase, 0 }},
	{"protected", "a pattern that cannot be read", func(_ *Facts, p *Project) {
		p.Plan.Changes, p.Rules.Protected = []Change{{Address: "null_resource.a", Type: "null_resource"}}, []string{"["}
	}},
}

func (f *Facts) review(login, state, commit, permission string) {
	f.Reviews = append(f.Reviews, Review{Login: login, State: state, Commit: commit, Permission: permission, At: noon})
}

// facts are those of a denial. The bad fact is of the second of three projects.
func (d denial) facts() Facts {
	f := applicable()
	f.Projects = []Project{applicableProject("app"), applicableProject("network-prod"), applicableProject("web")}
	d.change(&f, &f.Projects[min(1, len(f.Projects)-1)])
	return f
}

// badPredicates lists what denies, each once.
func badPredicates(v Verdict) []string {
	var out []string
	add := func(rs []Reason) {
		for _, r := range rs {
			if !r.OK && !slices.Contains(out, r.Predicate) {
				out = append(out, r.Predicate)
			}
		}
	}
	add(v.Reasons)
	for _, p := range v.Parts {
		add(p.Reasons)
	}
	return out
}

func TestApplyAllowsWhatIsComplete(t *testing.T) {
	for name, change := range map[string]func(f *Facts, p *Project){
		"as it is":                         func(*Facts, *Project) {},
		"neutral":                          func(f *Facts, _ *Project) { f.Checks[0].Conclusion = "neutral" },
		"skipped":                          func(f *Facts, _ *Project) { f.Checks[0].Conclusion = "skipped" },
		"own checks are never waited for":  func(_ *Facts, p *Project) { p.Rules.RequiredChecks = []string{"lockkeeper/apply", "lockkeeper/plan"} },
		"a draft where drafts are allowed": func(f *Facts, p *Project) { f.Draft, p.Rules.Drafts = true, true },
		"an older base, in project mode": func(f *Facts, p *Project) {
			f.BaseSHA, f.Behind, p.Rules.Current = oldSHA, 4, CurrentProject
		},
		"a branch as old as can be, when nobody cares": func(f *Facts, p *Project) {
			f.BaseSHA, f.Behind, p.Rules.Current, p.BaseChanged = oldSHA, 4, CurrentOff, []string{"modules/vpc"}
		},
		"changes requested by a reader": func(f *Facts, _ *Project) { f.review("eve", "CHANGES_REQUESTED", headSHA, "read") },
		"changes requested and dismissed": func(f *Facts, _ *Project) {
			f.review("eve", "CHANGES_REQUESTED", headSHA, "write")
			f.review("EVE", "DISMISSED", headSHA, "write")
		},
		"changes requested and then fine": func(f *Facts, _ *Project) {
			f.review("eve", "CHANGES_REQUESTED", headSHA, "write")
			f.review("eve", "APPROVED", oldSHA, "write")
		},
		"policy overridden by the team":        func(f *Facts, p *Project) { f.Override, p.Plan.Denied = true, []string{"no public buckets"} },
		"a protected type, confirmed":          func(f *Facts, p *Project) { f.Confirm, p.Plan.Changes = p.Name, destroysDatabase },
		"a protected type, well approved":      func(_ *Facts, p *Project) { p.Plan.Changes, p.Rules.ProtectedApprovals = destroysDatabase, 2 },
		"a type that is not protected":         func(_ *Facts, p *Project) { p.Plan.Changes = []Change{{Address: "x_aws_db.a", Type: "x_aws_db"}} },
		"a plan of any age, when nobody cares": func(_ *Facts, p *Project) { p.Plan.At, p.Rules.MaxPlanAge = time.Time{}, 0 },
		"T21 flags, approved afterwards":       func(f *Facts, p *Project) { p.Plan.Flags = []string{"-replace=aws_lb.public"} },
		"an owner by login":                    func(_ *Facts, p *Project) { p.Owners = []string{"@DORA"} },
		"an apply that failed for another project and was good for this": func(_ *Facts, p *Project) {
			p.Applied, p.Plan.Used, p.Plan.At = true, true, noon.AddDate(0, 0, -9)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := applicable()
			change(&f, &f.Projects[0])
			if v := Apply(f); !v.Allowed || len(v.Missing()) > 0 {
				t.Errorf("denied by %q:\n%s", badPredicates(v), v.Explain())
			}
		})
	}
}

// TestEachDenialIsOfOnePredicate is the corpus against the whole gate: that one
// predicate denies, that nothing else does, and that it says what to do.
func TestEachDenialIsOfOnePredicate(t *testing.T) {
	for _, d := range denials {
		t.Run(d.predicate+" "+d.name, func(t *testing.T) {
			v := Apply(d.facts())
			if v.Allowed {
				t.Fatal("allowed")
			}
			if got := badPredicates(v); !slices.Equal(got, []string{d.predicate}) {
				t.Fatalf("denied by %q", got)
			}
			for _, r := range v.Missing() {
				if !strings.HasSuffix(r.Text, ".") || !strings.Contains(r.Text, ":") || !strings.Contains(v.Explain(), r.Text) {
					t.Errorf("does not say what to do: %q", r.Text)
				}
			}
		})
	}
}

// TestUnknownModeOfCurrentDenies stands apart because two predicates deny it.
func TestUnknownModeOfCurrentDenies(t *testing.T) {
	for _, mode := range []Current{"", "Strict", "none"} {
		f := applicable()
		f.BaseSHA = oldSHA
		f.Projects[0].Rules.Current = mode
		if got := badPredicates(Apply(f)); !slices.Equal(got, []string{"plan_base", "branch_current"}) {
			t.Errorf("%q is denied by %q", mode, got)
		}
	}
}

// mutants are a gate with each of its predicates left out, by the predicate's
// name.
func mutants(g gate, f Facts) map[string]gate {
	out := map[string]gate{}
	for i, ask := range g.pull {
		m := g
		m.pull = slices.Delete(slices.Clone(g.pull), i, i+1)
		out[ask(f).Predicate] = m
	}
	for i, ask := range g.project {
		m := g
		m.project = slices.Delete(slices.Clone(g.project), i, i+1)
		out[ask(f, f.Projects[0]).Predicate] = m
	}
	return out
}

// TestEachPredicateIsNeeded switches each predicate of the gate off and sees
// that something is allowed that must not be.
func TestEachPredicateIsNeeded(t *testing.T) {
	off := mutants(applyGate(), applicable())
	if want := len(applyGate().pull) + len(applyGate().project); len(off) != want {
		t.Fatalf("%d predicates have %d names", want, len(off))
	}
	for predicate, without := range off {
		var flipped []string
		for _, d := range denials {
			if without.judge(d.facts()).Allowed {
				flipped = append(flipped, d.name)
				if d.predicate != predicate {
					t.Errorf("%q is allowed without %s", d.name, predicate)
				}
			}
		}
		if len(flipped) == 0 {
			t.Errorf("nothing changes without %s", predicate)
		}
	}
	for _, d := range denials {
		if _, known := off[d.predicate]; !known {
			t.Errorf("%q is of no predicate", d.predicate)
		}
	}
}

// TestEachPredicateOfTheOtherGatesIsNeeded does the same for what needs fewer.
func TestEachPredicateOfTheOtherGatesIsNeeded(t *testing.T) {
	f := applicable()
	worse := map[string]func(*Facts){
		"open":            func(f *Facts) { f.Open = false },
		"same_repository": func(f *Facts) { f.Fork = true },
		"asked":           func(f *Facts) { f.Asked = false },
		"may_write":       func(f *Facts) { f.Permission = "read" },
		"any_project":     func(f *Facts) { f.Projects = nil },
		"may_plan":        func(f *Facts) { f.Projects[0].Rules.Plan = []string{"@eve"} },
		"may_unlock":      func(f *Facts) { f.Projects[0].Rules.Unlock = nil },
	}
	for name, g := range map[string]gate{"plan": planGate(), "unlock": unlockGate(false), "unlock own": unlockGate(true), "cancel": cancelGate()} {
		if !g.judge(f).Allowed {
			t.Errorf("%s is denied: %s", name, g.judge(f).Explain())
		}
		for predicate, without := range mutants(g, f) {
			bad := applicable()
			worse[predicate](&bad)
			if g.judge(bad).Allowed || !without.judge(bad).Allowed {
				t.Errorf("%s: %s changes nothing", name, predicate)
			}
		}
	}
}

func TestZeroValuesDeny(t *testing.T) {
	for name, v := range map[string]Verdict{
		"a verdict": {}, "no reasons": all(), "apply": Apply(Facts{}), "plan": Plan(Facts{}), "cancel": Cancel(Facts{}),
		"unlock": Unlock(Facts{}, false), "unlock own": Unlock(Facts{}, true), "a gate": gate{}.judge(applicable()),
	} {
		if v.Allowed {
			t.Errorf("%s: allowed", name)
		}
	}
	f := applicable()
	f.Projects[0] = Project{}
	if Apply(f).Allowed {
		t.Error("an unknown project is applied")
	}
	f.Projects = append([]Project{applicableProject("a")}, f.Projects...)
	if v := Apply(f); v.Allowed || !v.Parts[0].Allowed {
		t.Error("one bad project does not deny all, or denies the good one")
	}
}

// TestNothingIsEqualToNothing: two facts that are both missing match nothing.
func TestNothingIsEqualToNothing(t *testing.T) {
	if planOfHead(Facts{}, Project{Plan: &StoredPlan{}}).OK {
		t.Error("a plan of no commit is of no head")
	}
	if protected(Facts{}, Project{Plan: &StoredPlan{Changes: destroysDatabase}, Rules: Rules{Protected: []string{"*"}}}).OK {
		t.Error("a project without a name is confirmed by no name")
	}
	if (Facts{Members: map[string][]string{"/": {""}}}).among("", []string{"", "@", "/"}) {
		t.Error("nobody is among nobody")
	}
}

// TestPlanThatIsAppliedNeedsNoMore: what was applied passed the gate; what
// changes nothing did not, and passes it now.
func TestPlanThatIsAppliedNeedsNoMore(t *testing.T) {
	f := applicable()
	f.Reviews = nil
	p := &f.Projects[0]
	p.Applied, p.Plan.Empty = true, true
	if Apply(f).Allowed {
		t.Error("a plan that changes nothing passes without approval")
	}
	p.Plan.Used = true
	if v := Apply(f); !v.Allowed || v.Parts[0].Reasons[0].Predicate != "already_applied" {
		t.Errorf("denied by %q", badPredicates(v))
	}
	p.Applied = false
	if Apply(f).Allowed {
		t.Error("an apply that failed counts as one that was good")
	}
	p.Applied, p.Plan = true, nil
	if Apply(f).Allowed {
		t.Error("what was never planned counts as applied")
	}
}

func TestEveryCountOfProjectsIsJudged(t *testing.T) {
	f := applicable()
	for n := range 50 {
		f.Projects = nil
		for i := range n {
			f.Projects = append(f.Projects, applicableProject(fmt.Sprintf("p%d", i)))
		}
		if v := Apply(f); v.Allowed != (n > 0) || len(v.Parts) != n {
			t.Fatalf("%d projects: allowed %v with %d parts", n, v.Allowed, len(v.Parts))
		}
		if n > 0 {
			f.Projects[n/2].Touched = false
			if Apply(f).Allowed {
				t.Fatalf("%d projects, one of them not touched: allowed", n)
			}
		}
	}
}
