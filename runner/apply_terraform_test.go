package runner

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// What the real terraform does when an apply does not go well.

// An interrupted terraform ends the change that is under way, or its
// provisioner, and writes the state.
func TestT35_AnInterruptedApplySavesItsState(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": `
terraform {
  backend "local" {}
}
variable "ledger" {}
resource "terraform_data" "first" {}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "echo begun >> ${var.ledger}; exec sleep 600"
  }
}
resource "terraform_data" "third" {
  depends_on = [terraform_data.second]
}
`})
	a.options.Grace = time.Minute
	r := a.interruptedWhen(t, func() bool { return a.made(t) == "begun" }, func() {})
	wantProblem(t, r, "interrupted", "")
	if !r.Began || !strings.Contains(r.Problem.Message, "exited cleanly") {
		t.Errorf("began %v: %s", r.Began, r.Problem.Message)
	}
	content, err := os.ReadFile(a.state)
	if err != nil || !strings.Contains(string(content), `"name": "first"`) || strings.Contains(string(content), `"name": "third"`) {
		t.Errorf("%v, state:\n%s", err, content)
	}
	if out := a.read(t, r.Artifacts[run.ArtifactOutput]); !strings.Contains(out, "Interrupt received.") {
		t.Errorf("output:\n%s", out)
	}
}

// A second interrupt would make terraform drop the state.
func TestT35_TerraformGetsOneInterrupt(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	a.options.Grace = time.Minute
	dir := a.shared(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	a.script(t, fmt.Sprintf("cd '%s'; trap 'echo int >> interrupts' INT; : > up; while [ ! -e go ]; do sleep 0.02; done; exit 1\n", dir))
	interrupts := func() int {
		content, _ := os.ReadFile(in("interrupts"))
		return strings.Count(string(content), "int")
	}
	r := a.interruptedWhen(t, func() bool { _, err := os.Stat(in("up")); return err == nil }, func() {
		backendtest.Eventually(t, "an interrupt", func() bool { return interrupts() > 0 })
		if err := os.WriteFile(in("go"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	wantProblem(t, r, "interrupted", "")
	if n := interrupts(); n != 1 {
		t.Errorf("terraform got %d interrupts", n)
	}
}

// interruptedWhen runs the job, asks it to end, twice, at a moment, and does
// what comes then.
func (a *applying) interruptedWhen(t *testing.T, moment func() bool, then func()) run.Result {
	t.Helper()
	alive, err := os.Create(filepath.Join(t.TempDir(), "alive"))
	if err != nil {
		t.Fatal(err)
	}
	a.files, a.options.AliveFD = []*os.File{alive}, 3
	result := make(chan run.Result, 1)
	go func() { result <- a.run(t) }()
	backendtest.Eventually(t, "the moment", moment)
	content, err := os.ReadFile(alive.Name())
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(content), &pid); err != nil {
		t.Fatal(err)
	}
	for range 2 { // one interrupt for terraform: a second one would make it drop the state
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	then()
	return <-result
}

// gitModule makes a repository with a module that reads a file of its own.
func gitModule(t *testing.T) (dir string, change func()) {
	t.Helper()
	dir = t.TempDir()
	commit := func(content string) {
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x"}} {
			cmd := exec.Command("git", args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("of the module"), 0o600); err != nil {
		t.Fatal(err)
	}
	const module = "resource \"terraform_data\" \"m\" {\n  input = [path.module, file(\"${path.module}/file\")]\n}\n"
	commit(module)
	return dir, func() { commit(module + "# changed\n") }
}

// serveGit serves the repository in a directory over HTTP.
func serveGit(t testing.TB, dir string) (address string) {
	t.Helper()
	core, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(core)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"},
	})
	t.Cleanup(h.Close)
	return "git::" + h.URL + "/.git"
}

// Modules that are not in the repository are installed again for the apply, to
// the same place.
func TestModulesFromElsewhereAreThereInTheApply(t *testing.T) {
	t.Parallel()
	for changed, code := range map[bool]string{false: "", true: "module_changed"} {
		dir, change := gitModule(t)
		a := plans(t, map[string]string{"app/main.tf": "terraform {\n  backend \"local\" {}\n}\nmodule \"m\" {\n  source = \"" + serveGit(t, dir) + "\"\n}\n"})
		if d := a.summary(t, a.plan).Changes[0].Diff; !strings.Contains(fmt.Sprint(d), `".terraform/modules/m"`) {
			t.Errorf("path.module in the plan: %+v", d)
		}
		if changed {
			change()
		}
		r := a.run(t)
		if !changed && (r.Outcome != run.OutcomeSucceeded || !slices.Equal(stepsOf(r), []string{"init", "apply"})) {
			t.Errorf("%+v, %+v", r, r.Problem)
		}
		if changed {
			wantProblem(t, r, code, "")
			if r.Began || !strings.Contains(r.Problem.Message, "`m`") {
				t.Errorf("began %v: %s", r.Began, r.Problem.Message)
			}
		}
	}
}

// Providers that this machine has need no init, and are those of the plan. No
// provider runs in this test: it is in the lock file alone.
func TestProvidersOfAnApply(t *testing.T) {
	t.Parallel()
	first, err := initJob(t, "run-9", t.TempDir(), zipMirror(t), "")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(filepath.Join(first.dir, lockFile))
	if err != nil {
		t.Fatal(err)
	}
	a := plans(t, map[string]string{"app/main.tf": ledger})
	a.options.Providers = first.options.Providers
	a.lockPlan(t, lock)
	r := a.run(t)
	if r.Outcome != run.OutcomeSucceeded || !slices.Equal(stepsOf(r), []string{"apply"}) {
		t.Fatalf("%+v, %+v", r, r.Problem)
	}
	rel := filepath.Join(fakeSource, fakeVersion, platform)
	link := filepath.Join(a.options.Dir, "source/app", providersDir, rel)
	if to, err := os.Readlink(link); err != nil || to != filepath.Join(a.options.Providers, packagesDir, rel) {
		t.Errorf("the provider is at %q, %v", to, err)
	}

	// Another package under the same version is not taken.
	a.planAgain(t, "plan-1")
	a.lockPlan(t, lock)
	if err := os.WriteFile(filepath.Join(a.options.Providers, hashesDir, rel), []byte("h1:other="), 0o600); err != nil {
		t.Fatal(err)
	}
	if r = a.run(t); len(r.Steps) == 0 || r.Steps[0].Name != "init" {
		t.Errorf("%+v, %+v", r, r.Problem)
	}
}

// lockPlan stores the plan with another lock file in it.
func (a *applying) lockPlan(t *testing.T, lock []byte) {
	t.Helper()
	old, err := zip.NewReader(strings.NewReader(a.read(t, a.doc.Plan.File)), a.doc.Plan.File.Size)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range old.File {
		if f.Name != lockFile {
			err = errors.Join(err, z.Copy(f))
		}
	}
	w, createErr := z.Create(lockFile)
	if err := errors.Join(err, createErr); err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(lock)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	if a.doc.Plan.File, err = a.artifacts.Put(t.Context(), a.doc.Plan.File.Key, &b); err != nil {
		t.Fatal(err)
	}
}

// T40: what terraform got when it planned is in the plan, and may be printed.
func TestT40_SecretsOfPlanAndApplyAreNotShown(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": `
terraform {
  backend "local" {}
}
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo canary-of-the-plan, $GIVEN, $(echo $GIVEN | base64)"
  }
}
`})
	a.env = append(a.env, MaskPrefix+"TF_VAR_x=canary-of-the-plan", SecretPrefix+"GIVEN=canary-of-the-apply")
	r := a.run(t)
	out := a.read(t, r.Artifacts[run.ArtifactOutput])
	if r.Outcome != run.OutcomeSucceeded || strings.Contains(out, "canary") || strings.Count(out, Redacted) < 3 {
		t.Errorf("%+v, output:\n%s", r.Problem, out)
	}
}
