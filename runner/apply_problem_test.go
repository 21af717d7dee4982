package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestProblemsOfAnApply(t *testing.T) {
	const backend = "terraform {\n  backend \"local\" {}\n}\n"
	planned := plans(t, map[string]string{"app/main.tf": backend + resource})
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
			says: "Lock `5e8c8b2c-4f3e-a1b9-2fd4-6a1c5ef3a1f0` was taken by `me@?laptop?` at `2026-11-21 12:33:27.5 +0000 UTC`. When its holder is still at work, wait for its end. " +
				"When it died, remove its lock in the project's directory: `terraform force-unlock 5e8c8b2c-4f3e-a1b9-2fd4-6a1c5ef3a1f0`. Then comment"},
		"a lock with a strange ID": {main: resource, script: "printf 'Error: Error acquiring the state lock\\n\\nLock Info:\\n  ID:  x; rm -rf `\\n' >&2; exit 1",
			code: "state_locked", detail: "rm -rf", says: "What is below says whose lock it is."},
		"a lock that nobody may take": {main: resource, script: "printf 'Error: Error acquiring the state lock\\n\\nError message: HTTP remote state endpoint requires auth\\n' >&2; exit 1",
			code: "apply_refused", detail: "requires auth", says: "The lock of the state could not be taken, so nothing was applied."},
		"a refusal under a lock that is slow": {main: resource,
			script: "echo 'Acquiring state lock. This may take a few moments...'; echo 'Releasing state lock. This may take a few moments...'; echo 'Error: Saved plan is stale' >&2; exit 1",
			code:   "plan_stale", detail: "stale", says: "nothing was applied"},
		"the state cannot be read": {main: resource, change: func(t *testing.T, a *applying) {
			if err := os.WriteFile(a.state, []byte("no state"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, code: "apply_refused", detail: "rror", says: "nothing was applied"},
		"the state cannot be had": {main: resource, script: "echo 'Error: error loading state: Failed to get state' >&2; exit 1",
			code: "apply_refused", detail: "loading state", says: "Terraform ended before it made, changed or destroyed anything."},
		"a provider that cannot begin": {main: resource, script: "echo 'Error: No valid credential sources found' >&2; exit 1",
			code: "apply_refused", detail: "credential", says: "Terraform ended before it made, changed or destroyed anything."},
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
			var a *applying
			switch main := c.main; {
			case c.script != "": // nothing is applied
				a = planned.copy(t)
				a.script(t, c.script)
			case !strings.Contains(main, "backend"):
				a = plans(t, map[string]string{"app/main.tf": backend + main})
			default:
				a = plans(t, map[string]string{"app/main.tf": main})
			}
			if c.change != nil {
				c.change(t, a)
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
