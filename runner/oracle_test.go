package runner

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/project/repotest"
	"github.com/lockkeeper/lockkeeper/run"
)

// oracleSeeds are how many repositories are compared: LOCKKEEPER_TEST_LONG looks at
// more than anybody waits for.
func oracleSeeds() int {
	if !longtest.On() {
		return 2 // one with the source of the job alone, one with a shared one
	}
	if n, err := strconv.Atoi(os.Getenv("LOCKKEEPER_TEST_SEEDS")); err == nil {
		return n
	}
	return 500
}

// A plan of Lockkeeper is that of terraform in a checkout of the commit: addresses,
// actions and values, whether the source is the job's own or shared.
func TestAPlanIsThatOfACheckout(t *testing.T) {
	t.Parallel()
	sources := sharing(t)
	for seed := range oracleSeeds() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			repository := repotest.Generate(uint64(seed))
			checkout := t.TempDir()
			if err := repository.Write(checkout); err != nil {
				t.Fatal(err)
			}
			for _, dir := range repository.Projects {
				files := repository.Files
				if seed%2 == 1 {
					files = large(files)
				}
				s := newSetup(t, files)
				s.options.Sources = sources
				s.doc.Project.Dir = dir
				s.doc.Project.BackendConfig = map[string]string{"path": filepath.Join(s.shared(t), "state")}
				r := s.run(t)
				if r.Outcome != run.OutcomeSucceeded {
					t.Fatalf("%s: %+v", dir, r.Problem)
				}
				plan := filepath.Join(t.TempDir(), "plan")
				if err := os.WriteFile(plan, []byte(s.read(t, r.Artifacts[run.ArtifactPlan])), 0o600); err != nil {
					t.Fatal(err)
				}
				want, got := planOfACheckout(t, filepath.Join(checkout, dir)), shownPlan(t, filepath.Join(checkout, dir), plan)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-checkout +job):\n%s", dir, diff)
				}
			}
		})
	}
}

// planOfACheckout is the plan that terraform makes in a directory.
func planOfACheckout(t *testing.T, dir string) map[string]any {
	t.Helper()
	plan := filepath.Join(t.TempDir(), "plan")
	terraformIn(t, dir, "init", "-input=false", "-backend-config=path="+filepath.Join(t.TempDir(), "state"))
	terraformIn(t, dir, "plan", "-input=false", "-lock=false", "-out="+plan)
	return shownPlan(t, dir, plan)
}

// shownPlan is what of a plan's JSON does not say when and where it was made.
func shownPlan(t *testing.T, dir, plan string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(terraformIn(t, dir, "show", "-json", plan), &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	for _, key := range []string{"resource_changes", "output_changes", "planned_values", "variables", "errored"} {
		out[key] = all[key]
	}
	return out
}

func terraformIn(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "terraform", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1"}
	out, err := cmd.Output()
	if err != nil {
		stderr := ""
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = string(exit.Stderr)
		}
		t.Fatalf("terraform %v in %s: %v\n%s%s", args, dir, err, out, stderr)
	}
	return out
}
