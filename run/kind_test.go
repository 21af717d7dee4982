package run

import "testing"

// What a newer server stored, or nobody thought of, is treated as what changes most.
func TestAKindThatIsNotKnownHasEveryTrait(t *testing.T) {
	if got := Kind("import").Traits(); got != (Traits{Changes: true, Locks: true, Fresh: true, Ordered: true}) {
		t.Errorf("%+v", got)
	}
	if got := KindPlan.Traits(); got != (Traits{}) {
		t.Errorf("a plan: %+v", got)
	}
}
