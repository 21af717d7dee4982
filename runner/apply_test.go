package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// ledger is a project whose resources write a line each when they are made.
const ledger = `
terraform {
  backend "local" {}
}
variable "ledger" {}
resource "terraform_data" "a" {
  count = 2
  provisioner "local-exec" {
    command = "echo ${count.index} >> ${var.ledger}"
  }
}
`

// applying is a project with its state and ledger, and what was planned of it.
type applying struct {
	*setup
	state, ledger string
	planned       run.JobDocument
	plan          run.Result
}

// plans makes a plan of a project that may have the variable ledger.
func plans(t testing.TB, files map[string]string) *applying {
	t.Helper()
	a := &applying{setup: newSetup(t, files)}
	dir := t.TempDir()
	a.state, a.ledger = filepath.Join(dir, "terraform.tfstate"), filepath.Join(dir, "ledger")
	a.doc.Project.BackendConfig = map[string]string{"path": a.state}
	if strings.Contains(files["app/main.tf"], `"ledger"`) {
		a.doc.Flags = []string{"-var=ledger=" + a.ledger}
	}
	a.planAgain(t, a.doc.JobID)
	return a
}

// planAgain makes a plan that the next apply takes.
func (a *applying) planAgain(t testing.TB, id string) {
	t.Helper()
	a.doc.Command, a.doc.Plan = run.KindPlan, nil
	a.next(t, id)
	a.plan = a.run(t)
	if a.plan.Outcome != run.OutcomeSucceeded {
		t.Fatalf("planning: %+v", a.plan.Problem)
	}
	a.planned = a.doc
	a.doc = backendtest.Apply(a.planned, a.plan)
	a.next(t, a.doc.JobID)
}

// next makes the directory of another job.
func (a *applying) next(t testing.TB, id string) {
	t.Helper()
	a.options.Dir = filepath.Join(filepath.Dir(a.options.Dir), id)
	if err := os.MkdirAll(a.options.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	a.doc.JobID, a.doc.RunID = id, run.RunOfJob(id)
	a.options.View = filepath.Join(filepath.Dir(a.ledger), "view")
	if err := os.Remove(a.options.View); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.Symlink(a.options.Dir, a.options.View); err != nil {
		t.Fatal(err)
	}
}

// made lists the lines of the ledger.
func (a *applying) made(t testing.TB) string {
	t.Helper()
	content, err := os.ReadFile(a.ledger)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(content)), " ")
}

// nothingMade fails the test when something was applied.
func (a *applying) nothingMade(t testing.TB) {
	t.Helper()
	if made := a.made(t); made != "" {
		t.Errorf("something was made: %q", made)
	}
	if _, err := os.Stat(a.state); !os.IsNotExist(err) {
		t.Errorf("there is a state: %v", err)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	r := a.run(t)
	if r.Outcome != run.OutcomeSucceeded || r.Problem != nil || !r.Began {
		t.Fatalf("%+v, %+v", r, r.Problem)
	}
	if made := a.made(t); made != "0 1" && made != "1 0" {
		t.Errorf("made: %q", made)
	}
	if out := a.read(t, r.Artifacts[run.ArtifactOutput]); !strings.Contains(out, "$ terraform apply\n") || !strings.Contains(out, "Apply complete! Resources: 2 added") {
		t.Errorf("output:\n%s", out)
	}
	if len(r.Steps) != 1 || r.Steps[0].Name != "apply" {
		t.Errorf("terraform ran %+v: the plan file has all that an apply needs", r.Steps)
	}
	var state struct{ Resources []struct{ Instances []any } }
	content, err := os.ReadFile(a.state)
	if err := json.Unmarshal(content, &state); err != nil || len(state.Resources) != 1 || len(state.Resources[0].Instances) != 2 {
		t.Errorf("state: %v, %s", err, content)
	}
	if _, there := r.Artifacts[run.ArtifactPlan]; there || err != nil {
		t.Errorf("an apply stored a plan, %v", err)
	}
}

// A plan is applied once, whoever starts a second job for it: not by the same
// job in another place, not by another job.
func TestAPlanIsAppliedOnce(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	first := a.doc
	a.run(t)
	for _, id := range []string{first.JobID, "other-0"} {
		a.options.Dir = filepath.Join(t.TempDir(), "elsewhere")
		a.next(t, id)
		r := a.run(t)
		wantProblem(t, r, "plan_used", "")
		if r.Began || len(r.Steps) > 0 {
			t.Errorf("%s: terraform ran %+v", id, r.Steps)
		}
	}
	if made := strings.Fields(a.made(t)); len(made) != 2 {
		t.Errorf("made: %v", made)
	}
}

func TestT22_APlanThatIsNotTheStoredOneIsRefusedBeforeTerraformStarts(t *testing.T) {
	t.Parallel()
	stored := func(a *applying) string { return filepath.Join(a.options.Artifacts, a.doc.Plan.File.Key) }
	for name, c := range map[string]struct {
		change func(t *testing.T, a *applying)
		code   string
	}{
		"a bit is flipped": {func(t *testing.T, a *applying) {
			content, err := os.ReadFile(stored(a))
			if err != nil {
				t.Fatal(err)
			}
			content[len(content)/2] ^= 1
			if err := os.WriteFile(stored(a), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "plan_changed"},
		"the file of another project": {func(t *testing.T, a *applying) {
			first := stored(a)
			a.doc.Project.Name, a.doc.Project.Dir = "other", "other"
			a.planAgain(t, "plan-1")
			if err := os.Rename(first, stored(a)); err != nil {
				t.Fatal(err)
			}
		}, "plan_changed"},
		"the plan of another project": {func(_ *testing.T, a *applying) {
			a.doc.Project.Name, a.doc.Project.Dir = "other", "other"
		}, "plan_mismatch"},
		"an older file of the project": {func(t *testing.T, a *applying) {
			older := stored(a)
			a.doc.Flags = []string{"-var=ledger=" + a.ledger + "s"} // else both may have the same bytes
			a.planAgain(t, "plan-1")
			if err := os.Rename(older, stored(a)); err != nil {
				t.Fatal(err)
			}
		}, "plan_changed"},
		"an older plan of the project": {func(t *testing.T, a *applying) {
			older := a.doc.Plan.File
			a.planAgain(t, "plan-1")
			a.doc.Plan.File = older
		}, "plan_mismatch"},
		"of another commit": {func(_ *testing.T, a *applying) { a.doc.Commit = "0" + a.doc.Commit[1:] }, "plan_mismatch"},
		"of another base":   {func(_ *testing.T, a *applying) { a.doc.BaseCommit = "0" + a.doc.BaseCommit[1:] }, "plan_mismatch"},
		"renamed": {func(t *testing.T, a *applying) {
			if err := os.Rename(stored(a), stored(a)+"x"); err != nil {
				t.Fatal(err)
			}
			a.doc.Plan.File.Key += "x"
		}, "plan_mismatch"},
		"deleted": {func(t *testing.T, a *applying) {
			if err := os.Remove(stored(a)); err != nil {
				t.Fatal(err)
			}
		}, "plan_changed"},
		"no plan":            {func(_ *testing.T, a *applying) { a.doc.Plan = nil }, "plan_mismatch"},
		"no binding":         {func(_ *testing.T, a *applying) { a.doc.Plan.Binding = "" }, "plan_mismatch"},
		"by another version": {func(_ *testing.T, a *applying) { a.doc.Plan.Terraform = "Terraform 1.0.0" }, "terraform_changed"},
		"the source is other": {func(_ *testing.T, a *applying) {
			a.doc.Source.SHA256 = strings.Repeat("0", 64)
			a.doc.Plan.Binding = a.doc.Binding()
		}, "source_changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := plans(t, map[string]string{"app/main.tf": ledger, "other/main.tf": ledger + "# other\n"})
			c.change(t, a)
			started := filepath.Join(t.TempDir(), "started")
			a.script(t, ": > "+started+"\n")
			wantProblem(t, a.run(t), c.code, "")
			if _, err := os.Stat(started); err == nil {
				t.Error("terraform started")
			}
			a.nothingMade(t)
		})
	}
}

// Terraform applies the plan of another directory to a state that does not
// exist yet: the reason why plans are bound.
func TestT22_TerraformAloneAppliesAPlanOfAnotherDirectory(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger, "other/main.tf": ledger})
	a.doc.Project.Name, a.doc.Project.Dir = "other", "other"
	a.doc.Plan.Binding = a.doc.Binding() // as if it were the plan of other
	if r := a.run(t); r.Outcome != run.OutcomeSucceeded || a.made(t) == "" {
		t.Errorf("terraform refuses it by itself now: %+v", r.Problem)
	}
}

func TestAWithdrawnApplyDoesNotBegin(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	if err := a.artifacts.Claim(t.Context(), AppliedKey(a.doc), Withdrawn); err != nil {
		t.Fatal(err)
	}
	r := a.run(t)
	if r.Outcome != run.OutcomeCancelled || r.Problem.Code != "withdrawn" || r.Began {
		t.Errorf("%+v, %+v", r, r.Problem)
	}
	a.nothingMade(t)
}

// The plan's directory is gone when it is applied, and its absolute path is in
// the plan.
func TestPathsAreTheSameInPlanAndApply(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": `
terraform {
  backend "local" {}
}
resource "terraform_data" "a" {
  input = [path.cwd, path.module, abspath("x")]
}
`})
	if r := a.run(t); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("%+v", r.Problem)
	}
}

func TestProblemsOfAnApply(t *testing.T) {
	for name, c := range map[string]struct {
		main   string
		change func(*testing.T, *applying)
		script string
		code   string
		detail string
		began  bool
		says   string
	}{
		"a resource fails": {main: `
variable "ledger" {}
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo a >> ${var.ledger}"
  }
}
resource "terraform_data" "b" {
  depends_on = [terraform_data.a]
  provisioner "local-exec" {
    command = "echo no; exit 3"
  }
}`, code: "apply_failed", detail: "local-exec provisioner error", began: true, says: "some of its changes may have been made"},
		"the state is newer than the plan": {main: ledger[strings.Index(ledger, "variable"):], change: func(t *testing.T, a *applying) {
			doc := a.doc
			a.planAgain(t, "plan-1")
			a.run(t)
			if err := os.Remove(a.ledger); err != nil {
				t.Fatal(err)
			}
			a.doc = doc
			a.next(t, "apply-again-0")
		}, code: "plan_stale", detail: "Saved plan is stale", says: "The state changed since the plan, so nothing was applied."},
		"the state is another one": {main: ledger[strings.Index(ledger, "variable"):], change: func(t *testing.T, a *applying) {
			a.run(t)
			a.planAgain(t, "plan-1")
			content, err := os.ReadFile(a.state)
			if err != nil {
				t.Fatal(err)
			}
			var state map[string]any
			if err := json.Unmarshal(content, &state); err != nil {
				t.Fatal(err)
			}
			state["lineage"] = "5e5e5e5e-0000-0000-0000-000000000000"
			if content, err = json.Marshal(state); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(a.state, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}, code: "plan_stale", detail: "lineage", says: "nothing was applied"},
		"the state is locked": {main: resource, script: `
echo "Acquiring state lock. This may take a few moments..."
cat >&2 <<'EOF'

Error: Error acquiring the state lock

Error message: resource temporarily unavailable
Lock Info:
  ID:        5e8c8b2c-4f3e-a1b9-2fd4-6a1c5ef3a1f0
  Path:      /srv/x.tfstate
  Operation: OperationTypeApply
  Who:       me@` + "`laptop`" + `
  Version:   1.11.4
  Created:   2026-11-21 12:33:27.5 +0000 UTC
  Info:      

Terraform acquires a state lock
EOF
exit 1`, code: "state_locked", detail: "Who: ",
			says: "Lock `5e8c8b2c-4f3e-a1b9-2fd4-6a1c5ef3a1f0` was taken by `me@?laptop?` at `2026-11-21 12:33:27.5 +0000 UTC`. When that is still at work, wait for its end. " +
				"When it died, remove its lock in the project's directory: `terraform force-unlock 5e8c8b2c-4f3e-a1b9-2fd4-6a1c5ef3a1f0`. Then comment"},
		"a lock with a strange ID": {main: resource, script: "printf 'Error: Error acquiring the state lock\\n\\nLock Info:\\n  ID:  x; rm -rf `\\n' >&2; exit 1",
			code: "state_locked", detail: "rm -rf", says: "What is below says whose lock it is."},
		"something that looks like a refusal": {main: resource, script: "echo made; echo 'Error: Saved plan is stale' >&2; exit 1",
			code: "apply_failed", detail: "stale", began: true, says: "some of its changes may have been made"},
		"killed from outside": {main: resource, script: "kill -9 $$", code: "terraform_killed", began: true, says: "nobody knows how far it got"},
		"no such program": {main: resource, change: func(_ *testing.T, a *applying) { a.options.Terraform = "/nope/terraform" },
			code: "runner_failed", detail: "/nope/terraform", says: "Nothing was changed."},
		"the directory is gone": {main: resource, change: func(t *testing.T, a *applying) {
			a.doc.Source = backendtest.Source(t, a.artifacts, map[string]string{"x": ""})
			a.doc.Plan.Binding = a.doc.Binding()
		}, code: "directory_missing", says: "Nothing was changed."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			main := c.main
			if !strings.Contains(main, "backend") {
				main = "terraform {\n  backend \"local\" {}\n}\n" + main
			}
			a := plans(t, map[string]string{"app/main.tf": main})
			if c.change != nil {
				c.change(t, a)
			}
			if c.script != "" {
				a.script(t, c.script)
			}
			r := a.run(t)
			wantProblem(t, r, c.code, c.detail)
			if r.Began != c.began || !strings.Contains(r.Problem.Message, c.says) {
				t.Errorf("began: %v; %s", r.Began, r.Problem.Message)
			}
		})
	}
}

// A state that could not be written is all that is known of what was made.
func TestAStateThatCannotBeWrittenIsKept(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]bool{"stored": false, "the artifacts cannot be written, either": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := plans(t, map[string]string{"app/main.tf": ledger})
			a.script(t, "echo made; echo '{\"version\":4}' > errored.tfstate; echo 'Error: Failed to save state' >&2; exit 1")
			if full {
				// The key of the artifact is a directory with something in it.
				if err := os.MkdirAll(filepath.Join(a.options.Artifacts, key(a.doc.RunID, a.doc.JobID, run.ArtifactErroredState), "x"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			r := a.run(t)
			wantProblem(t, r, "state_not_saved", "Failed to save state")
			where := "`artifacts/runs/apply-run/apply-run-0.errored.tfstate`"
			if full {
				where = "`jobs/apply-run-0/errored.tfstate`"
				if content, err := os.ReadFile(filepath.Join(a.options.Dir, "errored.tfstate")); err != nil || string(content) != "{\"version\":4}\n" {
					t.Errorf("in the job's directory: %q, %v", content, err)
				}
			} else if got := a.read(t, r.Artifacts[run.ArtifactErroredState]); got != "{\"version\":4}\n" {
				t.Errorf("stored: %q", got)
			}
			for _, part := range []string{where, "the directory `app`", "the workspace `default`", "`terraform state push errored.tfstate`"} {
				if !strings.Contains(r.Problem.Message, part) {
					t.Errorf("no %s in: %s", part, r.Problem.Message)
				}
			}
		})
	}
}

func TestArgumentsOfAnApply(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	a.doc.Flags = append(a.doc.Flags, "-target=terraform_data.a", "-parallelism=3", "-refresh=false")
	a.doc.Plan.Binding = a.doc.Binding()
	seen := filepath.Join(t.TempDir(), "args")
	a.script(t, `printf '%s\n' "$@" > `+seen+"\n")
	a.run(t)
	content, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"apply", "-input=false", "-no-color", "-lock-timeout=30s", "-parallelism=3", filepath.Join(a.options.Dir, run.ArtifactPlan), ""}
	if diff := cmp.Diff(want, strings.Split(string(content), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The claim is in the artifact store, so that it also holds where another
// engine runs the job.
func TestTheClaimOfAnApplyIsInTheStore(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	if err := a.artifacts.Claim(t.Context(), AppliedKey(a.doc), "elsewhere-0"); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, a.run(t), "plan_used", "")
	a.nothingMade(t)
	by, claimed, err := a.artifacts.Claimant(t.Context(), AppliedKey(a.doc))
	if by != "elsewhere-0" || !claimed || err != nil {
		t.Errorf("%q, %v, %v", by, claimed, err)
	}
}
