package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/artifact"
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
	place         string // of its view; left out, it is beside the ledger
	planned       run.JobDocument
	plan          run.Result
}

// plans makes a plan of a project that may have the variable ledger.
func plans(t testing.TB, files map[string]string) *applying {
	t.Helper()
	a := &applying{setup: newSetup(t, files)}
	dir := a.shared(t)
	a.state, a.ledger = filepath.Join(dir, "terraform.tfstate"), filepath.Join(dir, "ledger")
	a.doc.Project.BackendConfig = map[string]string{"path": a.state}
	if strings.Contains(files["app/main.tf"], `"ledger"`) {
		a.doc.Flags = []string{"-var=ledger=" + a.ledger}
	}
	a.planAgain(t, a.doc.JobID)
	return a
}

// copy is the same job with artifacts of its own, which costs no plan. State and ledger
// are those of the first: it is for what does not write them.
func (a *applying) copy(t testing.TB) *applying {
	t.Helper()
	s, base := *a.setup, t.TempDir()
	s.options.Dir, s.options.Artifacts = filepath.Join(base, "x"), filepath.Join(base, "artifacts")
	s.options.Read, s.options.Write = slices.Clone(s.options.Read), slices.Clone(s.options.Write)
	err := os.CopyFS(s.options.Artifacts, os.DirFS(a.options.Artifacts))
	if err == nil {
		s.artifacts, err = artifact.OpenDir(s.options.Artifacts)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.artifacts.Close() })
	text, err := json.Marshal(a.doc)
	if err == nil {
		s.doc = run.JobDocument{}
		err = json.Unmarshal(text, &s.doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := *a
	c.setup, c.place = &s, s.shared(t)
	c.next(t, a.doc.JobID)
	return &c
}

// planAgain makes a plan that the next apply takes.
func (a *applying) planAgain(t testing.TB, id string) {
	t.Helper()
	a.doc.Command, a.doc.Plan = run.KindPlan, nil
	a.next(t, id)
	a.plan = a.run(t)
	if a.plan.Outcome != run.OutcomeSucceeded {
		t.Fatalf("planning: %+v: %s", a.plan.Problem, a.plan.Problem.Detail)
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
	place := a.place
	if place == "" {
		place = filepath.Dir(a.ledger)
	}
	a.options.View = filepath.Join(place, "view")
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
	if !slices.Equal(stepsOf(r), []string{"apply"}) {
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

func TestArgumentsOfAnApply(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ledger + "locals {\n  ephemeral_storage = 30 # which is no ephemeral variable: terraform before 1.10 refuses variables\n}\n", "app/prod.tfvars": ""})
	a.doc.Project.VarFiles = []string{"prod.tfvars"}
	a.doc.Flags = append(a.doc.Flags, "-target=terraform_data.a", "-parallelism=3", "-refresh=false")
	a.doc.Plan.Binding = a.doc.Binding()
	seen := filepath.Join(a.shared(t), "args")
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

const ephemeral = `
terraform {
  backend "local" {}
}
variable "token" {
  type      = string
  ephemeral = true
}
variable "size" {}
resource "terraform_data" "a" {
  input = var.size
  provisioner "local-exec" {
    command = "test \"$TOKEN\" = abcdefgh"
    environment = { TOKEN = var.token }
  }
}
`

// A saved plan holds no ephemeral values, so an apply that gets fewer variables
// than its plan could never be carried out.
func TestEphemeralVariablesAreGivenAgain(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": ephemeral, "app/terraform.tfvars": "size = 1\ntoken = \"abcdefgh\"\n"})
	if r := a.run(t); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("by terraform.tfvars: %+v", r.Problem)
	}
	a = &applying{setup: newSetup(t, map[string]string{"app/main.tf": ephemeral, "prod.tfvars": "size = 1\n"})}
	a.ledger = filepath.Join(a.shared(t), "ledger")
	a.doc.Project.BackendConfig = map[string]string{"path": a.ledger + ".state"}
	a.doc.Project.VarFiles, a.doc.Flags = []string{"../prod.tfvars"}, []string{"-var=token=abcdefgh"}
	a.planAgain(t, a.doc.JobID)
	if r := a.run(t); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("by a file and a flag: %+v", r.Problem)
	}
}

// What Terraform refuses before it begins changed nothing.
func TestAnApplyThatTerraformRefusesDidNotBegin(t *testing.T) {
	t.Parallel()
	a := &applying{setup: newSetup(t, map[string]string{"app/main.tf": ephemeral, "app/terraform.tfvars": "size = 1\n"})}
	a.ledger = filepath.Join(a.shared(t), "ledger")
	a.doc.Project.BackendConfig = map[string]string{"path": a.ledger + ".state"}
	a.env = append(a.env, SecretPrefix+"TF_VAR_token=abcdefgh")
	a.planAgain(t, a.doc.JobID)
	a.env = slices.DeleteFunc(a.env, func(v string) bool { return strings.HasPrefix(v, SecretPrefix) })
	r := a.run(t)
	wantProblem(t, r, "apply_refused", "No value for required variable")
	if r.Began {
		t.Error("it is said to have begun")
	}
}
