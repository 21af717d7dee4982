package runner

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// planned runs plans of one project, one after the other, as one machine does.
type planned struct {
	*setup
	runs int
}

func plansInTurn(t *testing.T) *planned {
	t.Helper()
	s := newSetup(t, map[string]string{"app/main.tf": ""})
	s.doc.Project.BackendConfig = map[string]string{"path": filepath.Join(s.shared(t), "state")}
	return &planned{setup: s}
}

// plan makes a job of these files and returns its result and its steps.
func (p *planned) plan(t *testing.T, files map[string]string) (run.Result, string) {
	t.Helper()
	p.runs++
	id := fmt.Sprintf("run-%d", p.runs)
	was := p.doc
	p.doc = backendtest.Document(id, backendtest.Source(t, p.artifacts, files))
	p.doc.Project = was.Project
	p.options.Dir = filepath.Join(t.TempDir(), id)
	if err := os.Mkdir(p.options.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := p.run(t)
	var steps []string
	for _, s := range r.Steps {
		steps = append(steps, s.Name)
	}
	return r, strings.Join(steps, " ")
}

// remembered are the files with what inits left.
func (p *planned) remembered(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.options.Providers, initializedDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func with(files map[string]string, more ...string) map[string]string {
	out := maps.Clone(files)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

const (
	withInit, withoutInit = "init plan show", "plan show"

	inBackendFile = "terraform {\n  backend \"local\" {}\n}\n"
	callsModule   = "module \"m\" {\n  source = \"../mod\"\n}\n"
)

var rooted = map[string]string{
	"app/backend.tf": inBackendFile,
	"app/main.tf":    "resource \"terraform_data\" \"a\" {\n  input = \"one\"\n}\n" + callsModule,
	"mod/main.tf":    "resource \"terraform_data\" \"m\" {}\n",
}

func TestASecondPlanOfAProjectNeedsNoInit(t *testing.T) {
	t.Parallel()
	p := plansInTurn(t)
	if r, steps := p.plan(t, rooted); r.Problem != nil || steps != withInit {
		t.Fatalf("the first plan: %v, %s", r.Problem, steps)
	}
	changed := with(rooted, "app/main.tf", rooted["app/main.tf"]+"resource \"terraform_data\" \"b\" {}\n")
	r, steps := p.plan(t, changed)
	if r.Problem != nil || steps != withoutInit {
		t.Fatalf("the second plan: %v, %s", r.Problem, steps)
	}
	if r.Counts == nil || r.Counts.Add != 3 {
		t.Errorf("the second plan has %+v, want 3 to add", r.Counts)
	}
	if out := p.read(t, r.Artifacts[run.ArtifactOutput]); !strings.Contains(out, "# no terraform init: ") {
		t.Errorf("the output does not say why there is no init:\n%s", out)
	}
}

// Each of these is a configuration for which the remembered init is no longer
// right. What a machine with a memory plans is what one without plans.
func TestAPlanIsTheSameAsAfterAnInit(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"a module more":       with(rooted, "app/more.tf", "module \"n\" {\n  source = \"../mod\"\n}\n"),
		"a module moved":      with(rooted, "app/main.tf", strings.ReplaceAll(callsModule, "../mod", "../new"), "new/main.tf", "resource \"terraform_data\" \"n\" {\n  count = 3\n}\n"),
		"a module in it":      with(rooted, "mod/in.tf", "module \"in\" {\n  source = \"./in\"\n}\n", "mod/in/main.tf", "resource \"terraform_data\" \"i\" {}\n"),
		"no module":           with(rooted, "app/main.tf", ""),
		"no backend":          with(rooted, "app/backend.tf", ""),
		"a backend elsewhere": with(rooted, "app/backend.tf", "", "app/zz.tf", inBackendFile),
		"a backend in JSON":   with(rooted, "app/backend.tf", "", "app/b.tf.json", `{"terraform":{"\u0062ackend":{"local":{}}}}`),
		"another backend":     with(rooted, "app/backend.tf", strings.Replace(inBackendFile, "{}", "{\n    workspace_dir = \"w\"\n  }", 1)),
		"a wrong file":        with(rooted, "app/main.tf", "resource {"),
		"a provider":          with(rooted, "app/main.tf", "resource \"nonesuch_thing\" \"a\" {}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			if slices.Contains([]string{"a module in it", "no module", "a backend elsewhere", "a backend in JSON"}, name) {
				longtest.Only(t) // like the others, in another place
			}
			t.Parallel()
			p, fresh := plansInTurn(t), plansInTurn(t)
			if r, _ := p.plan(t, rooted); r.Problem != nil {
				t.Fatal(r.Problem)
			}
			got, steps := p.plan(t, files)
			want, _ := fresh.plan(t, files)
			if outcome(got) != outcome(want) {
				t.Errorf("%s: with memory %s, without %s", steps, outcome(got), outcome(want))
			}
			if got.Problem == nil && steps != withInit {
				t.Errorf("%s: this is not what was asked of the init before", steps)
			}
		})
	}
}

func outcome(r run.Result) string {
	if r.Problem != nil {
		return "a failure" // of init or of plan: Terraform finds some mistakes in both
	}
	return fmt.Sprintf("%+v", *r.Counts)
}

// A pull request must not decide where the plan of another one looks for the
// state. The hash by which Terraform compares backends has 32 bits.
func TestAnInitIsRememberedForExactlyItsBackend(t *testing.T) {
	t.Parallel()
	p := plansInTurn(t)
	p.plan(t, rooted)
	before := p.remembered(t)
	if len(before) != 1 {
		t.Fatalf("remembered: %v", before)
	}
	if _, steps := p.plan(t, with(rooted, "app/backend.tf", "# the same block\n"+inBackendFile)); steps != withInit {
		t.Errorf("another file with a backend, and yet %s", steps)
	}
	p.doc.Project.BackendConfig["path"] += "2"
	if _, steps := p.plan(t, rooted); steps != withInit {
		t.Errorf("another backend_config, and yet %s", steps)
	}
	if after := p.remembered(t); len(after) != 2 || !slices.Contains(after, before[0]) {
		t.Errorf("remembered: %v, then %v", before, after)
	}
}

// Modules that are installed from elsewhere may change there.
func TestAnInitWithInstalledModulesIsNotRemembered(t *testing.T) {
	t.Parallel()
	dir, change := gitModule(t)
	p := plansInTurn(t)
	files := map[string]string{"app/main.tf": inBackendFile + fmt.Sprintf("module \"m\" {\n  source = %q\n}\n", serveGit(t, dir))}
	p.plan(t, files)
	change()
	if r, steps := p.plan(t, files); r.Problem != nil || steps != withInit {
		t.Fatalf("%v, %s", r.Problem, steps)
	}
	if found := p.remembered(t); len(found) > 0 {
		t.Errorf("remembered: %v", found)
	}
}

// A memory that was damaged costs an init and nothing else.
func TestADamagedMemoryOfAnInit(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"cut":          func(was []byte) []byte { return was[:len(was)/2] },
		"empty":        func([]byte) []byte { return nil },
		"empty object": func([]byte) []byte { return []byte("{}") },
		"another backend, which Terraform notices": func(was []byte) []byte {
			var i initialized
			if err := json.Unmarshal(was, &i); err != nil {
				t.Fatal(err)
			}
			i.Backend = []byte(`{"version":3,"backend":{"type":"local","config":{"path":"x","workspace_dir":null},"hash":1}}`)
			out, err := json.Marshal(i)
			if err != nil {
				t.Fatal(err)
			}
			return out
		},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "empty") {
				longtest.Only(t) // like one that was cut
			}
			t.Parallel()
			p := plansInTurn(t)
			p.plan(t, rooted)
			found := p.remembered(t)
			if len(found) != 1 {
				t.Fatal(found)
			}
			was, err := os.ReadFile(found[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(found[0], damage(was), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{withInit, withoutInit} {
				if r, steps := p.plan(t, rooted); r.Problem != nil || steps != want {
					t.Errorf("%v, %s, want %s", r.Problem, steps, want)
				}
			}
		})
	}
}

// A program that the project has init run can write the record of the backend. It
// is not remembered: a plan of somebody else would take another state for its own.
func TestAnInitThatRunsProgramsOfTheProjectIsNotRemembered(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"s3 with files of its own": "terraform {\n  backend \"s3\" {\n    shared_config_files = [\"aws.cfg\"]\n  }\n}\n",
		"kubernetes":               "terraform {\n  backend \"kubernetes\" {}\n}\n",
	} {
		p := plansInTurn(t)
		p.options.TerraformName = "Terraform 1"
		p.doc.Project.BackendConfig = nil
		p.script(t, "if [ \"$1\" = init ]; then mkdir -p .terraform && echo '{\"backend\": {\"type\": \"s3\"}}' > .terraform/terraform.tfstate; fi\n")
		p.plan(t, map[string]string{"app/main.tf": text})
		if found := p.remembered(t); len(found) > 0 {
			t.Errorf("%s: what it left is remembered", name)
		}
		p = plansInTurn(t)
		p.options.TerraformName = "Terraform 1"
		p.script(t, "if [ \"$1\" = init ]; then mkdir -p .terraform && echo '{\"backend\": {\"type\": \"s3\"}}' > .terraform/terraform.tfstate; fi\n")
		p.plan(t, map[string]string{"app/main.tf": "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n  }\n}\n"})
		if len(p.remembered(t)) != 1 {
			t.Errorf("%s: of one that runs none nothing is remembered, so this shows nothing", name)
		}
	}
}
