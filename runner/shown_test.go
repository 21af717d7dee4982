package runner

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/hostile"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/planjson"
)

// plansByName is plansInTurn with the name that terraform has for people.
func plansByName(t *testing.T) *planned {
	t.Helper()
	p := plansInTurn(t)
	out, err := exec.Command(p.options.Terraform, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	p.options.TerraformName = strings.Replace(first, " v", " ", 1)
	return p
}

// fromFile plans until a plan needed no terraform show: now and then one is compared.
func (p *planned) fromFile(t *testing.T, files map[string]string) run.Result {
	t.Helper()
	for range 8 {
		r, steps := p.plan(t, files)
		switch {
		case r.Problem != nil:
			t.Fatal(r.Problem)
		case r.PlanRead == run.PlanReadFile:
			if strings.Contains(steps, "show") {
				t.Errorf("from the file, and yet %s", steps)
			}
			return r
		case r.PlanRead != run.PlanReadCompared:
			t.Fatalf("%s, %s", r.PlanRead, steps)
		}
	}
	t.Fatal("each plan was compared")
	return run.Result{}
}

func (p *planned) shapes(t *testing.T, end string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.options.Providers, shapesDir, "*"+end))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestALaterPlanNeedsNoShow(t *testing.T) {
	t.Parallel()
	p := plansByName(t)
	files := with(rooted, "app/main.tf", rooted["app/main.tf"]+"variable \"secret\" {\n  sensitive = true\n  default = \"a secret of the plan\"\n}\nresource \"terraform_data\" \"s\" {\n  input = [var.secret]\n}\noutput \"o\" {\n  value = terraform_data.a.id\n}\n")
	first, steps := p.plan(t, files)
	if first.Problem != nil || steps != withInit || first.PlanRead != run.PlanReadShow || len(p.shapes(t, ".zip")) != 0 {
		t.Fatalf("the first plan is not slowed down: %v, %s, %s", first.Problem, steps, first.PlanRead)
	}
	if r, steps := p.plan(t, files); r.Problem != nil || steps != withoutInit || r.PlanRead != run.PlanReadCompared {
		t.Fatalf("the second plan: %v, %s, %s", r.Problem, steps, r.PlanRead)
	}
	want := p.summary(t, first)
	later := p.fromFile(t, files)
	if diff := cmp.Diff(want, p.summary(t, later)); diff != "" {
		t.Errorf("the same plan without terraform show (-with +without):\n%s", diff)
	}
	for _, name := range []string{run.ArtifactOutput, run.ArtifactSummary} {
		if content := p.read(t, later.Artifacts[name]); strings.Contains(content, "a secret of the plan") {
			t.Errorf("%s shows a secret:\n%s", name, content)
		}
	}
	if len(p.shapes(t, ".zip")) != 1 || len(p.shapes(t, ".differs")) != 0 {
		t.Errorf("remembered: %v", p.shapes(t, "*"))
	}
}

// A type of resource of which no plan was compared yet is compared first.
func TestEachTypeIsComparedOnce(t *testing.T) {
	t.Parallel()
	p := plansByName(t)
	p.plan(t, rooted)
	p.fromFile(t, rooted)
	state := filepath.Join(p.shared(t), "other")
	if err := os.WriteFile(state, []byte(`{"version": 4, "serial": 1, "lineage": "l", "outputs": {}, "resources": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	more := with(rooted, "app/main.tf", rooted["app/main.tf"]+"data \"terraform_remote_state\" \"r\" {\n  backend = \"local\"\n  config = {\n    path = \""+state+"\"\n  }\n}\n")
	if r, steps := p.plan(t, more); r.Problem != nil || !strings.Contains(steps, "show") || r.PlanRead != run.PlanReadCompared {
		t.Fatalf("%v, %s, %s", r.Problem, steps, r.PlanRead)
	}
	p.fromFile(t, more)
}

// One difference, here because what is remembered of a provider is not what it says, and
// terraform show tells of every plan.
func TestADifferenceSwitchesBackToShow(t *testing.T) {
	t.Parallel()
	p := plansByName(t)
	p.plan(t, rooted)
	p.plan(t, rooted)
	known := p.shapes(t, ".zip")
	if len(known) != 1 {
		t.Fatal(known)
	}
	to, err := os.Create(known[0])
	if err != nil {
		t.Fatal(err)
	}
	lie := `{"provider_schemas":{"terraform.io/builtin/terraform":{"resource_schemas":{"terraform_data":{"version":0,"block":{"attributes":{
		"id":{"type":"string"},"input":{"type":"dynamic","sensitive":true},"output":{"type":"dynamic"},"triggers_replace":{"type":"dynamic"}}}}}}}}`
	if err := planjson.Pack(strings.NewReader(lie), to, []string{builtin}); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range p.shapes(t, ".agreed") {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []run.PlanRead{run.PlanReadDiffers, run.PlanReadShow, run.PlanReadShow} {
		r, steps := p.plan(t, rooted)
		if r.Problem != nil || steps != withoutInit || r.PlanRead != want {
			t.Errorf("plan %d: %v, %s, %s, want %s", i, r.Problem, steps, r.PlanRead, want)
		}
	}
}

// What was damaged, or cannot be made, costs a terraform show and nothing else.
func TestADamagedMemoryOfShapes(t *testing.T) {
	t.Parallel()
	p := plansByName(t)
	p.plan(t, rooted)
	p.plan(t, rooted)
	for _, end := range []string{".zip", ".agreed"} {
		for _, name := range p.shapes(t, end) {
			if err := os.WriteFile(name, []byte("damaged"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if r, steps := p.plan(t, rooted); r.Problem != nil || steps != withoutInit {
			t.Errorf("%s: %v, %s", end, r.Problem, steps)
		}
	}
	p.plan(t, rooted)
	p.fromFile(t, rooted)
}

// Where the whole JSON is seen by rules, or what runs is not known by its hash, terraform
// show tells.
func TestWhatIsLeftToShow(t *testing.T) {
	for name, change := range map[string]func(*job){
		"":                         func(*job) {},
		"plan policy":              func(j *job) { j.doc.Policy = &run.Artifact{} },
		"a config of the operator": func(j *job) { j.options.CLIConfig = "/etc/terraform.rc" },
		"another program":          func(j *job) { j.options.TerraformName = "OpenTofu 1.10.0" },
		"no memory":                func(j *job) { j.options.Providers = "" },
		"reattached providers":     func(j *job) { j.options.Pass = []string{"HTTPS_PROXY", "TF_REATTACH_PROVIDERS"} },
		"a package that is not shared": func(j *job) {
			j.settledLock = []byte("provider \"registry.terraform.io/acme/fake\" {\n  version = \"1.2.3\"\n  hashes = [\n    \"h1:x=\",\n  ]\n}\n")
		},
		"a lock that is written otherwise": func(j *job) { j.settledLock = []byte("\nprovider 'x' {\n") },
	} {
		dir := t.TempDir()
		program := filepath.Join(dir, "terraform")
		if err := os.WriteFile(program, nil, 0o700); err != nil {
			t.Fatal(err)
		}
		j := &job{options: Options{Terraform: program, TerraformName: "Terraform 1.11.4", Providers: dir}}
		change(j)
		if got := j.shapes() != nil; got != (name == "") {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// Packages of providers are asked for their schemas apart from the project, and a set with
// another package is another pair.
func TestALaterPlanWithAProviderNeedsNoShow(t *testing.T) {
	t.Parallel()
	p := plansByName(t)
	const rel = "registry.example.org/acme/hostile/1.0.0/"
	from := filepath.Join(t.TempDir(), "package")
	if _, err := hostile.Build(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	shared := packages{p.options.Providers, "test"}
	if err := shared.add(from, rel+platform); err != nil {
		t.Fatal(err)
	}
	hash, err := shared.hash(rel + platform)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"app/.terraform.lock.hcl": "provider \"registry.example.org/acme/hostile\" {\n  version = \"1.0.0\"\n  hashes = [\n    \"" + hash + "\",\n  ]\n}\n",
		"app/main.tf": inBackendFile + `
terraform {
  required_providers {
    hostile = {
      source  = "registry.example.org/acme/hostile"
      version = "1.0.0"
    }
  }
}
data "hostile_attack" "none" {
  names  = []
  target = "{}"
}
resource "terraform_data" "a" {
  input = data.hostile_attack.none
}
`}
	p.plan(t, files)
	r, steps := p.plan(t, files)
	if r.Problem != nil || !strings.Contains(steps, "show") || r.PlanRead != run.PlanReadCompared {
		t.Fatalf("%v, %s, %s: %s", r.Problem, steps, r.PlanRead, p.log(t))
	}
	p.fromFile(t, files)
	p.plan(t, rooted)
	p.plan(t, rooted)
	if pairs := p.shapes(t, ".zip"); len(pairs) != 2 {
		t.Errorf("one pair for each set of packages: %v", pairs)
	}
}

// log is what the runner of the last plan printed.
func (p *planned) log(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.options.Dir, OutputFile))
	if err != nil {
		return err.Error()
	}
	return string(content)
}
