package markdown

import (
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"live/prod":               "`live/prod`",
		"a`b` @all":               "`a?b? @all`",
		"":                        "`?`",
		"  ":                      "`?`",
		"\u202e\n":                "`??`",
		"a\n# b\u202e":            "`a?# b?`",
		strings.Repeat("x", 1000): "`" + strings.Repeat("x", quotedRunes) + "…`",
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %q, want %q", in, got, want)
		}
	}
}
