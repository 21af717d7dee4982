package local_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

var benchSource = map[string]string{"app/main.tf": `
resource "terraform_data" "one" {
  input = "first"
}
`}

// BenchmarkJob is one whole job: Start to the finished message.
func BenchmarkJob(b *testing.B) {
	f := newFixture(b)
	e, inbox := f.open(b), backendtest.NewInbox()
	backendtest.Serve(b, e, inbox)
	source := backendtest.Source(b, f.artifacts, benchSource)
	total := map[string]int64{}
	n := 0
	for b.Loop() {
		doc := backendtest.Document(fmt.Sprintf("run-%d", n), source)
		n++
		if err := e.Start(b.Context(), doc); err != nil {
			b.Fatal(err)
		}
		r := inbox.Finished(b, doc.JobID)
		if r.Outcome != run.OutcomeSucceeded {
			b.Fatalf("%+v", r.Problem)
		}
		for _, s := range r.Steps {
			total[s.Name] += s.Milliseconds
		}
	}
	for name, ms := range total {
		b.ReportMetric(float64(ms)/float64(n), name+"-ms")
	}
}

// BenchmarkTerraform is the terraform processes of such a job on their own,
// with the environment that the runner gives them.
func BenchmarkTerraform(b *testing.B) {
	for name, tuned := range map[string][]string{"as it is": nil, "as a job": {"GOGC=400", "GOMEMLIMIT=1GiB"}} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(benchSource["app/main.tf"]), 0o600); err != nil {
				b.Fatal(err)
			}
			plan := filepath.Join(dir, "plan")
			for b.Loop() {
				for _, args := range [][]string{
					{"init", "-input=false", "-no-color"},
					{"plan", "-input=false", "-no-color", "-lock=false", "-out=" + plan},
					{"show", "-json", plan},
				} {
					cmd := exec.Command("terraform", args...)
					cmd.Dir = dir
					cmd.Env = append([]string{
						"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "CHECKPOINT_DISABLE=1",
						"TF_CLI_CONFIG_FILE=/dev/null", "TF_IN_AUTOMATION=1",
					}, tuned...)
					if out, err := cmd.CombinedOutput(); err != nil {
						b.Fatalf("%v: %v\n%s", args, err, out)
					}
				}
			}
		})
	}
}
