package local_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestSecretsReachTerraformAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.options.Secrets = func(_ context.Context, env run.JobEnvironment, kind run.Kind) (map[string]string, error) {
		return map[string]string{"TF_VAR_token": "canary-" + env.Name + "-" + string(kind)}, nil
	}
	doc := backendtest.Document("run-0", backendtest.Source(t, f.artifacts, map[string]string{
		"app/main.tf": "variable \"token\" {}\noutput \"length\" {\n  value = \"${length(var.token)} ${var.token}\"\n}\n",
	}))
	doc.Environment.Name = "prod"
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	r := inbox.Finished(t, doc.JobID)
	if r.Outcome != run.OutcomeSucceeded {
		t.Fatalf("%+v", r.Problem)
	}
	backendtest.Eventually(t, "the job is tidied", func() bool {
		left := names(t, filepath.Join(f.options.Dir, doc.JobID))
		return cmp.Equal(left, []string{"claimed", "delivered", "job.json", "result.json", "runner.log"})
	})
	out, err := f.artifacts.ReadAll(t.Context(), r.Artifacts[run.ArtifactOutput], 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), fmt.Sprintf("%d (redacted)", len("canary-prod-plan"))) {
		t.Errorf("terraform did not get the secret, or it is shown:\n%s", out)
	}
	// Nothing that stays holds it, but for the plan file itself, which is
	// compressed and goes to apply alone.
	for _, dir := range []string{f.options.Dir, f.options.Artifacts} {
		err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(name)
			if strings.Contains(string(content), "canary") {
				t.Errorf("%s holds the secret", name)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestJobsThatCannotBegin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*local.Options)
		code   string
	}{
		"no secrets": {func(o *local.Options) {
			o.Secrets = func(context.Context, run.JobEnvironment, run.Kind) (map[string]string, error) {
				return nil, errors.New("vault is sealed")
			}
		}, "secrets_unavailable"},
		"a secret with a bad name": {func(o *local.Options) {
			o.Secrets = func(context.Context, run.JobEnvironment, run.Kind) (map[string]string, error) {
				return map[string]string{"LD_PRELOAD": "x"}, nil
			}
		}, "secrets_unavailable"},
		"no such version":    {func(o *local.Options) { o.Terraform = none{} }, "terraform_version"},
		"no such program":    {func(o *local.Options) { o.Executable = []string{"/nope/lockkeeper"} }, "runner_failed"},
		"a runner that dies": {func(o *local.Options) { o.Executable = []string{"/bin/false"} }, "runner_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.change(&f.options)
			e, inbox := f.open(t), backendtest.NewInbox()
			backendtest.Serve(t, e, inbox)
			source := backendtest.Source(t, f.artifacts, backendtest.FakeSource)
			for _, id := range []string{"run-0", "run-1"} { // the place is free again
				if err := e.Start(t.Context(), backendtest.Document(id, source)); err != nil {
					t.Fatal(err)
				}
				r := inbox.Finished(t, id)
				if r.Outcome != run.OutcomeFailed || r.Problem == nil || r.Problem.Code != c.code {
					t.Errorf("%+v, %+v", r, r.Problem)
				}
			}
		})
	}
}

type none struct{}

func (none) Binary(context.Context, string) (b binary, err error) {
	return b, &run.Problem{Code: "terraform_version", Message: "There is none."}
}

func TestJobIDsAreNoPaths(t *testing.T) {
	f := newFixture(t)
	e := f.open(t)
	for _, id := range []string{"", ".", "..", "../x", "a/b", ".lock", "a\x00", "-x", strings.Repeat("x", 200)} {
		if err := e.Start(t.Context(), backendtest.Document(id, run.Artifact{})); err == nil {
			t.Errorf("took %q", id)
		}
	}
	if left := names(t, f.options.Dir); !slices.Equal(left, []string{".cgroup", ".sources", ".views"}) {
		t.Errorf("made %q", left)
	}
}

func TestOldJobsAreRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e, inbox := f.open(t), backendtest.NewInbox()
	stop := backendtest.Serve(t, e, inbox)
	doc := backendtest.Document("run-0", backendtest.Source(t, f.artifacts, backendtest.FakeSource))
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	inbox.Finished(t, doc.JobID)
	stop()
	dir := filepath.Join(f.options.Dir, doc.JobID)
	for _, c := range []struct {
		age  time.Duration
		left bool
	}{{f.options.Keep, true}, {8 * 24 * time.Hour, false}} {
		f.options.Now = func() time.Time { return time.Now().Add(c.age) }
		stop := backendtest.Serve(t, f.open(t), inbox)
		if c.left {
			stop()
			if _, err := os.Stat(dir); err != nil {
				t.Errorf("gone after %s: %v", c.age, err)
			}
			continue
		}
		backendtest.Eventually(t, "the old job is removed", func() bool {
			_, err := os.Stat(dir)
			return err != nil
		})
		stop()
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	slices.Sort(out)
	return out
}
