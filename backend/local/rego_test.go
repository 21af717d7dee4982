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
