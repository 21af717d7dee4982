package run

import (
	"slices"
	"testing"
)

// What waits is not judged by pushes that are older than what it reads.
func TestWhatIsKnownOfANewerHead(t *testing.T) {
	plan := func(id, head, newer string, state State) Run {
		return Run{ID: id, Kind: KindPlan, Trigger: TriggerComment, HeadSHA: head, NewerHead: newer, State: state}
	}
	runs := []Run{plan("told", "", "bbb", StateAccepted), plan("waits", "", "", StateAccepted), plan("over", "", "", StateRefused), plan("shown", "aaa", "", StateSucceeded)}
	changed := NewerHead(runs, "bbb")
	var ids []string
	for id := range changed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"shown", "waits"}) || changed["waits"] != "bbb" {
		t.Errorf("%v", changed)
	}
}
