package project

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Terraform itself writes down which directories it loads; the graph must name the same.
func TestReachAgreesWithTerraform(t *testing.T) {
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not on the PATH")
	}
	tree := newTree(map[string]string{
		"infra/app/main.tf":          "module \"vpc\" {\n  source = \"../../modules/vpc\"\n}\nmodule \"own\" {\n  source = \"./own/\"\n}\nmodule \"escaped\" {\n  source = \"\\u002e/../../modules/base\"\n}",
		"infra/app/own/main.tf.json": `{"module": {"subnet": {"source": "../../../modules/vpc/subnet"}}}`,
		"modules/vpc/main.tf":        "module \"subnet\" {\n  source = \"./subnet\"\n}",
		"modules/vpc/subnet/main.tf": "module \"base\" {\n  source = \"./../../base\"\n}",
		"modules/base/main.tf":       "locals {}",
		"modules/other/main.tf":      "module \"base\" {\n  source = \"../base\"\n}",
	})
	root := t.TempDir()
	err = tree.Read(t.Context(), tree.files, func(f File, data []byte) error {
		name := filepath.Join(root, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	cmd := exec.CommandContext(t.Context(), terraform, "init", "-backend=false", "-input=false")
	cmd.Dir = filepath.Join(root, "infra/app")
	cmd.Env = []string{"CHECKPOINT_DISABLE=1", "TF_DATA_DIR=" + data, "HOME=" + data, "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("terraform init: %v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(data, "modules/modules.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Modules []struct{ Dir string } }
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range manifest.Modules {
		to, _ := within("infra/app", filepath.ToSlash(m.Dir))
		want = append(want, to)
	}
	slices.Sort(want)
	got := graphOf(t, tree).reach("infra/app").modules
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("modules (-terraform +graph):\n%s", diff)
	}
}
