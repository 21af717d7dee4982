package runner

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/policy/rego"
	"github.com/lockkeeper/lockkeeper/run"
)

// withRules gives a job rules, by name below policy, and an evaluator.
func (s *setup) withRules(t testing.TB, rules map[string]string) {
	t.Helper()
	files := map[string]string{}
	for name, content := range rules {
		files["policy/"+name] = content
	}
	archive := backendtest.Source(t, s.artifacts, files)
	s.doc.Policy = &archive
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.options.Evaluator = filepath.Join(t.TempDir(), "lockkeeper-evaluator")
	if err := os.Symlink(self, s.options.Evaluator); err != nil {
		t.Fatal(err)
	}
}

// evaluatorScript makes a shell script the evaluator of the job.
func (s *setup) evaluatorScript(t testing.TB, text string) {
	t.Helper()
	s.options.Evaluator = filepath.Join(t.TempDir(), "lockkeeper-evaluator")
	syscall.ForkLock.RLock() // a child that holds it open for writing keeps it from being run (ETXTBSY)
	err := os.WriteFile(s.options.Evaluator, []byte("#!/bin/sh\n"+text), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
}

const quotesInput = `package main
deny contains msg if {
	some rc in input.resource_changes
	msg := sprintf("%s gets %v", [rc.address, rc.change.after.input])
}
warn contains {"msg": data.advice.text, "link": "ignored"}
`

func TestRulesJudgeAPlan(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	s.withRules(t, map[string]string{"a.rego": quotesInput, "advice/a.yaml": "text: think twice\n"})
	r := s.run(t)
	s.summary(t, r)
	want := &run.PolicyResult{
		Rules:  2,
		Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "terraform_data.a gets x"}},
		Warned: []run.PolicyFinding{{Rule: "main.warn", Message: "think twice"}},
	}
	if diff := cmp.Diff(want, r.Policy); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, there := r.Artifacts[run.ArtifactPlan]; !there {
		t.Error("a plan that is denied is kept: an override may apply it")
	}
}

func TestWithoutRulesNothingJudges(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	s.evaluatorScript(t, "exit 9\n")
	r := s.run(t)
	s.summary(t, r)
	if r.Policy != nil {
		t.Errorf("%+v", r.Policy)
	}
}

// T40, T41: a message quotes values that the plan marks as sensitive, and a
// secret of the job, one of them where the message is cut.
func TestNoSecretInAMessage(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": `
variable "unmarked" {}
resource "terraform_data" "a" {
  input = { open = "shown", marked = sensitive("canary-marked"), given = "pw=${var.unmarked}" }
}
`})
	s.withRules(t, map[string]string{"advice/a.yaml": "text: ok\n", "a.rego": quotesInput + `
deny contains msg if {
	marked := input.resource_changes[0].change.after.input.marked
	msg := concat("", array.concat(["-" | some i in numbers.range(1, 995)], [marked]))
}
`})
	s.env = append(s.env, SecretPrefix+"TF_VAR_unmarked=canary-unmarked")
	r := s.run(t)
	s.summary(t, r)
	if len(r.Policy.Denied) != 2 || !strings.HasPrefix(r.Policy.Denied[0].Message, "-----") {
		t.Fatalf("%+v", r.Policy)
	}
	said, err := json.Marshal(r.Policy)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(said), "can") || strings.Count(string(said), Redacted) < 2 || !strings.Contains(string(said), "shown") {
		t.Errorf("%s", said)
	}
	if n := len(r.Policy.Denied[0].Message); n > longestFinding+len("…") {
		t.Errorf("a message of %d bytes", n)
	}
}

// What a rule complains of when it fails may be a secret, too.
func TestNoSecretInAMistake(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": "resource \"terraform_data\" \"a\" {\n  input = sensitive(\"canary-marked\")\n}\n"})
	s.withRules(t, map[string]string{"a.rego": "package main\ndeny contains \"x\" if {\n\tto_number(input.resource_changes[0].change.after.input) > 1\n}\n"})
	r := s.run(t)
	wantProblem(t, r, "policy_broken", "policy/a.rego:3: eval_builtin_error")
	if strings.Contains(r.Problem.Detail, "canary") || !strings.Contains(r.Problem.Detail, Redacted) {
		t.Errorf("%s", r.Problem.Detail)
	}
}

// I6: whatever goes wrong, there is no plan that could be applied.
func TestWhatIsNotJudgedIsNotAPlan(t *testing.T) {
	rules := map[string]string{"a.rego": quotesInput, "advice/a.yaml": "text: ok\n"}
	for name, c := range map[string]struct {
		change       func(*testing.T, *setup)
		code, detail string
	}{
		"a mistake in the rules": {func(t *testing.T, s *setup) {
			s.withRules(t, map[string]string{"a.rego": "package main\n\ndeny contains msg if {\n\tmsg = \n}\n"})
		}, "policy_broken", "policy/a.rego:5: rego_parse_error"},
		"no rules": {func(t *testing.T, s *setup) {
			s.withRules(t, map[string]string{"README.md": "soon"})
		}, "policy_broken", "policy: there is no rule that judges"},
		"a function that reaches out": {func(t *testing.T, s *setup) {
			s.withRules(t, map[string]string{"a.rego": "package main\ndeny contains http.send({\"url\": \"http://127.0.0.1:1\"}).body"})
		}, "policy_broken", "policy/a.rego:2: rego_type_error: undefined function http.send"},
		"no evaluator":              {func(_ *testing.T, s *setup) { s.options.Evaluator = "" }, "policy_failed", "no lockkeeper-evaluator"},
		"an evaluator that is gone": {func(_ *testing.T, s *setup) { s.options.Evaluator += "-gone" }, "policy_failed", "no such file"},
		"an evaluator that crashes": {func(t *testing.T, s *setup) {
			s.evaluatorScript(t, "echo '{\"rules\": 1}'; echo 'panic: oh' >&2; exit 2\n")
		}, "policy_failed", "exit status 2\npanic: oh"},
		"an evaluator that is killed": {func(t *testing.T, s *setup) {
			s.evaluatorScript(t, "echo '{\"rules\": 1}'; kill -9 $$\n")
		}, "policy_failed", "signal: killed"},
		"no verdict":              {func(t *testing.T, s *setup) { s.evaluatorScript(t, "exit 0\n") }, "policy_failed", "reading the verdict"},
		"half a verdict":          {func(t *testing.T, s *setup) { s.evaluatorScript(t, "printf '{\"rules\": 1'\n") }, "policy_failed", "reading the verdict"},
		"no rule was used":        {func(t *testing.T, s *setup) { s.evaluatorScript(t, "echo '{}'\n") }, "policy_failed", "no rule"},
		"rules that are gone":     {func(_ *testing.T, s *setup) { s.doc.Policy.Key += "0" }, "policy_failed", "opening the rules"},
		"rules that were changed": {func(_ *testing.T, s *setup) { s.doc.Policy.SHA256 = strings.Repeat("0", 64) }, "policy_failed", "rules"},
		"rules that take too long": {func(t *testing.T, s *setup) {
			s.doc.Limits.Seconds = 3
			s.evaluatorScript(t, "exec sleep 600\n")
		}, "timed_out", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if slices.Contains([]string{"no rules", "an evaluator that is gone", "an evaluator that is killed", "no verdict", "rules that are gone"}, name) {
				longtest.Only(t) // each has a twin
			}
			t.Parallel()
			s := newSetup(t, map[string]string{"app/main.tf": resource})
			s.withRules(t, rules)
			c.change(t, s)
			r := s.run(t)
			wantProblem(t, r, c.code, c.detail)
			if _, there := r.Artifacts[run.ArtifactSummary]; there || r.Policy != nil || r.Counts != nil {
				t.Errorf("something is left of the plan: %+v", r)
			}
			if _, there := r.Artifacts[run.ArtifactOutput]; !there {
				t.Error("what terraform printed is not kept")
			}
		})
	}
}

func TestRulesHaveATimeLimitOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSetup(t, nil)
	s.withRules(t, map[string]string{"a.rego": quotesInput})
	s.evaluatorScript(t, "exec sleep 600\n")
	j := &job{options: s.options, doc: s.doc, store: s.artifacts, secrets: newRedactor(nil), wrote: map[string][2]part{}}
	if err := os.WriteFile(j.path(printedFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := j.judge(context.Background(), time.Millisecond)
	if p == nil || p.Code != "policy_timed_out" || !strings.Contains(p.Message, "1ms") {
		t.Errorf("%+v", p)
	}
}

// The evaluator has no environment: secrets are in the runner's.
func TestTheEvaluatorGetsNoEnvironment(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	s.withRules(t, map[string]string{"a.rego": quotesInput})
	s.evaluatorScript(t, "tr '\\0' '\\n' < /proc/$$/environ >&2; echo \"args $*\" >&2; exit 1\n")
	s.env = append(s.env, SecretPrefix+"TF_VAR_token=t0ken-value")
	r := s.run(t)
	wantProblem(t, r, "policy_broken", "args -rules policy")
	if r.Problem.Detail != "args -rules policy" {
		t.Errorf("%s", r.Problem.Detail)
	}
}

func TestTheExitCodeOfMistakes(t *testing.T) {
	if exitMistakes != rego.ExitMistakes {
		t.Error("runner and evaluator disagree")
	}
}
