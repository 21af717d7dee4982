package runner

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// httpState is a backend whose state can be locked and be impossible to write.
type httpState struct {
	*httptest.Server
	refuse atomic.Bool
	locked atomic.Pointer[string]
	state  atomic.Pointer[[]byte]
}

func newHTTPState(t *testing.T) *httpState {
	t.Helper()
	h := &httpState{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch held := h.locked.Load(); {
		case r.Method == "LOCK" && held != nil:
			w.WriteHeader(http.StatusLocked)
			_, _ = io.WriteString(w, *held)
		case r.Method == http.MethodPost && h.refuse.Load():
			w.WriteHeader(http.StatusForbidden)
		case r.Method == http.MethodPost:
			h.state.Store(&body)
		case r.Method == http.MethodGet && h.state.Load() != nil:
			_, _ = w.Write(*h.state.Load())
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// plansWithHTTPState makes a plan of a project that has its state in h.
func plansWithHTTPState(t *testing.T, h *httpState) *applying {
	t.Helper()
	a := &applying{setup: newSetup(t, map[string]string{"app/main.tf": strings.Replace(ledger, `"local"`, `"http"`, 1)})}
	a.ledger = filepath.Join(a.shared(t), "ledger")
	a.doc.Project.BackendConfig = map[string]string{"address": h.URL, "lock_address": h.URL, "unlock_address": h.URL, "retry_max": "0"}
	a.doc.Flags = []string{"-var=ledger=" + a.ledger}
	a.planAgain(t, a.doc.JobID)
	return a
}

func TestAnErroredStateOfTerraformIsKept(t *testing.T) {
	t.Parallel()
	h := newHTTPState(t)
	a := plansWithHTTPState(t, h)
	h.refuse.Store(true)
	r := a.run(t)
	wantProblem(t, r, "state_not_saved", "Error: Failed to save state")
	if len(strings.Fields(a.made(t))) != 2 {
		t.Errorf("made: %q", a.made(t))
	}
	var state struct{ Resources []any }
	kept := a.read(t, r.Artifacts[run.ArtifactErroredState])
	if err := json.Unmarshal([]byte(kept), &state); err != nil || len(state.Resources) != 1 {
		t.Errorf("kept: %v\n%s", err, kept)
	}

	// What the problem says to do works.
	h.refuse.Store(false)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "errored.tfstate"), []byte(kept), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), fmt.Appendf(nil, "terraform {\n  backend \"http\" {\n    address = %q\n  }\n}\n", h.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init"}, {"state", "push", "errored.tfstate"}} {
		cmd := exec.Command(a.options.Terraform, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("terraform %v: %v\n%s", args, err, out)
		}
	}
	if h.state.Load() == nil {
		t.Error("the state was not pushed")
	}
}

func TestALockedStateOfTerraformIsNamed(t *testing.T) {
	t.Parallel()
	h := newHTTPState(t)
	a := plansWithHTTPState(t, h)
	held := `{"ID":"5e8c8b2c-4f3e-a1b9-2fd4-6a1c5ef3a1f0","Operation":"OperationTypeApply","Who":"me@laptop","Version":"1.11.4","Created":"2026-11-21T12:33:27.5Z"}`
	h.locked.Store(&held)
	// The same but for how long it waits.
	a.options.Read = append(a.options.Read, a.options.Terraform)
	a.script(t, `for arg; do
	case "$arg" in -lock-timeout=*) arg=-lock-timeout=0s ;; esac
	set -- "$@" "$arg"
	shift
done
exec `+a.options.Terraform+` "$@"
`)
	r := a.run(t)
	wantProblem(t, r, "state_locked", "Lock Info:")
	if r.Began || a.made(t) != "" {
		t.Errorf("began %v, made %q", r.Began, a.made(t))
	}
	for _, part := range []string{"Lock `5e8c8b2c-4f3e-a1b9-2fd4-6a1c5ef3a1f0` is held.", "`terraform force-unlock 5e8c8b2c-4f3e-a1b9-2fd4-6a1c5ef3a1f0`"} {
		if !strings.Contains(r.Problem.Message, part) {
			t.Errorf("no %s in: %s", part, r.Problem.Message)
		}
	}
}

// Init with TF_WORKSPACE refuses a new workspace when the backend has others, and
// so every second environment of a project failed for ever.
func TestAnApplyInANewWorkspaceBesideOthers(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger})
	states := a.shared(t)
	for _, other := range []string{"green", "red"} {
		if err := os.Mkdir(filepath.Join(states, other), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	a.doc.Project.Workspace = "blue"
	a.doc.Project.BackendConfig["workspace_dir"] = states
	a.planAgain(t, "plan-1")
	if r := a.run(t); r.Outcome != run.OutcomeSucceeded {
		t.Fatalf("%+v", r.Problem)
	}
	if content, err := os.ReadFile(filepath.Join(states, "blue/terraform.tfstate")); err != nil || !strings.Contains(string(content), `"terraform_data"`) {
		t.Errorf("the state of blue: %v\n%s", err, content)
	}
}

// Whatever wrote a state into the job's directory, it would be removed with it.
func TestAStateInTheProjectsDirectoryIsKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, workspace string }{
		"a state":             {"terraform.tfstate", "default"},
		"that of a workspace": {"terraform.tfstate.d/blue/terraform.tfstate", "blue"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := plans(t, map[string]string{"app/main.tf": ledger})
			a.doc.Project.Workspace = c.workspace
			a.doc.Project.BackendConfig["workspace_dir"] = a.shared(t)
			a.planAgain(t, "plan-1")
			a.script(t, "mkdir -p "+filepath.Dir(c.file)+"; echo '{\"version\":4}' > "+c.file)
			r := a.run(t)
			wantProblem(t, r, "state_not_remote", "")
			if kept := a.read(t, r.Artifacts[run.ArtifactErroredState]); !r.Began || !strings.Contains(kept, `"version":4`) {
				t.Errorf("began %v, kept:\n%s", r.Began, kept)
			}
			if !strings.Contains(r.Problem.Message, "`artifacts/runs/apply-plan/apply-plan-1.errored.tfstate`") {
				t.Error(r.Problem.Message)
			}
		})
	}
}
