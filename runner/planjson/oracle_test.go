package planjson

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/longtest"
)

// The real terraform is the judge: what it shows of a plan file is compared with what
// Read makes of the same one.

// oracle is a directory in which terraform plans and applies.
type oracle struct {
	dir, rc, terraform, version string
	packed                      []byte // the schemas of all providers
	seen                        map[string]int
	compared                    int
}

func newOracle(t testing.TB) *oracle {
	t.Helper()
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal("this test needs terraform on the PATH")
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plugins := t.TempDir()
	if err := os.Symlink(own, filepath.Join(plugins, "terraform-provider-shapes")); err != nil {
		t.Fatal(err)
	}
	o := &oracle{dir: t.TempDir(), rc: filepath.Join(plugins, "rc"), terraform: terraform, seen: map[string]int{}}
	config := "provider_installation {\n  dev_overrides {\n    \"acme/shapes\" = \"" + plugins + "\"\n  }\n  direct {}\n}\n"
	if err := os.WriteFile(o.rc, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(o.run(t, "version")), "\n")
	o.version = strings.TrimPrefix(first, "Terraform v")
	if err := os.WriteFile(filepath.Join(o.dir, "main.tf"), []byte(requires+"resource \"terraform_data\" \"own\" {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := Pack(bytes.NewReader(o.run(t, "providers", "schema", "-json")), &packed, []string{shapesName, "terraform.io/builtin/terraform"}); err != nil {
		t.Fatal(err)
	}
	o.packed = packed.Bytes()
	return o
}

// run runs terraform, which has to succeed.
func (o *oracle) run(t testing.TB, args ...string) []byte {
	t.Helper()
	out, complaints, err := o.try(t, args...)
	if err != nil {
		t.Fatalf("terraform %v: %v\n%s%s", args, err, out, complaints)
	}
	return out
}

func (o *oracle) try(t testing.TB, args ...string) (out, complaints []byte, err error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), o.terraform, args...)
	c.Dir = o.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + o.dir, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE=" + o.rc, "GOGC=400"}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err = c.Output()
	return out, stderr.Bytes(), err
}

// stage is one plan, and what is done before and after it.
type stage struct {
	files map[string]string // what changes; "" removes a file
	flags []string          // of plan
	apply bool
	fails bool // the plan
	quick bool // it is always made
	kept  bool // -update keeps its plan file, for tests without terraform
}

// step makes a plan, compares, and applies it where that is asked for.
func (o *oracle) step(t *testing.T, s stage) {
	t.Helper()
	for name, content := range s.files {
		at := filepath.Join(o.dir, name)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		if content == "" {
			err = os.RemoveAll(at)
		} else if err == nil {
			err = os.WriteFile(at, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, calls := s.files["m/main.tf"]; calls {
		o.run(t, "get")
	}
	plan := filepath.Join(o.dir, "plan")
	_ = os.Remove(plan)
	out, complaints, err := o.try(t, append([]string{"plan", "-input=false", "-out=" + plan}, s.flags...)...)
	if (err != nil) != s.fails {
		t.Fatalf("plan: %v\n%s%s", err, out, complaints)
	}
	shown := o.run(t, "show", "-json", plan)
	if *update && s.kept {
		o.keepPlan(t, plan)
	}
	o.note(t, shown)
	o.compare(t, plan, shown)
	if s.apply {
		if out, complaints, err := o.try(t, "apply", plan); err != nil && !strings.Contains(string(complaints), "it fails") {
			t.Fatalf("apply: %v\n%s%s", err, out, complaints)
		}
	}
}

func (o *oracle) compare(t testing.TB, plan string, shown []byte) {
	t.Helper()
	content, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(bytes.NewReader(content), int64(len(content)), o.version, o.schemas(t))
	if err != nil {
		t.Fatalf("%v\n%s", err, shown)
	}
	part, err := Differ(shown, got.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if part != "" {
		t.Errorf("%s differs\nterraform: %s\nhere:      %s", part, partOf(t, shown, part), partOf(t, got.JSON, part))
	}
	o.compared++
}

func (o *oracle) schemas(t testing.TB) *Schemas {
	t.Helper()
	s, err := OpenSchemas(bytes.NewReader(o.packed), int64(len(o.packed)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// note counts what occurs in plans.
func (o *oracle) note(t testing.TB, shown []byte) {
	t.Helper()
	var plan document
	if err := json.Unmarshal(shown, &plan); err != nil {
		t.Fatal(err)
	}
	for _, r := range plan.ResourceChanges {
		o.seen[strings.Join(r.Change.Actions, " ")]++
		o.seen[r.ActionReason]++
		for what, is := range map[string]bool{"moved": r.PreviousAddress != "", "deposed": r.Deposed != "", "imported": r.Change.Importing != nil, "paths": len(r.Change.ReplacePaths) > 0, "data": r.Mode == "data"} {
			if is {
				o.seen[what]++
			}
		}
	}
	for what, is := range map[string]bool{"drift": len(plan.ResourceDrift) > 0, "checks": len(plan.Checks) > 0, "relevant": len(plan.Relevant) > 0, "errored": plan.Errored, "incomplete": !plan.Complete && !plan.Errored, "prior": plan.PriorState != nil} {
		if is {
			o.seen[what]++
		}
	}
}

var update = flag.Bool("update", false, "write testdata anew")

// keepPlan keeps the parts of a plan file that are read, and the schemas for it.
func (o *oracle) keepPlan(t testing.TB, plan string) {
	t.Helper()
	content, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := unpack(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tfplan": parts.plan, "tfstate": parts.state, "main.tf": parts.config[0].Content, "schemas.zip": o.packed} {
		if err := os.WriteFile(filepath.Join("testdata", name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func partOf(t testing.TB, document []byte, name string) []byte {
	t.Helper()
	all := decoded(t, document)
	return raw(all[name])
}

const requires = "terraform {\n  required_providers {\n    shapes = {\n      source = \"acme/shapes\"\n    }\n  }\n}\n"

func TestWhatIsReadIsWhatTerraformShows(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	for _, name := range slices.Sorted(maps.Keys(stories)) {
		t.Run(name, func(t *testing.T) {
			o.dir = t.TempDir()
			for i, s := range stories[name] {
				if !longtest.On() && !s.quick {
					t.Skip("make test-long goes on from here")
				}
				t.Logf("plan %d", i)
				o.step(t, s)
			}
		})
	}
	t.Logf("%d plan files compared, in them %v", o.compared, o.seen)
	if !longtest.On() {
		return
	}
	for _, what := range slices.Concat(reasons[1:], []string{"no-op", "create", "read", "update", "delete", "delete create", "create delete", "forget",
		"moved", "deposed", "imported", "paths", "data", "drift", "checks", "relevant", "errored", "incomplete", "prior"}) {
		if o.seen[what] == 0 {
			t.Errorf("no plan has %q", what)
		}
	}
}
