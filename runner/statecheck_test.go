package runner

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// stepsOf are the names of the terraform commands of a job.
func stepsOf(r run.Result) (names []string) {
	for _, s := range r.Steps {
		names = append(names, s.Name)
	}
	return names
}

// An apply starts terraform once when the state is a file that the runner can read,
// as long as nothing is wrong with it.
func TestAnApplyReadsAStateOfThisMachineItself(t *testing.T) {
	t.Parallel()
	const once, asked = "apply", "state apply"
	for name, c := range map[string]struct {
		workspace string
		before    func(t *testing.T, a *applying) // the apply
		want      string
	}{
		"none yet":       {want: once},
		"of a workspace": {workspace: "blue", want: once},
		"one that is there": {before: func(t *testing.T, a *applying) {
			if r := a.run(t); r.Outcome != run.OutcomeSucceeded {
				t.Fatalf("%+v", r.Problem)
			}
			a.doc.Flags = []string{"-var=v=2"}
			a.planAgain(t, "r2-0")
		}, want: once},
		"a link": {before: func(t *testing.T, a *applying) {
			if err := os.Symlink("elsewhere.tfstate", a.state); err != nil {
				t.Fatal(err)
			}
		}, want: asked},
		"what nothing can be made of": {before: func(t *testing.T, a *applying) {
			if err := os.WriteFile(a.state, []byte("{"), 0o666); err != nil {
				t.Fatal(err)
			}
		}, want: "state"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := plans(t, map[string]string{"app/main.tf": twoResources, "app/terraform.tfvars": "v = 1\n"})
			if c.workspace != "" {
				a.doc.Project.Workspace, a.doc.Project.BackendConfig["workspace_dir"] = c.workspace, filepath.Dir(a.state)
				a.planAgain(t, "r1-0")
			}
			if c.before != nil {
				c.before(t, a)
			}
			r := a.run(t)
			if got := stepsOf(r); !slices.Equal(got, strings.Fields(c.want)) {
				t.Errorf("terraform ran %v, want %s (%+v)", got, c.want, r.Problem)
			}
			if done := c.want != "state"; (r.Outcome == run.OutcomeSucceeded) != done {
				t.Errorf("%s: %+v", r.Outcome, r.Problem)
			}
		})
	}
}
