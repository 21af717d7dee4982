package app

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
)

// What is missing is what people ask for; what is as it should be is folded.
func TestWhyFoldsWhatIsAsItShouldBe(t *testing.T) {
	good, bad := policy.Reason{Predicate: "a", OK: true, Text: "Fine."}, policy.Reason{Predicate: "b", Text: "Missing: comment `/plan`."}
	for name, tt := range map[string]struct {
		v    policy.Verdict
		want string
	}{
		"not allowed": {policy.Verdict{Reasons: []policy.Reason{good, bad}, Ready: []string{"web"}}, "**`/apply` is not allowed** for you yet:\n\n- ✗ Missing: comment `/plan`.\n\n" +
			"`web` can go now: `/apply web`.\n\n<details><summary>What is as it should be (1)</summary>\n\n- ✓ Fine.\n\n</details>\n"},
		"allowed": {policy.Verdict{Allowed: true, Reasons: []policy.Reason{good}}, "**`/apply` is allowed** for you now.\n\n<details><summary>What is as it should be (1)</summary>\n\n- ✓ Fine.\n\n</details>\n"},
	} {
		if got := reasons(tt.v); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tt.want)
		}
	}
}
