package demo

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	tfjson "github.com/hashicorp/terraform-json"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/project"
)

var update = flag.Bool("update", false, "apply the demo repository and write its states")

// counts is what a plan does, a replacement counted once.
type counts struct{ Add, Change, Replace, Destroy int }

func TestStatesAreCurrent(t *testing.T) {
	if *update {
		writeStates(t)
	}
	root := checkOut(t, Files())
	for i, p := range projects(t) {
		t.Run(p.Name, func(t *testing.T) {
			if i%2 != 0 {
				longtest.Only(t)
			}
			t.Parallel()
			plan := open(t, root, p, States()[p.Name]).plan()
			if got := count(plan); got != (counts{}) {
				t.Errorf("planning the default branch does %+v; run `go generate ./sandbox/demo`", got)
			}
			for name, output := range plan.OutputChanges {
				if !output.Actions.NoOp() {
					t.Errorf("output %s changes; run `go generate ./sandbox/demo`", name)
				}
			}
		})
	}
}

func TestFirstChangeDoesWhatItSays(t *testing.T) {
	want := map[string]counts{
		"orders-dev":    {Add: 1, Change: 1},
		"orders-prod":   {Add: 1, Change: 2, Destroy: 1},
		"database-prod": {Change: 1, Replace: 1},
		"cluster-prod":  {Change: 1},
	}
	root := checkOut(t, changedFiles())
	for _, p := range projects(t) {
		t.Run(p.Name, func(t *testing.T) {
			if _, changes := want[p.Name]; !changes {
				longtest.Only(t)
			}
			t.Parallel()
			plan := open(t, root, p, States()[p.Name]).plan()
			if diff := cmp.Diff(want[p.Name], count(plan)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSensitiveValuesAreMarked(t *testing.T) {
	root := checkOut(t, Files())
	for _, p := range projects(t) {
		if p.Name != "database-prod" {
			continue
		}
		shown := open(t, root, p, nil).plan()
		for _, change := range shown.ResourceChanges {
			if change.Address != "terraform_data.instance" {
				continue
			}
			marks, err := json.Marshal(change.Change.AfterSensitive)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(marks), `"administrator":true`) {
				t.Errorf("the administrator is not marked sensitive: %s", marks)
			}
			return
		}
	}
	t.Error("the plan of database-prod has no instance")
}

func TestProductionPreconditionsRefuse(t *testing.T) {
	tests := map[string]struct{ file, old, new, want string }{
		"a database in one zone": {"live/prod/database/prod.tfvars", "= true", "= false", "set multi_zone = true"},
		"a network in two zones": {"live/prod/network/prod.tfvars", `, "c"]`, `]`, "at least three zones"},
		"a single replica":       {"live/prod/orders/prod.tfvars", "= 3", "= 1", "at least two replicas"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := Files()
			files[test.file] = bytes.Replace(files[test.file], []byte(test.old), []byte(test.new), 1)
			index := slices.IndexFunc(projects(t), func(p project.Project) bool { return p.Dir == filepath.Dir(test.file) })
			p := projects(t)[index]
			work := open(t, checkOut(t, files), p, nil)
			output, err := work.command("plan", "-input=false", "-no-color", "-var-file="+p.VarFiles[0]).CombinedOutput()
			said := regexp.MustCompile(`[\s│]+`).ReplaceAllString(string(output), " ")
			if err == nil || !strings.Contains(said, test.want) {
				t.Errorf("want a refusal that says %q, got error %v and\n%s", test.want, err, output)
			}
		})
	}
}

// changedFiles is the branch of the first pull request.
func changedFiles() map[string][]byte {
	files := Files()
	for name, content := range FirstChange().Files {
		if files[name] = content; content == nil {
			delete(files, name)
		}
	}
	return files
}

// writeStates applies every project from nothing and keeps the states, with the
// oldest version that is supported as their writer.
func writeStates(t *testing.T) {
	root := checkOut(t, Files())
	for _, p := range projects(t) {
		work := open(t, root, p, nil)
		work.run("apply", "-input=false", "-auto-approve", "-lock=false", "-var-file="+p.VarFiles[0])
		state, err := os.ReadFile(work.state)
		if err != nil {
			t.Fatal(err)
		}
		state = regexp.MustCompile(`"terraform_version": "[^"]*"`).ReplaceAll(state, []byte(`"terraform_version": "1.6.0"`))
		if err := os.WriteFile(filepath.Join("states", p.Name+".tfstate"), state, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip("states written; run again without -update")
}

// workspace is one initialized project.
type workspace struct {
	t                *testing.T
	terraform        string
	dir, data, state string
	varFile          string
}

// open initializes a project of a checked-out repository over a state, as a
// server does: data and state live outside the source.
func open(t *testing.T, root string, p project.Project, state []byte) workspace {
	t.Helper()
	scratch := t.TempDir()
	w := workspace{
		t: t, terraform: terraform(t), dir: filepath.Join(root, p.Dir),
		data: filepath.Join(scratch, "data"), state: filepath.Join(scratch, p.Name+".tfstate"), varFile: p.VarFiles[0],
	}
	if state != nil {
		if err := os.WriteFile(w.state, state, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.run("init", "-input=false", "-backend-config=path="+w.state)
	return w
}

func (w workspace) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.t.Context(), w.terraform, args...)
	cmd.Dir = w.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.t.TempDir(), "CHECKPOINT_DISABLE=1", "GOGC=400", "TF_DATA_DIR=" + w.data}
	return cmd
}

func (w workspace) run(args ...string) []byte {
	w.t.Helper()
	cmd := w.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("terraform %s in %s: %v\n%s%s", strings.Join(args, " "), w.dir, err, output, stderr.Bytes())
	}
	return output
}

func (w workspace) plan() *tfjson.Plan {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "plan")
	w.run("plan", "-input=false", "-lock=false", "-out="+file, "-var-file="+w.varFile)
	var plan tfjson.Plan
	if err := json.Unmarshal(w.run("show", "-json", file), &plan); err != nil {
		w.t.Fatal(err)
	}
	return &plan
}

func count(plan *tfjson.Plan) counts {
	var c counts
	for _, resource := range plan.ResourceChanges {
		switch actions := resource.Change.Actions; {
		case actions.Replace():
			c.Replace++
		case actions.Create():
			c.Add++
		case actions.Update():
			c.Change++
		case actions.Delete():
			c.Destroy++
		}
	}
	return c
}

func checkOut(t *testing.T, files map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// terraform finds the binary to test with, as the sandbox does.
func terraform(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"tofu", "terraform"} {
		if binary, err := exec.LookPath(name); err == nil {
			return binary
		}
	}
	t.Fatal("these tests need terraform or tofu, 1.6 or newer, on the PATH; install one of them")
	return ""
}
