package policy

import (
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	good := Facts{BaseRef: "main", DefaultBranch: "main", Open: true, ByPerson: true, Actor: "ana", Permission: "write", Repository: "acme/infra"}
	with := func(change func(*Facts)) Facts { f := good; change(&f); return f }
	kept := []Project{{Name: "dev"}, {Name: "prod", Rules: Rules{Plan: []string{"acme/platform"}}}}
	members := map[string][]string{"acme/platform": {"Ana"}}
	tests := []struct {
		name    string
		facts   Facts
		missing string // predicates, in order
		silent  bool
	}{
		{"a writer on an open pull request may", good, "", true},
		{"an administrator may", with(func(f *Facts) { f.Permission = "admin" }), "", true},
		{"a reader may not", with(func(f *Facts) { f.Permission = "read" }), "may_write", false},
		{"a stranger may not", with(func(f *Facts) { f.Permission = "none" }), "may_write", false},
		{"an unknown permission may not", with(func(f *Facts) { f.Permission = "Write" }), "may_write", false},
		{"no permission read may not", with(func(f *Facts) { f.Permission = "" }), "may_write", false},
		{"T07 a fork may not, whoever asks", with(func(f *Facts) { f.Fork, f.Permission = true, "admin" }), "same_repository", false},
		{"T07 a push to a fork is silent", with(func(f *Facts) { f.Fork, f.ByPerson = true, false }), "same_repository", true},
		{"a closed pull request may not", with(func(f *Facts) { f.Open = false }), "open", false},
		{"a push needs no permission of its own", with(func(f *Facts) { f.ByPerson, f.Permission = false, "" }), "", true},
		{"every reason is listed", Facts{ByPerson: true, Fork: true}, "open same_repository trusted_base may_write", false},
		{"T08 a base that is not listed may not", with(func(f *Facts) { f.BaseRef = "evil" }), "trusted_base", false},
		{"T08 a push to a pull request into it is silent", with(func(f *Facts) { f.BaseRef, f.ByPerson = "evil", false }), "trusted_base", true},
		{"T08 a base that a pattern lists may", with(func(f *Facts) { f.BaseRef, f.Branches = "release/1", []string{"release/*"} }), "", true},
		{"nothing known may not", Facts{}, "open trusted_base", true},
		{"projects that everybody may plan", with(func(f *Facts) { f.Projects = kept[:1] }), "", true},
		{"a project kept to a team, by a member", with(func(f *Facts) { f.Projects, f.Members = kept, members }), "", true},
		{"a project kept to a team, by another", with(func(f *Facts) { f.Projects, f.Members, f.Actor = kept, members, "ben" }), "may_plan", false},
		{"a push to it by a member", with(func(f *Facts) { f.Projects, f.Members, f.ByPerson = kept, members, false }), "", true},
		{"a push to it by another is silent", with(func(f *Facts) { f.Projects, f.Members, f.Actor, f.ByPerson = kept, members, "ben", false }), "may_plan", true},
		{"what began by itself, by nobody", with(func(f *Facts) { f.Projects, f.Members, f.Actor, f.ByPerson = kept, members, "", false }), "may_plan", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Plan(tt.facts)
			var missing []string
			for _, r := range v.Missing() {
				missing = append(missing, r.Predicate)
				if r.Text == "" || !strings.Contains(v.Explain(), r.Text) {
					t.Errorf("%s does not say what to do", r.Predicate)
				}
			}
			if got := strings.Join(missing, " "); got != tt.missing {
				t.Errorf("missing %q, want %q", got, tt.missing)
			}
			if v.Allowed != (tt.missing == "") {
				t.Errorf("allowed %v with missing %q", v.Allowed, tt.missing)
			}
			if v.Silent() != tt.silent {
				t.Errorf("silent %v, want %v", v.Silent(), tt.silent)
			}
		})
	}
}

func TestCancelNeedsWriteAccessAndNothingElse(t *testing.T) {
	if !Cancel(Facts{ByPerson: true, Permission: "write"}).Allowed {
		t.Error("a writer may not cancel")
	}
	if Cancel(Facts{ByPerson: true, Permission: "read", Open: true}).Allowed {
		t.Error("a reader may cancel")
	}
}

// TestT33_WhoMayUnlock: the pull request that holds a lock, by anybody who may
// write; another one, by those whom the server names for every project asked
// for.
func TestT33_WhoMayUnlock(t *testing.T) {
	project := func(unlock ...string) Project { return Project{Name: "p", HeldBy: 12, Rules: Rules{Unlock: unlock}} }
	facts := func(permission string, projects ...Project) Facts {
		return Facts{ByPerson: true, Actor: "ana", Permission: permission, Projects: projects, Members: map[string][]string{"acme/ops": {"ana"}}}
	}
	tests := []struct {
		name    string
		facts   Facts
		own     bool
		allowed bool
	}{
		{"own, a writer", facts("write", project()), true, true},
		{"own, a writer, everything", facts("write"), true, true},
		{"own, a reader", facts("read", project()), true, false},
		{"own, a reader of the team", facts("read", project("acme/ops")), true, false},
		{"another, a writer", facts("write", project()), false, false},
		{"another, an administrator", facts("admin", project()), false, false},
		{"another, of the team", facts("write", project("acme/ops")), false, true},
		{"another, by login", facts("write", project("@ana")), false, true},
		{"another, of the team for one of two", facts("write", project("acme/ops"), project("@ben")), false, false},
		{"another, of the team, a reader", facts("read", project("acme/ops")), false, false},
		{"another, nothing named", facts("write"), false, false},
		{"own, nobody asked", Facts{Permission: "write"}, true, false},
	}
	for _, tt := range tests {
		if got := Unlock(tt.facts, tt.own).Allowed; got != tt.allowed {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
