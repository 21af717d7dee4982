package local_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// applied plans and applies the real project of one file.
func (f *fixture) applied(t *testing.T, main string) run.Result {
	t.Helper()
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	doc := backendtest.Document("run-0", backendtest.Source(t, f.artifacts, map[string]string{"app/main.tf": main}))
	doc.Project.BackendConfig = map[string]string{"path": filepath.Join(backendtest.Shared(t), "terraform.tfstate")}
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	planned := inbox.Finished(t, doc.JobID)
	if planned.Outcome != run.OutcomeSucceeded {
		t.Fatalf("planning: %+v", planned.Problem)
	}
	doc = backendtest.Apply(doc, planned)
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	return inbox.Finished(t, doc.JobID)
}

// Absolute paths are in a plan, and its apply is in another directory.
func TestPathsOfAPlanAreThoseOfItsApply(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := f.applied(t, "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"a\" {\n  input = [path.cwd, abspath(path.root)]\n}\n")
	if r.Outcome != run.OutcomeSucceeded {
		t.Errorf("%+v", r.Problem)
	}
	views := filepath.Join(f.options.Dir, ".views")
	backendtest.Eventually(t, "the view is removed", func() bool { return len(names(t, views)) == 0 })
}

func TestViewsOfRemovedJobsAreRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e := f.open(t)
	view := filepath.Join(f.options.Dir, ".views", "run-7")
	if err := os.Symlink("../run-7", view); err != nil {
		t.Fatal(err)
	}
	backendtest.Serve(t, e, backendtest.NewInbox())
	backendtest.Eventually(t, "the view is removed", func() bool {
		_, err := os.Lstat(view)
		return os.IsNotExist(err)
	})
}

// T40: an apply gets the secrets of an apply, and shows none of the plan's.
func TestT40_SecretsOfAnApply(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.options.Secrets = func(_ context.Context, _ run.JobEnvironment, kind run.Kind) (map[string]string, error) {
		return map[string]string{"GIVEN": fmt.Sprintf("canary-of-the-%s", kind)}, nil
	}
	r := f.applied(t, `
terraform {
  backend "local" {}
}
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo $${#GIVEN} $GIVEN; echo canary-of-the-plan"
  }
}
`)
	out, err := f.artifacts.ReadAll(t.Context(), r.Artifacts[run.ArtifactOutput], 1<<20)
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("%d (redacted)", len("canary-of-the-apply"))) || strings.Contains(string(out), "canary") {
		t.Errorf("%v, %+v, output:\n%s", err, r.Problem, out)
	}
}

// What a killed apply left stays when it cannot be stored: it may be all that
// is known of what was made.
func TestWhatCannotBeStoredOfAKilledApplyStays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	runner := filepath.Join(t.TempDir(), "runner")
	script := fmt.Sprintf("#!/bin/sh\nfor a; do [ \"$a\" = -recover ] && exit 1; done\nexec '%s' \"$@\"\n", f.options.Executable[0])
	syscall.ForkLock.RLock() // a child that holds it open for writing keeps it from being run (ETXTBSY)
	err := os.WriteFile(runner, []byte(script), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	f.options.Executable = []string{runner}
	a := f.applying(t)
	doc := a.doc
	f.harness().KillRunner(t, doc.JobID)
	a.terraform.Go(t)
	r := a.inbox.Finished(t, doc.JobID)
	if r.Problem == nil || r.Problem.Code != "interrupted" || !r.Began {
		t.Errorf("%+v, %+v", r, r.Problem)
	}
	a.stop() // when everything about the job is done
	if content, err := os.ReadFile(filepath.Join(f.options.Dir, doc.JobID, "terraform.out")); err != nil || !strings.Contains(string(content), "Creating...") {
		t.Errorf("what terraform printed: %q, %v", content, err)
	}
}

// applying is an engine whose fake terraform applies.
type applying struct {
	engine    run.Backend
	inbox     *backendtest.Inbox
	stop      func()
	doc       run.JobDocument
	terraform backendtest.Signals
}

func (f *fixture) applying(t *testing.T) applying {
	t.Helper()
	e, inbox := f.open(t), backendtest.NewInbox()
	stop := backendtest.Serve(t, e, inbox)
	signals := backendtest.NewSignals(t)
	signals.Go(t)
	doc := backendtest.Document("run-0", backendtest.Source(t, f.artifacts, backendtest.FakeSource))
	doc.Project.Terraform, doc.Flags = backendtest.Fake, []string{signals.Flag()}
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	doc = backendtest.Apply(doc, inbox.Finished(t, doc.JobID))
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	backendtest.Eventually(t, "the apply runs", func() bool { return signals.Apply().Runs() == 1 })
	return applying{e, inbox, stop, doc, signals.Apply()}
}

// A terraform that its runner left behind is interrupted, too.
func TestAnOrphanedApplyIsCancelled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a := f.applying(t)
	f.harness().KillRunner(t, a.doc.JobID)
	if err := a.engine.Cancel(t.Context(), a.doc.JobID); err != nil {
		t.Fatal(err)
	}
	r := a.inbox.Finished(t, a.doc.JobID)
	if r.Problem == nil || r.Problem.Code != "interrupted" || !r.Began || !a.terraform.Interrupted() {
		t.Errorf("interrupted %v, %+v, %+v", a.terraform.Interrupted(), r, r.Problem)
	}
}

// T35: an apply that is interrupted gets the time to write its state.
func TestAnAppliesGraceIsItsOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.options.Executable = []string{"/bin/sh", "-c", `echo "$@"`, "sh"}
	f.options.Grace, f.options.ApplyGrace = 0, 0
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	for kind, grace := range map[run.Kind]string{run.KindPlan: "-grace=30s", run.KindApply: "-grace=10m0s"} {
		doc := backendtest.Document("run-"+string(kind), run.Artifact{})
		doc.Command = kind
		if err := e.Start(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
		if r := inbox.Finished(t, doc.JobID); !strings.Contains(r.Problem.Detail, grace) {
			t.Errorf("%s: no %s in %s", kind, grace, r.Problem.Detail)
		}
	}
}
