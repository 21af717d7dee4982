package runner

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

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

// What terraform would read otherwise, or elsewhere, only terraform tells.
func TestAStateThatTerraformReadsOtherwiseIsNotReadHere(t *testing.T) {
	t.Parallel()
	const object = `[{"mode": "managed", "type": "t", "name": "a", "instances": [{"attributes": {}}]}]`
	for name, content := range map[string]string{
		"encrypted by OpenTofu": `{"serial": 1, "lineage": "l", "meta": {"key_provider": {}}, "encrypted_data": "c3RhdGU=", "encryption_version": "v0"}`,
		"and says a version":    `{"version": 4, "serial": 1, "lineage": "l", "meta": {}, "encrypted_data": "c3RhdGU=", "encryption_version": "v0"}`,
		"of a later Terraform":  `{"version": 4, "serial": 1, "lineage": "l", "resources": [], "more_resources": ` + object + `}`,
		"with another behind":   `{"version": 4, "serial": 1, "lineage": "l", "resources": []} {"resources": ` + object + `}`,
		"in another spelling":   `{"version": 4, "serial": 1, "lineage": "l", "reſources": ` + object + `}`,
		"twice":                 `{"version": 4, "serial": 1, "lineage": "l", "resources": [], "Resources": ` + object + `}`,
		"through a link":        `{"version": 4, "serial": 1, "lineage": "l", "resources": []}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "terraform.tfstate")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if name == "through a link" {
				file = dir + "/link/../terraform.tfstate" // in the directory above where the link leads to
			}
			config, err := msgpack.Marshal(map[string]any{"path": file})
			if err != nil {
				t.Fatal(err)
			}
			j := &job{options: Options{Write: []string{dir}}}
			is, version, err := j.stateOnDisk(plannedBackend{kind: "local", workspace: "default", config: config})
			plan := planFile{version: savedVersion{lineage: "l", serial: 1}} // of a state without objects
			if err == nil && plan.beganWith(is, version) == nil {
				t.Errorf("a plan that says that there is nothing is believed: %v", is)
			}
		})
	}
}
