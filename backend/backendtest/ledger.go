package backendtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// Ledger is a project for the real terraform that writes down what it makes:
// each of its resources adds its number to a file when it is made, so that what
// was made twice, or made by a job that says it changed nothing, is seen.
type Ledger struct {
	Resources   int
	dir         string
	state, list string
}

// NewLedger makes one with so many resources, which has no state yet.
func NewLedger(t testing.TB, resources int) *Ledger {
	t.Helper()
	dir := Shared(t)
	return &Ledger{Resources: resources, dir: dir, state: filepath.Join(dir, "terraform.tfstate"), list: filepath.Join(dir, "ledger")}
}

// Files are the source of the project, in the directory app.
func (l *Ledger) Files() map[string]string {
	return map[string]string{"app/main.tf": fmt.Sprintf(`
terraform {
  backend "local" {}
}
resource "terraform_data" "made" {
  count = %d
  provisioner "local-exec" {
    command = "echo ${count.index} >> '%s'"
  }
}
`, l.Resources, l.list)}
}

// Document is a plan job of the project, one resource after the other.
func (l *Ledger) Document(id string, source run.Artifact) run.JobDocument {
	doc := Document(id, source)
	doc.Project.BackendConfig = map[string]string{"path": l.state}
	doc.Flags = []string{"-parallelism=1"}
	return doc
}

// Forget removes everything that was made.
func (l *Ledger) Forget(t testing.TB) {
	t.Helper()
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(l.dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// Made lists the numbers of the resources that were made, in that order.
func (l *Ledger) Made() []string {
	content, _ := os.ReadFile(l.list)
	return strings.Fields(string(content))
}

// InState counts the resources in the state. It is an error when there is a
// state that cannot be read. An empty file is none: the local backend makes one
// to lock it.
func (l *Ledger) InState() (int, error) {
	content, err := os.ReadFile(l.state)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(content) == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var state struct {
		Version   int
		Resources []struct{ Instances []any }
	}
	if err := json.Unmarshal(content, &state); err != nil {
		return 0, fmt.Errorf("the state is broken: %w", err)
	}
	if state.Version != 4 {
		return 0, fmt.Errorf("the state has version %d", state.Version)
	}
	n := 0
	for _, r := range state.Resources {
		n += len(r.Instances)
	}
	return n, nil
}

// Check reports what is wrong with how one apply on an empty state ended: a
// state that cannot be read, something made twice, or a result that says
// something else than what happened or not what to do.
func (l *Ledger) Check(r run.Result) error {
	made := l.Made()
	inState, err := l.InState()
	if err != nil {
		return err
	}
	once := slices.Compact(slices.Sorted(slices.Values(made)))
	switch {
	case len(once) != len(made):
		return fmt.Errorf("made twice: %v", made)
	case r.Outcome == run.OutcomeSucceeded && (len(made) != l.Resources || inState != l.Resources):
		return fmt.Errorf("succeeded, but %d were made and %d are in the state", len(made), inState)
	case r.Outcome == run.OutcomeSucceeded:
		return nil
	case r.Problem == nil || !strings.Contains(r.Problem.Message, "`/plan`"):
		return fmt.Errorf("nobody can act on %+v", r.Problem)
	case !r.Began && (len(made) > 0 || inState > 0):
		return fmt.Errorf("%s says that it did not begin, but %d were made", r.Problem.Code, len(made))
	}
	return nil
}
