package runner

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// A plan says whether the state of its apply would outlive the job, by what init
// made of the configuration, and an apply of one that would not changes nothing.
func TestAnApplyWhoseStateWouldBeLostDoesNotBegin(t *testing.T) {
	t.Parallel()
	backend := func(text string) string { return strings.Replace(ledger, `backend "local" {}`, text, 1) }
	for name, c := range map[string]struct {
		main   string
		change func(*applying)
		want   run.Keeping
	}{
		"a file of this machine":          {ledger, nil, run.StateKept},
		"no backend":                      {backend(""), nil, run.StateLost},
		"no path":                         {ledger, func(a *applying) { a.doc.Project.BackendConfig = nil }, run.StateLost},
		"a path in the job's directory":   {ledger, func(a *applying) { a.doc.Project.BackendConfig["path"] = "../states/x.tfstate" }, run.StateLost},
		"a backend that keeps nothing":    {backend(`backend "inmem" {}`), func(a *applying) { a.doc.Project.BackendConfig = nil }, run.StateLost},
		"a workspace of a backend's file": {ledger, func(a *applying) { a.doc.Project.Workspace = "blue" }, run.StateLost},
		"a workspace in a directory of this machine": {ledger, func(a *applying) {
			a.doc.Project.Workspace, a.doc.Project.BackendConfig["workspace_dir"] = "blue", filepath.Dir(a.state)
		}, run.StateKept},
		"a file of a machine that ends with the job": {ledger, func(a *applying) {
			a.options.OwnMachine, a.options.Isolation = true, jail.Off // so that it can be written at all
			a.options.Read, a.options.Write = nil, nil
		}, run.StateLost},
		"a directory of it that is kept": {ledger, func(a *applying) {
			a.options.OwnMachine, a.options.Write = true, []string{filepath.Dir(a.state)}
		}, run.StateKept},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &applying{setup: newSetup(t, map[string]string{"app/main.tf": c.main})}
			dir := a.shared(t)
			a.state, a.ledger = filepath.Join(dir, "terraform.tfstate"), filepath.Join(dir, "ledger")
			a.doc.Project.BackendConfig, a.doc.Flags = map[string]string{"path": a.state}, []string{"-var=ledger=" + a.ledger}
			if c.change != nil {
				c.change(a)
			}
			a.planAgain(t, a.doc.JobID)
			if a.plan.Keeping != c.want {
				t.Errorf("the plan says that the state is %q, want %q", a.plan.Keeping, c.want)
			}
			r := a.run(t)
			if r.Keeping != "" {
				t.Errorf("the apply says %q", r.Keeping)
			}
			if c.want == run.StateKept {
				if r.Outcome != run.OutcomeSucceeded {
					t.Errorf("%+v", r.Problem)
				}
				return
			}
			wantProblem(t, r, "state_lost", "")
			if a.made(t) != "" || r.Began {
				t.Errorf("began %v, made %q", r.Began, a.made(t))
			}
		})
	}
}

// A path that is absolute can still lead into what is removed with the job.
func TestAnAbsolutePathInTheJobsDirectoryIsLost(t *testing.T) {
	t.Parallel()
	a := &applying{setup: newSetup(t, map[string]string{"app/main.tf": ledger})}
	a.ledger = filepath.Join(a.shared(t), "ledger")
	a.doc.Flags = []string{"-var=ledger=" + a.ledger}
	settings := map[string]string{}
	a.doc.Project.BackendConfig = settings
	// As a job sees it, and as it lies on the disk.
	for id, dir := range map[string]string{"plan-1": filepath.Join(filepath.Dir(a.ledger), "view"), "plan-2": filepath.Join(filepath.Dir(a.options.Dir), "plan-2")} {
		settings["path"] = filepath.Join(dir, "source", "app", "x.tfstate")
		a.doc.Project.BackendConfig = maps.Clone(settings)
		a.planAgain(t, id)
		if a.plan.Keeping != run.StateLost {
			t.Errorf("%s: %q", id, a.plan.Keeping)
		}
	}
	if _, err := os.Stat(a.ledger); err == nil {
		t.Error("something was made")
	}
}
