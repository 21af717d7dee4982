package prepare

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lockkeeper/lockkeeper/gate"
	"github.com/lockkeeper/lockkeeper/policy/rego"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
)

const denies = "package main\ndeny contains \"a\"\n"

// A link in place of a rule would be judged by nothing.
func TestLinkedRulesAreRefused(t *testing.T) {
	p := &Preparer{PlanPolicy: PlanPolicy{Dir: "./policy/"}, Gate: &gate.Keeper{Now: time.Now}}
	_, err := p.baseRules(t.Context(), project.Tree(linkTree{}))
	if problem, ok := errors.AsType[*run.Problem](err); !ok || !strings.Contains(problem.Message, "`policy/b.rego` is a symbolic link") {
		t.Errorf("%v", err)
	}
}

type linkTree struct{ project.Tree }

func (linkTree) Files(context.Context) ([]project.File, error) {
	return []project.File{{Path: "policy/a.rego", Mode: 0o100644}, {Path: "policy/b.rego", Mode: project.ModeSymlink}}, nil
}

// What is archived is what the evaluator loads.
func TestRuleFilesAreThoseOfTheEvaluator(t *testing.T) {
	names := []string{
		"a.rego", "b/c.rego", "a_test.rego", "b/a_test.rego", "a.json", "a.yaml", "a.yml", "a.YML", "a.REGO", "a.rego.bak", "README.md", "rego", ".rego", ".a.rego",
		".b/a.rego", "b/.c/a.json", "b/.json", "x.y.rego", "a_test.json", "json",
	}
	for _, name := range names {
		// Nonsense is a mistake exactly when it is loaded.
		tree := fstest.MapFS{"policy/ok.rego": {Data: []byte(denies)}, "policy/" + name: {Data: []byte("[")}}
		_, err := rego.Load(t.Context(), tree, "policy")
		if loaded := err != nil; loaded != isRuleFile(name) {
			t.Errorf("%s is archived: %v, loaded: %v", name, isRuleFile(name), loaded)
		}
	}
}

func TestEqualRulesGiveAnEqualArchive(t *testing.T) {
	files := []ruleFile{{"a.rego", []byte(denies)}, {"b/c.json", []byte("{}")}}
	one, err1 := rulesArchive(files)
	two, err2 := rulesArchive(slices.Clone(files))
	if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
		t.Errorf("%v, %v", err1, err2)
	}
	if _, err := rulesArchive(nil); err != nil {
		t.Error(err)
	}
}
