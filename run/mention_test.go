package run

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/markdown"
)

func TestMentionNamesAccountsAlone(t *testing.T) {
	for who, want := range map[string]string{
		"ana": "@ana", "ana-x_acme": "@ana-x_acme", strings.Repeat("a", 100): "@" + strings.Repeat("a", 100),
		"org/team": "`org/team`", "-x": "`-x`", "a b": "`a b`", "": markdown.Quote(""), strings.Repeat("a", 101): markdown.Quote(strings.Repeat("a", 101)),
	} {
		if got := Mention(who); got != want {
			t.Errorf("%q: %s, want %s", who, got, want)
		}
	}
}
