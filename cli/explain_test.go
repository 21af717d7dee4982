package cli

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/policy"
)

func TestATerminalShowsNoMarkdown(t *testing.T) {
	good, bad := policy.Reason{Predicate: "a", OK: true, Text: "Fine."}, policy.Reason{Predicate: "b", Text: "Missing: comment `/plan`."}
	for name, v := range map[string]policy.Verdict{
		"not allowed": {Reasons: []policy.Reason{good, bad}, Ready: []string{"web"}},
		"allowed":     {Allowed: true, Reasons: []policy.Reason{good}},
	} {
		if text := explained(v, "ana"); strings.ContainsAny(text, "`*<") || !strings.Contains(text, "for ana") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
