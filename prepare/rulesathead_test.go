package prepare_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// The rules of a pull request are checked where they change, and those of the base
// branch judge.
func TestRulesAreCheckedAtTheHeadThatChangesThem(t *testing.T) {
	f := newFixture(t, double.Files{"a/main.tf": root, "policy/deny.rego": "package a\n", "policy/data.json": "{}"})
	f.Preparer.PlanPolicy = prepare.PlanPolicy{Dir: "policy"}
	var seen []string
	f.Preparer.CheckRules = func(_ context.Context, top, dir string) ([]run.Diagnostic, error) {
		seen = nil
		err := filepath.WalkDir(filepath.Join(top, dir), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(top, path)
				seen = append(seen, rel)
			}
			return err
		})
		content, _ := os.ReadFile(filepath.Join(top, dir, "deny.rego"))
		if strings.Contains(string(content), "{{") {
			return []run.Diagnostic{{Path: "policy/deny.rego", Line: 3, Message: "a <b> mistake"}}, err
		}
		return nil, err
	}
	n, _ := f.Open(double.Files{"policy/deny.rego": "package a\n{{\n", "policy/deny_test.rego": "package a\n"})
	p, err := f.Prepare(n)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]run.Diagnostic{{Path: "policy/deny.rego", Line: 3, Message: "a <b> mistake"}}, p.Mistakes); d != "" || p.ConfigMistakes != 1 {
		t.Errorf("mistakes (-want +got):\n%s", d)
	}
	if !slices.Equal(seen, []string{"policy/data.json", "policy/deny.rego"}) {
		t.Errorf("checked: %q", seen)
	}
	if said := strings.Join(p.Notes, "\n"); !strings.Contains(said, "have a mistake, the first in `policy/deny.rego:3`: `a <b> mistake`") {
		t.Errorf("said: %s", said)
	}
	f.Preparer.CheckRules = func(context.Context, string, string) ([]run.Diagnostic, error) {
		return nil, errors.New("no evaluator")
	}
	if _, err = f.Prepare(n); err == nil {
		t.Error("rules that nobody could check pass")
	}
}

func TestRulesThatStayAreNotCheckedAgain(t *testing.T) {
	f := newFixture(t, double.Files{"a/main.tf": root, "policy/deny.rego": "package a\n"})
	f.Preparer.PlanPolicy = prepare.PlanPolicy{Dir: "policy"}
	f.Preparer.CheckRules = func(context.Context, string, string) ([]run.Diagnostic, error) {
		return nil, errors.New("checked without a change")
	}
	n, _ := f.Open(double.Files{"a/main.tf": root + "#\n"})
	if p, err := f.Prepare(n); err != nil || len(p.Mistakes) > 0 {
		t.Errorf("%v, %v", p.Mistakes, err)
	}
}
