package rego

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The test binary is the evaluator, too.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "lockkeeper-evaluator" {
		os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// evaluator runs the program as the runner does, in a directory with the rules
// below policy.
func evaluator(t *testing.T, rules map[string]string, plan string, args ...string) (code int, out, complaints string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, files(rules)); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "lockkeeper-evaluator")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program, append([]string{"-rules", "policy"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, []string{"GORACE=atexit_sleep_ms=0"}, strings.NewReader(plan), &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

func TestEvaluator(t *testing.T) {
	rules := map[string]string{"a.rego": "package main\ndeny contains sprintf(\"Terraform %s\", [input.terraform_version])\nwarn contains \"w\""}
	for name, c := range map[string]struct {
		rules       map[string]string
		plan        string
		args        []string
		code        int
		out, errors string
	}{
		"a verdict": {
			rules, `{"terraform_version": "1.11.4"}` + "\n", nil,
			ExitJudged, `{"denied":[{"rule":"main.deny","message":"Terraform 1.11.4"}],"warned":[{"rule":"main.warn","message":"w"}],"rules":2}` + "\n", "",
		},
		"a check":           {rules, "", []string{"-check"}, ExitJudged, `{"rules":2}` + "\n", ""},
		"a mistake":         {map[string]string{"a.rego": good + "x := 1 +"}, "{}", nil, ExitMistakes, "", "policy/a.rego:3: rego_parse_error: "},
		"a checked mistake": {map[string]string{"a.rego": good + "x := 1 +"}, "", []string{"-check"}, ExitMistakes, "", "policy/a.rego:3: rego_parse_error: "},
		"a rule that fails": {map[string]string{"a.rego": "package main\ndeny contains \"x\" if to_number(\"x\") > 1"}, "{}", nil, ExitMistakes, "", "policy/a.rego:2: eval_builtin_error: "},
		"no plan":           {rules, "", nil, ExitFailed, "", "reading the plan: EOF\n"},
		"half a plan":       {rules, `{"terraform_version": `, nil, ExitFailed, "", "reading the plan: unexpected EOF\n"},
		"no rules there":    {nil, "{}", nil, ExitMistakes, "", "policy: there is no such directory\n"},
		"outside":           {rules, "{}", []string{"-rules", "../policy"}, ExitFailed, "", "reading the rules: "},
		"another argument":  {rules, "{}", []string{"-nope"}, ExitFailed, "", "flag provided but not defined: -nope\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, complaints := evaluator(t, c.rules, c.plan, c.args...)
			if code != c.code || out != c.out || !strings.HasPrefix(complaints, c.errors) || c.errors == "" && complaints != "" {
				t.Errorf("exit %d\n%s\n%s", code, out, complaints)
			}
		})
	}
}
