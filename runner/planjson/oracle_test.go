package planjson

import (
	"bytes"
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
	o := &oracle{dir: t.TempDir(), rc: filepath.Join(plugins, "rc"), terraform: terraform}
	config := "provider_installation {\n  dev_overrides {\n    \"acme/shapes\" = \"" + plugins + "\"\n  }\n  direct {}\n}\n"
	if err := os.WriteFile(o.rc, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(o.run(t, nil, "version")), "\n")
	o.version = strings.TrimPrefix(first, "Terraform v")
	return o
}

// run runs terraform; failing tells whether it has to succeed.
func (o *oracle) run(t testing.TB, env []string, args ...string) []byte {
	t.Helper()
	out, complaints, err := o.try(t, env, args...)
	if err != nil {
		t.Fatalf("terraform %v: %v\n%s%s", args, err, out, complaints)
	}
	return out
}

func (o *oracle) try(t testing.TB, env []string, args ...string) (out, complaints []byte, err error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), o.terraform, args...)
	c.Dir = o.dir
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + o.dir, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE=" + o.rc}, env...)
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
	env   []string
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
	if calls, _ := filepath.Glob(filepath.Join(o.dir, "*.tf*")); len(calls) > 0 {
		o.run(t, s.env, "get")
	}
	plan := filepath.Join(o.dir, "plan")
	_ = os.Remove(plan)
	out, complaints, err := o.try(t, s.env, append([]string{"plan", "-input=false", "-out=" + plan}, s.flags...)...)
	if (err != nil) != s.fails {
		t.Fatalf("plan: %v\n%s%s", err, out, complaints)
	}
	shown := o.run(t, s.env, "show", "-json", plan)
	o.compare(t, plan, shown, o.schemas(t, s.env))
	if s.apply {
		if out, complaints, err := o.try(t, s.env, "apply", plan); err != nil && !strings.Contains(string(complaints), "it fails") {
			t.Fatalf("apply: %v\n%s%s", err, out, complaints)
		}
	}
}

func (o *oracle) compare(t testing.TB, plan string, shown []byte, schemas *Schemas) {
	t.Helper()
	content, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(bytes.NewReader(content), int64(len(content)), o.version, schemas)
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

// schemas are those of the providers of the configuration as it is now.
func (o *oracle) schemas(t testing.TB, env []string) *Schemas {
	t.Helper()
	printed := o.run(t, env, "providers", "schema", "-json")
	var providers []string
	for _, p := range []string{shapesName, "terraform.io/builtin/terraform"} {
		if bytes.Contains(printed, []byte(`"`+p+`":`)) {
			providers = append(providers, p)
		}
	}
	var packed bytes.Buffer
	if err := Pack(bytes.NewReader(printed), &packed, providers); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSchemas(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func partOf(t testing.TB, document []byte, name string) []byte {
	t.Helper()
	all := decoded(t, document)
	return raw(all[name])
}

const requires = "terraform {\n  required_providers {\n    shapes = {\n      source = \"acme/shapes\"\n    }\n  }\n}\n"

func TestWhatIsReadIsWhatTerraformShows(t *testing.T) {
	t.Parallel()
	total := 0
	for _, name := range slices.Sorted(mapsKeys(stories)) {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(quick, name) {
				longtest.Only(t)
			}
			o := newOracle(t)
			for i, s := range stories[name] {
				t.Logf("plan %d", i)
				o.step(t, s)
			}
			total += o.compared
		})
	}
	t.Logf("%d plan files compared", total)
}
