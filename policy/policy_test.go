package policy

import (
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	good := Facts{Open: true, Asked: true, Actor: "ana", Permission: "write", Repository: "acme/infra"}
	with := func(change func(*Facts)) Facts { f := good; change(&f); return f }
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
		{"T07 a push to a fork is silent", with(func(f *Facts) { f.Fork, f.Asked = true, false }), "same_repository", true},
		{"a closed pull request may not", with(func(f *Facts) { f.Open = false }), "open", false},
		{"a push needs no permission of its own", with(func(f *Facts) { f.Asked, f.Permission = false, "" }), "", true},
		{"every reason is listed", Facts{Asked: true, Fork: true}, "open same_repository may_write", false},
		{"nothing known may not", Facts{}, "open", true},
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
	if !Cancel(Facts{Asked: true, Permission: "write"}).Allowed {
		t.Error("a writer may not cancel")
	}
	if Cancel(Facts{Asked: true, Permission: "read", Open: true}).Allowed {
		t.Error("a reader may cancel")
	}
}

func TestTheZeroVerdictDenies(t *testing.T) {
	if (Verdict{}).Allowed || all().Allowed {
		t.Error("a verdict without reasons allows")
	}
}
