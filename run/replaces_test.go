package run

import (
	"slices"
	"testing"
)

// A comment that shows the plan of an older commit offers what would be refused, from
// the start of the new one on. Of the first plan there is nothing to correct.
func TestAPlanOfANewCommitIsShownFromItsStart(t *testing.T) {
	for _, replaces := range []bool{true, false} {
		p := Preparation{HeadSHA: "bbb", Documents: []JobDocument{projectDocument("p0", 0)}}
		next := Step(accepted(), Prepared{At: noon, Preparation: p, Replaces: replaces})
		if got := slices.ContainsFunc(next.Notices, func(n Notice) bool { return n.Kind == NoticeComment }); got != replaces {
			t.Errorf("replaces %v: the comment is brought up to date: %v", replaces, got)
		}
	}
}
