package commands

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mutatingLine is what the raw first line of a comment must look like before a
// mutating command may come out of it (T12).
var mutatingLine = regexp.MustCompile(`^/(apply|ephemeral|destroy|terraform|approve|unlock)( |\r?$)`)

func FuzzParse(f *testing.F) {
	for _, body := range append(slices.Clone(refused),
		"", "/", "/plan", "/plan\r\n", "/plan a b* -- -target=module.a[\"x\"].b", "/apply", "/apply\r\n", "/Apply", "/applyx", "/applyfoo", "/plan\r\n/apply",
		"> /apply", "```\n/apply", "/apply\u200b", "/\u0430pply", " /apply", "\n/apply", "/apply\x00", "/unlock a", "/approve", "/ephemeral ttl=15m",
		"/terraform state rm web -- a.b", "/terraform import -- a.b c", "/destroy web", "/apply confirm=a\r", "/apply\r/plan", "/help /apply", "//apply",
		`/plan "my dir/x" инфра/сеть`, `/plan "x" -- -target=a["b c"]`, "/plan \"a\u202eb\"", `/apply "`, "/applyё",
	) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, got := range []Outcome{Parse(body, ""), parseAll(body)} {
			checkOutcome(t, body, got)
		}
	})
}

func checkOutcome(t *testing.T, body string, got Outcome) {
	t.Helper()
	if got.Command != nil && got.Reply != "" {
		t.Fatalf("Parse(%q) gives both a command and a reply", body)
	}
	if !strings.HasPrefix(body, "/") && got.Command != nil {
		t.Fatalf("Parse(%q) is the command %+v", body, got.Command)
	}
	checkSafeMarkdown(t, got.Reply)
	c := got.Command
	if c == nil {
		return
	}
	first, _, _ := strings.Cut(body, "\n")
	if c.Mutating() && !mutatingLine.MatchString(first) {
		t.Fatalf("Parse(%q) is the mutating %+v", body, c)
	}
	if c.Name == NameTerraform && c.Tier() == TierNever {
		t.Fatalf("Parse(%q) passes on %q", body, c.Subcommand)
	}
	for _, p := range c.Projects {
		if !isSelector(p) {
			t.Fatalf("Parse(%q) selects %q", body, p)
		}
	}
	for _, word := range append(slices.Clone(c.Flags), c.Projects...) {
		if strings.HasPrefix(word, "--") || strings.ContainsAny(word, "$`%\r\n\x00") || !strings.Contains(first, word) {
			t.Fatalf("Parse(%q) passes on %q", body, word)
		}
		if strings.Contains(word, " ") && !strings.Contains(first, `"`) {
			t.Fatalf("Parse(%q) has a blank in %q", body, word)
		}
	}
	if again := parseAll(c.Line); again.Command == nil || again.Command.Name != c.Name {
		t.Fatalf("the line %q of %q does not parse again: %+v", c.Line, body, again)
	}
}
