package commands

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// verdictFile lists, for the Terraform version that the tests were last
// updated with, every flag of every subcommand that can be passed on, and what
// this package says about it.
const verdictFile = "testdata/terraform-verdicts.txt"

var (
	helpFlag    = regexp.MustCompile(`(?m)^\s+(-[a-z][a-z-]*)`)
	helpCommand = regexp.MustCompile(`(?m)^ {2,4}([a-z][a-z-]+) {2,}\S`)
)

// T10: every subcommand and every flag of the real binary has an explicit
// verdict. A new version with a flag that nobody has thought about fails here.
func TestT10EveryFlagOfTerraformHasAVerdict(t *testing.T) {
	binary, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not on the PATH")
	}
	var lines []string
	for _, name := range terraformCommands(t, binary) {
		sub, known := findSubcommand(name)
		if !known {
			t.Errorf("terraform %s has no verdict: add it to subcommands()", name)
			continue
		}
		if sub.tier == TierNever {
			lines = append(lines, name+": never")
			continue
		}
		lines = append(lines, verdicts(t, name, sub.tier.String(), sub.flags, helpFlags(t, binary, name))...)
	}
	lines = append(lines, verdicts(t, "/plan", "plan", planFlags(), helpFlags(t, binary, "plan"))...)
	lines = append(lines, verdicts(t, "/apply", "apply", applyFlags(), slices.Concat(helpFlags(t, binary, "plan"), helpFlags(t, binary, "apply")))...)
	if t.Failed() {
		return
	}
	golden(t, verdictFile, strings.Join(lines, "\n")+"\n")
}

func verdicts(t *testing.T, name, tier string, allowed []terraformFlag, found []string) []string {
	t.Helper()
	lines := []string{name + ": " + tier}
	slices.Sort(found)
	for _, f := range slices.Compact(found) {
		isAllowed := slices.ContainsFunc(allowed, func(a terraformFlag) bool { return a.name == f })
		reason, isRefused := refusedFlags()[f]
		switch {
		case isAllowed:
			lines = append(lines, fmt.Sprintf("  %s allowed", f))
		case isRefused:
			lines = append(lines, fmt.Sprintf("  %s refused: %s", f, reason))
		default:
			t.Errorf("%s %s has no verdict: allow it or give a reason in refusedFlags()", name, f)
		}
	}
	return lines
}

// terraformCommands lists what `terraform -help` shows, and the subcommands of
// those that have some.
func terraformCommands(t *testing.T, binary string) []string {
	t.Helper()
	var out []string
	for _, m := range helpCommand.FindAllStringSubmatch(helpText(t, binary), -1) {
		out = append(out, m[1])
		if slices.Contains([]string{"state", "workspace", "providers", "metadata"}, m[1]) {
			for _, n := range helpCommand.FindAllStringSubmatch(helpText(t, binary, m[1]), -1) {
				out = append(out, m[1]+" "+n[1])
			}
		}
	}
	groups := []string{"state", "workspace"} // these do nothing alone
	out = slices.DeleteFunc(out, func(name string) bool { return slices.Contains(groups, name) })
	if len(out) < 25 {
		t.Fatalf("terraform -help lists only %q", out)
	}
	return out
}

func helpFlags(t *testing.T, binary, name string) []string {
	t.Helper()
	var out []string
	for _, m := range helpFlag.FindAllStringSubmatch(helpText(t, binary, strings.Fields(name)...), -1) {
		out = append(out, m[1])
	}
	return out
}

func helpText(t *testing.T, binary string, words ...string) string {
	t.Helper()
	cmd := exec.Command(binary, append(words, "-help")...)
	cmd.Env = []string{"CHECKPOINT_DISABLE=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, _ := cmd.CombinedOutput() // -help exits with 127 for a group of commands
	return string(out)
}

func TestT10TheHelpOfTerraformIsReadAtAll(t *testing.T) {
	text, err := os.ReadFile(verdictFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"-target allowed", "-var refused", "-lock refused", "-out refused", "-auto-approve refused", "console: never", "state rm: mutating", "validate: read"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not hold %q", verdictFile, want)
		}
	}
}

// lines gives, for every place that takes flags, the command line up to the
// flags, what must follow them, and the allow-list.
type place struct {
	before, after string
	allowed       []terraformFlag
}

func places() []place {
	var out []place
	for _, s := range All() {
		if s.takes == takesProjects {
			out = append(out, place{"/" + string(s.Name) + " --", "", s.flags})
		}
	}
	arguments := map[string]string{"import": " a.b c", "state mv": " a.b c.d", "state rm": " a.b", "taint": " a.b", "untaint": " a.b",
		"force-unlock": " 1f-2e", "workspace new": " qa", "workspace delete": " qa"}
	for _, sub := range subcommands() {
		if sub.tier != TierNever {
			required := ""
			if sub.require != "" {
				required = " " + sub.require
			}
			out = append(out, place{"/terraform " + sub.name + " --" + required, arguments[sub.name], sub.flags})
		}
	}
	return out
}

// T10: exhaustively, every place that takes flags against every flag that
// terraform has, in every form that terraform accepts.
func TestT10FlagsAgainstEveryAllowList(t *testing.T) {
	good := map[string]string{"-target": "=a.b", "-replace": "=a.b", "-refresh": "=false", "-parallelism": "=10", "-id": "=i-1", "-type": "=plan"}
	for _, p := range places() {
		if got := parseAll(p.before + p.after); got.Command == nil {
			t.Errorf("%s%s is refused: %s", p.before, p.after, got.Reply)
		}
		names := slices.Collect(maps.Keys(refusedFlags()))
		for _, a := range p.allowed {
			names = append(names, a.name)
		}
		for _, name := range append(names, "-frobnicate", "-") {
			i := slices.IndexFunc(p.allowed, func(a terraformFlag) bool { return a.name == name })
			isRequired := strings.HasSuffix(p.before, " "+name)
			if want := i >= 0 && !isRequired; want {
				expect(t, p, " "+name+good[name], true)
				expect(t, p, " "+name+good[name]+" "+name+good[name], p.allowed[i].repeat)
			}
			expect(t, p, " -"+name+good[name], false)
			if i < 0 || p.allowed[i].value.ok != nil {
				expect(t, p, " "+name, false)
			}
			for _, val := range []string{"=", "=true", "=1", "=x", "=$HOME", "=`id`", "=%s", "=%HOME%", "=a.b;id", "='a.b'", " a.b", "==", "=-1", "=/etc/passwd", "=../x"} {
				isGood := i >= 0 && p.allowed[i].value.ok != nil && val != "=" && p.allowed[i].value.ok(val[1:]) && val[0] == '='
				if !isGood {
					expect(t, p, " "+name+val, false)
				}
			}
		}
	}
}

func expect(t *testing.T, p place, flags string, want bool) {
	t.Helper()
	line := p.before + flags + p.after
	// Subcommands with arguments of their own may read " a.b" as one of them.
	if strings.HasSuffix(flags, " a.b") && strings.HasPrefix(p.before, "/terraform") {
		return
	}
	got := parseAll(line)
	if (got.Command != nil) != want {
		t.Errorf("%s is a command %t, want %t: %s", line, got.Command != nil, want, got.Reply)
	}
	if !want && !strings.Contains(got.Reply, "Usage: `/") {
		t.Errorf("%s is refused without usage: %q", line, got.Reply)
	}
}

// T11: nothing in a comment is expanded and the value never comes back.
func TestT11ExpansionIsRefused(t *testing.T) {
	const secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	t.Setenv("LOCKKEEPER_SECRET", secret)
	for _, line := range []string{"/plan -- -parallelism=$LOCKKEEPER_SECRET", "/plan -- -parallelism=${LOCKKEEPER_SECRET}", "/plan $LOCKKEEPER_SECRET",
		"/plan -- -target=`env`", "/plan -- -target=%LOCKKEEPER_SECRET%", "/ephemeral ttl=$LOCKKEEPER_SECRET", `/plan -- -target=a.b["$HOME"]`} {
		got := parseAll(line)
		if got.Command != nil || got.Reply == "" || strings.Contains(got.Reply, secret) {
			t.Errorf("Parse(%q) = %+v", line, got)
		}
	}
}

func TestTerraformPassThrough(t *testing.T) {
	tests := []struct{ name, body, says string }{
		{"no subcommand", "/terraform", "a terraform subcommand is missing"},
		{"only flags", "/terraform -- -target=a.b", "a terraform subcommand is missing"},
		{"an unknown subcommand", "/terraform frobnicate", "`frobnicate` is not a subcommand"},
		{"a group alone", "/terraform state", "`state` is not a subcommand"},
		{"an unknown one of a group", "/terraform state burn", "`state` is not a subcommand"},
		{"apply", "/terraform apply", "Type `/apply`"},
		{"console", "/terraform console web", "never passed on"},
		{"state pull", "/terraform state pull", "never passed on"},
		{"init", "/terraform init -- -migrate-state", "never passed on"},
		{"show", "/terraform show", "never passed on"},
		{"global option first", "/terraform -chdir=/ validate", "not a subcommand"},
		{"output of one value", "/terraform output -- password", "one argument too many"},
		{"output raw", "/terraform output -- -raw password", "`-raw` is not allowed here"},
		{"fmt that writes", "/terraform fmt", "needs `-check`"},
		{"import without an ID", "/terraform import -- a.b", "needs an identifier"},
		{"import of an option", "/terraform import -- a.b -config=/", "`-config=/` is not an identifier"},
		{"a flag after an argument", "/terraform state rm -- a.b -lock=false", "`-lock=false` is not a resource address"},
		{"workspace that climbs", "/terraform workspace new -- ../x", "is not the name of a workspace"},
		{"a key", "/terraform validate ttl=4h", "`ttl` is not an argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := parseAll(tt.body)
			if got.Command != nil || !strings.Contains(got.Reply, tt.says) {
				t.Errorf("Parse(%q) = %+v, want a reply that says %q", tt.body, got, tt.says)
			}
		})
	}
}
