package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// The engine tells its runners what judges plans by rules.
func TestRulesJudgePlansOfTheEngine(t *testing.T) {
	f := newFixture(t)
	f.options.Evaluator = filepath.Join(t.TempDir(), "evaluator")
	script := "#!/bin/sh\nwhile read -r line; do seen=$seen$line; done\n" +
		`case "$*/$seen" in "-rules policy/{"*) echo '{"denied":[{"rule":"main.deny","message":"no"}],"rules":1}' ;; esac` + "\n"
	if err := os.WriteFile(f.options.Evaluator, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	rules := backendtest.Source(t, f.artifacts, map[string]string{"policy/a.rego": "package main\n"})
	doc := backendtest.Document("run-0", backendtest.Source(t, f.artifacts, map[string]string{"app/main.tf": "resource \"terraform_data\" \"a\" {}\n"}))
	doc.Policy = &rules
	engine, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, engine, inbox)
	if err := engine.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	want := &run.PolicyResult{Denied: []run.PolicyFinding{{Rule: "main.deny", Message: "no"}}, Rules: 1}
	if diff := cmp.Diff(want, inbox.Finished(t, "run-0").Policy); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A large plan takes the evaluator gigabytes, so a job that is judged keeps its
// turn until then: with one turn there is one evaluator.
func TestRulesAreJudgedInTurn(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	f.options.Parallel, f.options.Evaluator = 1, filepath.Join(dir, "evaluator")
	script := "#!/bin/sh\nmkdir " + dir + "/busy || exit 9\nsleep 0.5\nrmdir " + dir + "/busy\necho '{\"rules\":1}'\n"
	if err := os.WriteFile(f.options.Evaluator, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	rules := backendtest.Source(t, f.artifacts, map[string]string{"policy/a.rego": "package main\n"})
	source := backendtest.Source(t, f.artifacts, map[string]string{"app/main.tf": "resource \"terraform_data\" \"a\" {}\n"})
	engine, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, engine, inbox)
	for _, id := range []string{"run-0", "run-1", "run-2"} {
		doc := backendtest.Document(id, source)
		doc.Policy = &rules
		if err := engine.Start(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"run-0", "run-1", "run-2"} {
		if r := inbox.Finished(t, id); r.Problem != nil {
			t.Errorf("%s: %+v", id, r.Problem)
		}
	}
}
