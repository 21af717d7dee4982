package commands

import (
	"strings"
	"testing"
)

func TestAReasonIsAWordOrAQuotedText(t *testing.T) {
	for line, want := range map[string]string{
		"/unlock web reason=abandoned":                   "abandoned",
		`/unlock web reason="the author left"`:           "the author left",
		`/unlock reason="web and api, closed: see #12"`:  "web and api, closed: see #12",
		`/unlock web reason="-- is no flag in a reason"`: "-- is no flag in a reason",
	} {
		if got := Parse(line, ""); got.Command == nil || got.Command.Reason() != want {
			t.Errorf("Parse(%q) = %+v, want the reason %q", line, got, want)
		}
	}
}

// What stands behind an unquoted reason is neither a project nor left out: nothing is released.
func TestAReasonWithBlanksIsQuoted(t *testing.T) {
	for line, want := range map[string]string{
		"/unlock reason=two words":              "`reason=\"the author left\"`",
		"/unlock web reason=the author left it": "`author` stands behind the reason",
		`/unlock web reason="the author left`:   "a text in double quotes",
		`/unlock web reason=""`:                 "a text in double quotes",
		`/unlock web reason=" "`:                "a text in double quotes",
		`/unlock web reason="a" b`:              "projects stand before it",
		`/plan reason="the author left"`:        "is not an argument",
	} {
		if got := Parse(line, ""); got.Command != nil || !strings.Contains(got.Reply, want) {
			t.Errorf("Parse(%q) = %+v, want a refusal that says %s", line, got, want)
		}
	}
}

func TestAFlagInTheWrongPlaceComesBackInTheRightOne(t *testing.T) {
	for line, want := range map[string]string{
		"/plan -target=aws_s3_bucket.logs": "`/plan -- -target=aws_s3_bucket.logs`",
		"/apply -parallelism=5":            "`/apply -- -parallelism=5`",
	} {
		if got := Parse(line, ""); got.Command != nil || !strings.Contains(got.Reply, want) {
			t.Errorf("Parse(%q) = %+v, want it to show %s", line, got, want)
		}
	}
	for _, line := range []string{"/plan -destroy", "/plan -p", "/unlock -target=a.b", "/plan -target=" + strings.Repeat("a", 80)} {
		if got := Parse(line, ""); got.Command != nil || strings.Contains(got.Reply, "as in") {
			t.Errorf("Parse(%q) = %+v, want no command that would be refused, too", line, got)
		}
	}
}
