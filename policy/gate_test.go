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
		Now: noon, ByPerson: true, Actor: "ana", Permission: "write", Repository: "acme/infra",
		Number: 7, Open: true, Author: "ana", Contributors: []string{"ana", "ben"},
		HeadSHA: headSHA, BaseRef: "main", BaseSHA: baseSHA, DefaultBranch: "main", Pushers: []string{"ana"},
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
		Name: name, Dir: "infra/" + name, Environment: "prod", Owners: []string{"@acme/net"}, Touched: true, Held: true, Keeping: StateKept,
		Plan: &StoredPlan{HeadSHA: headSHA, BaseSHA: baseSHA, At: noon.Add(-time.Hour), Complete: true, Judged: true, Ruled: true, Keeping: StateKept, Shown: true},
		Seen: allSaw(Seen{Sight: SawThis}),
		Rules: Rules{
			Approvals: 2, CodeOwners: true, ApprovedBy: []string{"acme/platform"}, Plan: []string{"@ana"}, Apply: []string{"acme/Platform"},
			Unlock: []string{"@ana"}, Override: []string{"acme/platform"}, Current: CurrentStrict, RequiredChecks: []string{"build"},
			Protected: []string{"aws_db_*"}, ProtectedApprovals: 3, MaxPlanAge: 24 * time.Hour,
		},
	}
}

// allSaw says that everybody who may approve had been shown the same.
func allSaw(seen Seen) map[string]Seen {
	out := map[string]Seen{}
	for _, login := range []string{"ana", "ben", "cleo", "dora", "eve", "rita", "tess", "olga", "otto", "ghost", "una", "max", "rui"} {
		out[login] = seen
	}
	return out
}

func (f *Facts) review(login, state, commit, permission string) {
	f.Reviews = append(f.Reviews, Review{Login: login, State: state, Commit: commit, Permission: permission, At: noon})
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
		"policy overridden by the team":                           func(f *Facts, p *Project) { f.Override, p.Plan.Denied = true, []string{"no public buckets"} },
		"a protected type, confirmed":                             func(f *Facts, p *Project) { f.Confirm, p.Plan.Changes = p.Name, destroysDatabase },
		"a protected type, well approved":                         func(_ *Facts, p *Project) { p.Plan.Changes, p.Rules.ProtectedApprovals = destroysDatabase, 2 },
		"a type that is not protected":                            func(_ *Facts, p *Project) { p.Plan.Changes = []Change{{Address: "x_aws_db.a", Type: "x_aws_db"}} },
		"a plan of any age, when nobody cares":                    func(_ *Facts, p *Project) { p.Plan.At, p.Rules.MaxPlanAge = time.Time{}, 0 },
		"T21 flags, approved afterwards":                          func(f *Facts, p *Project) { p.Plan.Flags = []string{"-replace=aws_lb.public"} },
		"a state that the commit tells of, and the plan does not": func(_ *Facts, p *Project) { p.Plan.Keeping = KeepingUnknown },
		"a state that only the plan tells of":                     func(_ *Facts, p *Project) { p.Keeping = KeepingUnknown },
		"a state that would be lost, of a plan without changes":   func(_ *Facts, p *Project) { p.Keeping, p.Plan.Empty = NoBackend, true },
		"an owner by login":                                       func(_ *Facts, p *Project) { p.Owners = []string{"@DORA"} },
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

// TestT23_WhatIsNotPlannedIsListed: everything at this commit, or nothing, and
// never nothing as a success.
func TestT23_WhatIsNotPlannedIsListed(t *testing.T) {
	f := applicable()
	f.Projects = []Project{applicableProject("app"), applicableProject("db"), applicableProject("net"), applicableProject("web")}
	f.Projects[1].Plan = nil
	f.Projects[2].Plan.HeadSHA = oldSHA
	f.Projects[3].Plan.Complete, f.Projects[3].Running = false, []string{"/plan"}
	v := Apply(f)
	if got := badPredicates(v); !slices.Equal(got, []string{"plan_present", "plan_head", "plan_complete", "settled"}) {
		t.Errorf("denied by %q", got)
	}
	for _, name := range []string{"`db`", "`net`", "`web`"} {
		if !strings.Contains(v.Explain(), name) {
			t.Errorf("%s is not listed:\n%s", name, v.Explain())
		}
	}
	if strings.Contains(v.Explain(), "`app`") {
		t.Errorf("what is planned is listed:\n%s", v.Explain())
	}
}

// TestT24_HowCurrentABranchMustBe is each mode against each way in which the
// base branch can have moved.
func TestT24_HowCurrentABranchMustBe(t *testing.T) {
	moved := map[string]func(*Facts, *Project){
		"not":                   func(*Facts, *Project) {},
		"since the plan":        func(f *Facts, _ *Project) { f.BaseSHA = oldSHA }, // to a commit that the head has
		"elsewhere":             func(f *Facts, _ *Project) { f.BaseSHA, f.Behind = oldSHA, 3 },
		"in what it reads":      func(f *Facts, p *Project) { f.BaseSHA, f.Behind, p.BaseChanged = oldSHA, 3, []string{"modules/vpc"} },
		"before it was planned": func(f *Facts, _ *Project) { f.Behind = 3 },
	}
	allowed := map[Current][]string{
		CurrentStrict:  {"not"},
		CurrentProject: {"not", "since the plan", "elsewhere", "before it was planned"},
		CurrentOff:     {"not", "since the plan", "elsewhere", "in what it reads", "before it was planned"},
		"":             nil,
	}
	for mode, ways := range allowed {
		for way, change := range moved {
			f := applicable()
			f.Projects[0].Rules.Current = mode
			change(&f, &f.Projects[0])
			if got := Apply(f).Allowed; got != slices.Contains(ways, way) {
				t.Errorf("%q, the base moved %s: allowed %v", mode, way, got)
			}
		}
	}
}
