package runner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// saysHello is a project whose provisioner runs what a variable says.
func saysHello(value string) map[string]string {
	return map[string]string{
		"app/main.tf":          "terraform {\n  backend \"local\" {}\n}\nvariable \"who\" {}\nresource \"terraform_data\" \"a\" {\n  provisioner \"local-exec\" {\n    command = \"echo ${var.who}\"\n  }\n}\n",
		"app/terraform.tfvars": "who = \"" + value + "\"\n",
	}
}

// innocent is a value in whose place a command fits.
var innocent = strings.Repeat("harmless", 12)

func insteadOfHarmless(ran string) string {
	command := "x; touch " + ran + " #"
	return command + strings.Repeat("y", len(innocent)-len(command))
}

// store puts another plan file in the place of the one that is applied next.
func (a *applying) store(t testing.TB, plan []byte) {
	t.Helper()
	ref, err := a.artifacts.Put(t.Context(), a.doc.Plan.File.Key, bytes.NewReader(plan))
	if err != nil {
		t.Fatal(err)
	}
	a.doc.Plan.File = ref
}

// exchange changes entries of the plan that is applied next.
func (a *applying) exchange(t testing.TB, change func(name, content string) string) {
	t.Helper()
	a.store(t, exchanged(t, []byte(a.read(t, a.plan.Artifacts[run.ArtifactPlan])), change))
}

// N1: a value of a variable inside of a plan file shows nowhere, and provisioners and
// providers get it.
func TestAValueExchangedInAStoredPlanDoesNotRun(t *testing.T) {
	t.Parallel()
	a := plans(t, saysHello(innocent))
	ran := filepath.Join(a.shared(t), "ran")
	a.exchange(t, func(name, content string) string {
		if name == "tfplan" {
			return strings.ReplaceAll(content, innocent, insteadOfHarmless(ran))
		}
		return content
	})
	r := a.run(t)
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command ran")
	}
	wantProblem(t, r, "plan_mismatch", `another value of the variable "who"`)
	if r.Began || len(r.Steps) > 0 {
		t.Errorf("terraform ran: %+v", r)
	}
}

// exchangesWhilePlanning makes a terraform whose plan is changed, by a Python
// expression of the content c of the entry n, before the runner takes it.
func (s *setup) exchangesWhilePlanning(t testing.TB, expression string) {
	t.Helper()
	real := s.options.Terraform
	s.options.Read = append(s.options.Read, real)
	s.script(t, "export TF_CLI_CONFIG_FILE=/dev/null\n"+real+` "$@" || exit 1
if [ "$1" = plan ]; then
	for a in "$@"; do case "$a" in -out=*) out=${a#-out=} ;; esac; done
	python3 - "$out" <<'P' || exit 1
import sys,zipfile
p=sys.argv[1]
z=zipfile.ZipFile(p); d=[(i.filename,z.read(i)) for i in z.infolist()]; z.close()
o=zipfile.ZipFile(p,'w')
for n,c in d: o.writestr(n, `+expression+`)
o.close()
P
fi`)
}

// N1: the same by a program of the plan, so that it would be stored.
func TestAValueExchangedWhilePlanningIsThrownAway(t *testing.T) {
	t.Parallel()
	s := newSetup(t, saysHello("harmlessharmless"))
	s.exchangesWhilePlanning(t, `c.replace(b'harmlessharmless', b'evil;sh;run;boom') if n=='tfplan' else c`)
	wantProblem(t, s.run(t), "plan_mismatch", `another value of the variable "who"`)
}

// Plans and applies of projects with values from everywhere go on as before.
func TestValuesFromEverywhereArePlannedAndApplied(t *testing.T) {
	t.Parallel()
	a := &applying{setup: newSetup(t, map[string]string{
		"app/main.tf": `terraform {
  backend "local" {}
}
variable "env" { type = map(object({ n = number, b = optional(bool) })) }
variable "env_text" {}
variable "file" { default = null }
variable "twice" { type = list(string) }
variable "flag" { type = any }
variable "none" { default = 3 }
variable "null" {}
variable "json" {}
variable "secret" {
  type      = string
  sensitive = true
}
resource "terraform_data" "a" {
  input = [var.env, var.env_text, var.file, var.twice, var.flag, var.none, var.null, var.json, nonsensitive(var.secret)]
}
`,
		"app/terraform.tfvars":   "file = [1, 2.5, 1e40, \"x\", { a = true, \"b c\" = null }]\ntwice = [\"first\"]\nnull = null\nundeclared = 1\n",
		"app/b.auto.tfvars":      "twice = [\"second ${\"x\"}\", <<E\nheredoc\nE\n]\n",
		"app/a.auto.tfvars":      "twice = [\"lost\"]\n",
		"app/z.auto.tfvars.json": `{"json": {"a": ["${not}", 1.0, null, true]}}`,
		"vars/more.tfvars":       "flag = 1\nenv_text = \"of the file\"\n",
	})}
	a.ledger = filepath.Join(a.shared(t), "ledger")
	a.doc.Project.BackendConfig = map[string]string{"path": a.ledger + ".state"}
	a.doc.Project.VarFiles, a.doc.Flags = []string{"../vars/more.tfvars"}, []string{"-var=flag={ a = [1, \"2\"], b = -3 }"}
	a.env = append(a.env, SecretPrefix+`TF_VAR_env={ x = { n = "7" } }`, SecretPrefix+"TF_VAR_secret=plan-only-1", SecretPrefix+"TF_VAR_file=lost")
	a.planAgain(t, a.doc.JobID)
	a.env[len(a.env)-2] = SecretPrefix + "TF_VAR_secret=apply-only-1" // environments may differ
	if r := a.run(t); r.Outcome != run.OutcomeSucceeded {
		t.Fatalf("%+v", r.Problem)
	}
}

// twoResources are two resources, one of which changes with -var=v.
const twoResources = "terraform {\n  backend \"local\" {}\n}\nvariable \"v\" {}\nresource \"terraform_data\" \"a\" {\n  input = \"database\"\n}\nresource \"terraform_data\" \"b\" {\n  input = var.v\n}\n"

// N1: an apply goes on with the state inside of the plan file, of which Terraform
// compares lineage and serial with the backend.
func TestAStateExchangedInAStoredPlanIsNotApplied(t *testing.T) {
	t.Parallel()
	for how, c := range map[string]struct {
		entries string
		change  func(content string) string
		want    string
	}{
		"removed": {"tfstate tfstate-prev", func(content string) string {
			i := strings.Index(content, "{\n      \"mode\": \"managed\",\n      \"type\": \"terraform_data\",\n      \"name\": \"b\"")
			j := strings.Index(content, "{\n      \"mode\": \"managed\",\n      \"type\": \"terraform_data\",\n      \"name\": \"a\"")
			return content[:j] + content[i:]
		}, `lacks "terraform_data.a"`},
		"other id": {"tfstate tfstate-prev", func(content string) string {
			k := strings.Index(content, "\"id\": \"") + len("\"id\": \"")
			return content[:k] + "00000000" + content[k+8:]
		}, `another "terraform_data.a"`},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			a := plans(t, map[string]string{"app/main.tf": twoResources, "app/terraform.tfvars": "v = 1\n"})
			if r := a.run(t); r.Problem != nil {
				t.Fatal(r.Problem, r.Problem.Detail)
			}
			a.doc.Flags = []string{"-var=v=2"}
			a.planAgain(t, "r2-0")
			before, err := os.ReadFile(a.state)
			if err != nil {
				t.Fatal(err)
			}
			a.exchange(t, func(name, content string) string {
				if strings.Contains(" "+c.entries+" ", " "+name+" ") {
					return c.change(content)
				}
				return content
			})
			r := a.run(t)
			after, err := os.ReadFile(a.state)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the state changed (%v):\n%s", err, after)
			}
			wantProblem(t, r, "plan_mismatch", c.want)
		})
	}
}

// What a program of the plan writes into the state with which its apply goes on, people see.
func TestAStateExchangedWhilePlanningIsShown(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": twoResources, "app/terraform.tfvars": "v = 1\n"})
	if r := a.run(t); r.Problem != nil {
		t.Fatal(r.Problem, r.Problem.Detail)
	}
	a.doc.Flags = []string{"-var=v=2"}
	a.planAgain(t, "r2-0")
	honest := a.summary(t, a.plan)
	a.exchangesWhilePlanning(t, `c.replace(b'"database"', b'"exchange"') if n=='tfstate' else c`)
	a.planAgain(t, "r3-0")
	evil := a.summary(t, a.plan)
	if fmt.Sprint(evil.Drift) != "[terraform_data.a]" || evil.Digest == honest.Digest || len(honest.Drift) > 0 {
		t.Errorf("shown: %q, before %q; the digests are the same: %v", evil.Drift, honest.Drift, evil.Digest == honest.Digest)
	}
}

// States that are other bytes for honest reasons.
func TestAPlanThatMovesAndImportsIsApplied(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"a\" {\n  input = \"${terraform.workspace} \\\"\"\n}\nresource \"terraform_data\" \"n\" {\n}\nmodule \"m\" {\n  source = \"./m\"\n}\n", "app/m/main.tf": "resource \"terraform_data\" \"k\" {\n  for_each = toset([\"x\", \"$${y} \\\"\"])\n}\n"})
	a.doc.Project.Workspace = "blue"
	a.doc.Project.BackendConfig = map[string]string{"workspace_dir": filepath.Join(filepath.Dir(a.state), "w")}
	a.planAgain(t, "r1-0")
	if r := a.run(t); r.Problem != nil {
		t.Fatal(r.Problem, r.Problem.Detail)
	}
	a.doc.Source = backendtest.Source(t, a.artifacts, map[string]string{"app/main.tf": "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"b\" {\n  count = 1\n  input = \"now ${terraform.workspace}\"\n}\nresource \"terraform_data\" \"n\" {\n  count = 1\n}\nmoved {\n  from = terraform_data.a\n  to = terraform_data.b[0]\n}\nimport {\n  to = terraform_data.c\n  id = \"imported\"\n}\nresource \"terraform_data\" \"c\" {\n}\nmodule \"o\" {\n  source = \"./m\"\n}\nmoved {\n  from = module.m\n  to = module.o\n}\n", "app/m/main.tf": "resource \"terraform_data\" \"k\" {\n  for_each = toset([\"x\", \"$${y} \\\"\"])\n}\n"})
	a.planAgain(t, "r2-0")
	if s := a.summary(t, a.plan); len(s.Drift) > 0 || s.Counts.Import != 1 || s.Counts.Move != 4 {
		t.Errorf("%+v", s)
	}
	if r := a.run(t); r.Problem != nil {
		t.Errorf("%+v", *r.Problem)
	}
}

// Which values are sensitive, terraform show learns from the providers in the directory
// that programs of the plan can write to.
func TestProvidersExchangedWhilePlanningAreNotAsked(t *testing.T) {
	t.Parallel()
	for name, does := range map[string]string{
		"a provider":      `mkdir -p .terraform/providers/registry.example.org/a/b/1.0.0/linux_amd64; echo x > .terraform/providers/registry.example.org/a/b/1.0.0/linux_amd64/terraform-provider-b`,
		"all of them":     `mv .terraform x; mkdir -p .terraform/providers`,
		"a link to them":  `mkdir -p x/providers; rm -rf .terraform; ln -s x .terraform`,
		"the lock file":   `echo '# more' >> .terraform.lock.hcl`,
		"nothing of them": `: > other`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, map[string]string{"app/main.tf": resource})
			real := s.options.Terraform
			s.options.Read = append(s.options.Read, real)
			shown := filepath.Join(s.shared(t), "shown")
			s.script(t, "export TF_CLI_CONFIG_FILE=/dev/null\n[ $1 != show ] || touch "+shown+"\n"+real+` "$@" || exit 1
[ "$1" != init ] || mkdir -p .terraform/providers
[ "$1" != plan ] || { `+does+`; }
`)
			r := s.run(t)
			if name == "nothing of them" {
				s.summary(t, r)
				return
			}
			if _, err := os.Stat(shown); err == nil {
				t.Error("terraform show ran")
			}
			wantProblem(t, r, "plan_mismatch", "while planning")
		})
	}
}
