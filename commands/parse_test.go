package commands

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parseAll parses as a server would on which every command is available.
func parseAll(body string) Outcome {
	return parse(body, "acme-terraform", func(Spec) bool { return true })
}

func TestParseReadsCommands(t *testing.T) {
	args := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	tests := []struct {
		name, body string
		want       Command
	}{
		{"bare plan", "/plan", Command{Name: NamePlan}},
		{"plan with a line end", "/plan\n", Command{Name: NamePlan}},
		{"plan as GitHub sends it", "/plan\r\nplease\r\n", Command{Name: NamePlan}},
		{"plan with trailing spaces", "/plan   ", Command{Name: NamePlan}},
		{"plan followed by prose", "/plan\n\nI changed the `subnet` é", Command{Name: NamePlan}},
		{"plan followed by another bot's command", "/plan\n/retest", Command{Name: NamePlan}},
		{"plan followed by a path", "/plan\n/plan/of/the/house", Command{Name: NamePlan}},
		{"plan of two projects", "/plan network-prod app.dev", Command{Name: NamePlan, Projects: []string{"network-prod", "app.dev"}}},
		{"plan of the same project twice", "/plan a a", Command{Name: NamePlan, Projects: []string{"a"}}},
		{"plan of a glob", "/plan infra/*/prod [ab]?", Command{Name: NamePlan, Projects: []string{"infra/*/prod", "[ab]?"}}},
		{"plan with flags", `/plan p -- -target=module.a["x/y"].b[0] -target=c.d -refresh=false -parallelism=256`, Command{Name: NamePlan, Projects: []string{"p"},
			Flags: []string{`-target=module.a["x/y"].b[0]`, "-target=c.d", "-refresh=false", "-parallelism=256"}}},
		{"plan with a dash pair and nothing after it", "/plan --", Command{Name: NamePlan}},
		{"apply", "/apply", Command{Name: NameApply}},
		{"apply with confirmation", "/apply network-prod confirm=network-prod", Command{Name: NameApply, Projects: []string{"network-prod"}, Args: args("confirm", "network-prod")}},
		{"ephemeral", "/ephemeral ttl=4h", Command{Name: NameEphemeral, Args: args("ttl", "4h")}},
		{"ephemeral moved", "/ephemeral web extend=15m", Command{Name: NameEphemeral, Projects: []string{"web"}, Args: args("extend", "15m")}},
		{"destroy", "/destroy web -- -parallelism=1", Command{Name: NameDestroy, Projects: []string{"web"}, Flags: []string{"-parallelism=1"}}},
		{"approve", "/approve a", Command{Name: NameApprove, Projects: []string{"a"}}},
		{"reject", "/reject", Command{Name: NameReject}},
		{"apply in spite of plan policy", "/apply override=policy", Command{Name: NameApply, Args: args("override", "policy")}},
		{"unlock", "/unlock", Command{Name: NameUnlock}},
		{"cancel", "/cancel", Command{Name: NameCancel}},
		{"status", "/status", Command{Name: NameStatus}},
		{"why", "/why a", Command{Name: NameWhy, Projects: []string{"a"}}},
		{"help", "/help", Command{Name: NameHelp}},
		{"help for one", "/help apply", Command{Name: NameHelp, Args: args("command", "apply")}},
		{"help for one with its slash", "/help /apply", Command{Name: NameHelp, Args: args("command", "apply")}},
		{"terraform with a subcommand of two words", "/terraform state list web -- -id=i-123 module.a", Command{Name: NameTerraform, Subcommand: "state list", Projects: []string{"web"}, Flags: []string{"-id=i-123", "module.a"}}},
		{"terraform import", "/terraform import web -- aws_s3_bucket.logs arn:aws:s3:::logs", Command{Name: NameTerraform, Subcommand: "import", Projects: []string{"web"}, Flags: []string{"aws_s3_bucket.logs", "arn:aws:s3:::logs"}}},
		{"terraform fmt", "/terraform fmt -- -check -diff", Command{Name: NameTerraform, Subcommand: "fmt", Flags: []string{"-check", "-diff"}}},
		{"terraform plan of a destroy", "/terraform plan web -- -destroy", Command{Name: NameTerraform, Subcommand: "plan", Projects: []string{"web"}, Flags: []string{"-destroy"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			line, _, _ := strings.Cut(tt.body, "\n")
			tt.want.Line = strings.TrimSuffix(line, "\r")
			if diff := cmp.Diff(Outcome{Command: &tt.want}, parseAll(tt.body)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// T12: look-alikes, quotes, code blocks and words of other bots get silence.
func TestT12ParseStaysSilent(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":                   "",
		"a slash":                   "/",
		"a slash and a space":       "/ plan",
		"prose":                     "please /plan",
		"a leading tab":             "\t/plan",
		"two slashes":               "//plan",
		"a quote":                   "> /apply",
		"a fenced code block":       "```\n/apply\n```",
		"an indented code block":    "    /apply",
		"a suggestion":              "```suggestion\n/apply\n```",
		"a mention of somebody":     "@bob /plan",
		"a mention of another App":  "@acme-terraform-dev[bot] /plan",
		"a list of prose":           "- /apply it when you like",
		"a heading":                 "# /plan",
		"an HTML comment":           "<!--\n/apply\n-->",
		"a Cyrillic look-alike":     "/\u0430pply",
		"a command that has a tail": "/applyfoo",
		"a path":                    "/plan/of/the/house",
		"another bot's command":     "/retest",
		"another bot's long one":    "/" + strings.Repeat("x", 8<<10),
		"the middle of a comment":   "LGTM\n/apply",
		"escaped":                   `\/apply`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseAll(body); !got.Ignored() {
				t.Errorf("Parse(%q) = %+v, want silence", body, got)
			}
		})
	}
}

// T12: what stands in front of a command keeps it from running, and people are told.
func TestT12ParseSaysWhatStandsInFront(t *testing.T) {
	for name, body := range map[string]string{
		"a space":                  " /plan",
		"a line feed":              "\n/plan",
		"empty lines":              "\r\n\r\n/plan\r\n",
		"a byte order mark":        "\ufeff/plan",
		"a zero-width space":       "\u200b/plan",
		"a no-break space":         "\u00a0/plan",
		"a right-to-left override": "\u202e/plan",
		"a full-width slash":       "／plan",
		"a bullet":                 "- /plan",
		"a star":                   "* /plan",
		"a number":                 "1. /plan",
		"code marks":               "`/plan`",
		"bold":                     "**/plan**",
		"quotation marks":          "“/plan”",
		"the App":                  "@lockkeeper /plan",
		"the App's account":        "@lockkeeper-acme[bot], /plan",
		"a quotation":              "> what do you think?\n> /apply\n\n/plan\n",
		"a bullet in code marks":   "- `/plan`",
		"a typographic bullet":     "• /plan",
		"a dash":                   "– /plan",
		"a dot":                    "· /plan",
		"a task":                   "- [ ] /plan",
		"a task that is done":      "* [x] /plan",
		"French quotation marks":   "« /plan »",
		"German quotation marks":   "„/plan“",
		"struck out":               "~~/plan~~",
		"the App by its own name":  "@acme-terraform /plan",
		"its account":              "@Acme-Terraform[bot] /plan",
	} {
		got := parseAll(body)
		if got.Command != nil || !strings.Contains(got.Reply, "Nothing was done") || !strings.Contains(got.Reply, "Write `/plan` in a new comment") {
			t.Errorf("%s: Parse(%q) = %+v", name, body, got)
		}
	}
}

// Names of projects are told from a sentence by what few words have.
func TestACommandForManyProjectsInAListGetsAHint(t *testing.T) {
	const line = "/apply network-dev live/dev/app database2 vpc"
	if got := Parse("- "+line, ""); !strings.Contains(got.Reply, "Write `"+line+"` in a new comment") {
		t.Errorf("Parse of %q in a list = %+v", line, got)
	}
}

// What nobody sees in a command keeps it from running, and people are told.
func TestT12ParseSaysWhatIsHiddenInACommand(t *testing.T) {
	for name, body := range map[string]string{
		"a zero-width space": "/pl\u200ban", "a word joiner": "/\u2060plan\r\n", "a soft hyphen": "/pl\u00adan", "behind it, too": "/\u200bplan\u200b\nthanks",
	} {
		got := parseAll(body)
		if got.Command != nil || got.Reply != "Nothing was done: the command holds something invisible. Write `/plan` in a new comment.\n" {
			t.Errorf("%s: Parse(%q) = %+v", name, body, got)
		}
	}
	for _, body := range []string{"/re\u200btest", "/pl\u200ban \u200b-x"} {
		if got := parseAll(body); got.Command != nil || strings.Contains(got.Reply, "invisible") {
			t.Errorf("Parse(%q) = %+v", body, got)
		}
	}
}

// Words of Prow belong to it for as long as they mean nothing here.
func TestWordsOfOtherBotsAreTheirs(t *testing.T) {
	for _, body := range []string{"/approve", "/approve no-issue", "/lgtm\n/approve", "- /approve", "/hold", "/retest", "/test all", "/close"} {
		if got := Parse(body, ""); !got.Ignored() {
			t.Errorf("Parse(%q) = %+v, want silence", body, got)
		}
	}
	if got := Parse("/plan\n/approve", ""); got.Command == nil || got.Command.Name != NamePlan {
		t.Errorf("a plan and a word of another bot: %+v", got)
	}
}

// T12: what cannot be read for certain is refused, and a slip gets a hint.
func TestT12ParseRefuses(t *testing.T) {
	tests := []struct{ name, body, says string }{
		{"two commands", "/plan\n/apply", "only one command"},
		{"two commands as GitHub sends them", "/plan\r\n/apply\r\n", "only one command"},
		{"the same command twice", "/plan\n/plan", "only one command"},
		{"a second command far below", "/plan\n\nsome prose\n/destroy now", "only one command"},
		{"a second command in a code block", "/plan\n```\n/apply\n```", "only one command"},
		{"a second command after a lone carriage return", "/plan\nprose\r/apply", "only one command"},
		{"a lone carriage return", "/plan\r/apply", "not plain ASCII"},
		{"two commands on one line", "/plan /apply", "`/apply` is not a project name"},
		{"an en dash", "/plan –target=a.b", "not plain ASCII"},
		{"a no-break space", "/plan\u00a0network", "not plain ASCII"},
		{"a zero-width space inside", "/apply\u200b", "not plain ASCII"},
		{"a right-to-left override inside", "/apply \u202eabc", "not plain ASCII"},
		{"a tab", "/plan\tnetwork", "not plain ASCII"},
		{"a NUL", "/plan \x00", "not plain ASCII"},
		{"invalid UTF-8", "/plan \xff", "not plain ASCII"},
		{"a comment over 4 KiB", "/plan\n" + strings.Repeat("x", 4<<10), "longer than 4 KiB"},
		{"a slip", "/plam", "Did you mean `/plan`"},
		{"a slip with a letter more", "/plans network", "Did you mean `/plan`"},
		{"a slip with a letter less", "/aply", "Did you mean `/apply`"},
		{"two slips, for some other bot", "/palnx\n", ""},
		{"a swap", "/paln", "Did you mean `/plan`"},
		{"a capital", "/Plan", "Did you mean `/plan`"},
		{"all capitals", "/APPLY", "Did you mean `/apply`"},
		{"a punctuation mark", "/plan,", "Did you mean `/plan`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := parseAll(tt.body)
			if got.Command != nil {
				t.Fatalf("Parse(%q) = %+v, want no command", tt.body, got.Command)
			}
			if !strings.Contains(got.Reply, tt.says) || (tt.says == "") != got.Ignored() {
				t.Errorf("Parse(%q) replies %q, want it to say %q", tt.body, got.Reply, tt.says)
			}
		})
	}
}

func TestParseAcceptsExactlyFourKiB(t *testing.T) {
	body := "/plan\n" + strings.Repeat("x", maxComment-len("/plan\n"))
	if got := Parse(body, ""); got.Command == nil {
		t.Errorf("a comment of %d bytes is refused: %q", len(body), got.Reply)
	}
	if got := Parse(body+"x", ""); got.Command != nil {
		t.Errorf("a comment of %d bytes is accepted", len(body)+1)
	}
}

func TestParseAnswersWhatIsNotAvailable(t *testing.T) {
	for _, s := range All() {
		line := "/" + string(s.Name)
		got := Parse(line+" --no such thing", "")
		if (s.Available || s.elsewhere) == strings.Contains(got.Reply, "`"+line+"` is not available on this server yet.") {
			t.Errorf("available %t, but %s replies %q", s.Available, line, got.Reply)
		}
		if got.Command != nil {
			t.Errorf("%s with nonsense arguments is a command", line)
		}
	}
}

func TestTheseCommandsAreAvailable(t *testing.T) {
	var got []Name
	for _, s := range available() {
		got = append(got, s.Name)
	}
	if diff := cmp.Diff([]Name{NamePlan, NameApply, NameUnlock, NameCancel, NameStatus, NameWhy, NameHelp}, got); diff != "" {
		t.Error(diff)
	}
}

// T47: a time is a number and a unit, and nothing else.
func TestT47TimesOfEphemeral(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"15m": 15 * time.Minute, "90m": 90 * time.Minute, "1h": time.Hour, "4h": 4 * time.Hour, "9999m": 9999 * time.Minute, "9999h": 9999 * time.Hour,
	} {
		got := parseAll("/ephemeral ttl=" + text)
		if got.Command == nil {
			t.Errorf("ttl=%s is refused: %s", text, got.Reply)
			continue
		}
		if ttl, ok := got.Command.TTL(); !ok || ttl != want {
			t.Errorf("ttl=%s is %v, %t; want %v", text, ttl, ok, want)
		}
		if _, ok := got.Command.Extend(); ok {
			t.Errorf("ttl=%s also extends", text)
		}
	}
	for _, text := range []string{"", "4", "h", "0h", "04h", "-4h", "+4h", "4H", "4M", "4s", "3d", "1h30m", "1.5h", "14m", "1m", "99999h", "9999999h",
		"18446744073709551616h", "4 h", "4h4h", "４h", "1e3h", "0x4h", "4µs"} {
		for _, key := range []string{"ttl", "extend"} {
			if got := parseAll("/ephemeral " + key + "=" + text); got.Command != nil {
				t.Errorf("%s=%q is accepted as %+v", key, text, got.Command)
			}
		}
	}
}

func TestAccessors(t *testing.T) {
	if parseAll("/apply").Command.Override() || !parseAll("/apply override=policy").Command.Override() {
		t.Error("override=policy is not told from its absence")
	}
	if got := parseAll("/apply confirm=web").Command.Confirm(); got != "web" {
		t.Errorf("Confirm() = %q", got)
	}
	if got := parseAll("/help plan").Command.Topic(); got != NamePlan {
		t.Errorf("Topic() = %q", got)
	}
	if d, ok := parseAll("/ephemeral extend=2h").Command.Extend(); !ok || d != 2*time.Hour {
		t.Errorf("Extend() = %v, %t", d, ok)
	}
}

func TestMutatingFailsClosed(t *testing.T) {
	tests := []struct {
		name string
		c    Command
		want bool
	}{
		{"plan", Command{Name: NamePlan}, false},
		{"apply", Command{Name: NameApply}, true},
		{"destroy", Command{Name: NameDestroy}, true},
		{"no command at all", Command{}, true},
		{"terraform that reads", Command{Name: NameTerraform, Subcommand: "validate"}, false},
		{"terraform that changes state", Command{Name: NameTerraform, Subcommand: "state rm"}, true},
		{"terraform never", Command{Name: NameTerraform, Subcommand: "console"}, true},
		{"terraform unknown", Command{Name: NameTerraform, Subcommand: "frobnicate"}, true},
		{"terraform without a subcommand", Command{Name: NameTerraform}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.c.Mutating(); got != tt.want {
				t.Errorf("Mutating() = %t, want %t", got, tt.want)
			}
		})
	}
}
