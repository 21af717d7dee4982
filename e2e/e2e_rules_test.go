package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/cli"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// withEvaluator puts lockkeeper-evaluator, which the test binary is too, on the
// PATH.
func withEvaluator(t *testing.T) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(executable, filepath.Join(dir, app.EvaluatorName)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

const noExtras = `package main

deny contains msg if {
	some rc in input.resource_changes
	rc.name == "extra"
	msg := sprintf("%s: extras are not allowed, not even %s", [rc.address, rc.change.after.input])
}

warn contains "think twice"
`

// T08: rules of the base branch judge a pull request that would abolish them;
// from the merge on the new ones do.
func TestT08_APullRequestIsJudgedByTheRulesOfItsBase(t *testing.T) {
	withEvaluator(t)
	s := storyAlone(t, func(c map[string]any) { c["plan_policy"] = map[string]any{"dir": "policy"} })
	push := func(branch string, files github.Files) {
		t.Helper()
		_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, branch, "Change "+branch, files)
		s.check(err)
	}
	push(demo.DefaultBranch, github.Files{"policy/extras.rego": noExtras})
	change := aChange("@everyone") // a message can ping nobody
	change["policy/extras.rego"] = strings.ReplaceAll(noExtras, `"extra"`, `"other"`)
	n := s.open("evil", change)
	s.quiet()
	s.wants(s.last(n), "terraform_data.extra: extras are not allowed, not even `@everyone`", "think twice", "changes the rules in `policy`")
	_, err := s.world.GitHub.As(ana).MergePull(sandbox.Repository, n, "merge")
	s.check(err)
	s.quiet()
	n = s.planned("good")
	if strings.Contains(s.last(n), "not allowed") {
		t.Errorf("a rule that was merged away still judges:\n%s", s.last(n))
	}
	s.wants(s.last(n), "think twice")
}

// I6: rules with mistakes stop every plan, and say where they are.
func TestMistakesInRulesStopPlans(t *testing.T) {
	long(t) // a runner says it of each mistake
	withEvaluator(t)
	s := storyAlone(t, func(c map[string]any) { c["plan_policy"] = map[string]any{"dir": "policy"} })
	n := s.open("none", aChange("none"))
	s.quiet()
	s.wants(s.last(n), "`policy` on the base branch cannot be used: no rules are there")
	_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, demo.DefaultBranch, "Break it", github.Files{"policy/extras.rego": noExtras + "deny contains nope(1)\n"})
	s.check(err)
	s.says(ana, n, "/plan")
	s.wants(s.last(n), "policy/extras.rego:10: rego_type_error: undefined function nope", "cannot be applied")
	if c := s.check1(n, "lockkeeper/plan"); c.Conclusion != "failure" {
		t.Errorf("plan check %+v", c)
	}
}

// Without the program that judges, a server that has to judge does not start.
func TestAServerThatCannotJudgeDoesNotStart(t *testing.T) {
	s := newStage(t, func(c map[string]any) { c["plan_policy"] = map[string]any{"dir": "policy"} })
	cfg, err := cli.LoadConfig(t.Context(), s.config)
	s.check(err)
	_, err = app.New(t.Context(), cfg, app.Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "plan_policy is set in the config, and lockkeeper-evaluator is missing") {
		t.Errorf("%v", err)
	}
}
