package policy

import (
	"slices"
	"testing"
)

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
		"open":              func(f *Facts) { f.Open = false },
		"same_repository":   func(f *Facts) { f.Fork = true },
		"trusted_base":      func(f *Facts) { f.BaseRef = "evil" },
		"by_person":         func(f *Facts) { f.ByPerson = false },
		"may_write":         func(f *Facts) { f.Permission = "read" },
		"any_project":       func(f *Facts) { f.Projects = nil },
		"comment_unchanged": func(f *Facts) { f.CommentChanged = true },
		"may_plan":          func(f *Facts) { f.Projects[0].Rules.Plan = []string{"@eve"} },
		"buttons":           func(f *Facts) { f.Button, f.Projects[0].Rules.NoButtons = true, true },
		"may_unlock":        func(f *Facts) { f.Projects[0].Rules.Unlock = nil },
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
