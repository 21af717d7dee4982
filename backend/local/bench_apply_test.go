package local_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// BenchmarkTwentyApplies compares applies of the engine with what a person
// types in twenty directories, two at a time, in turns. The ratio is of medians.
func BenchmarkTwentyApplies(b *testing.B) {
	const n = 20
	f := newFixture(b)
	f.options.Parallel = 4
	e, inbox := f.open(b), backendtest.NewInbox()
	backendtest.Serve(b, e, inbox)
	source := backendtest.Source(b, f.artifacts, map[string]string{
		"app/main.tf": "terraform {\n  backend \"local\" {}\n}\n" + benchSource["app/main.tf"],
	})
	var applies []run.JobDocument
	var plans [][]byte
	states, dirs := make([]string, n), make([]string, n)
	for i := range n {
		states[i], dirs[i] = filepath.Join(b.TempDir(), "terraform.tfstate"), b.TempDir()
		doc := backendtest.Document(fmt.Sprintf("plan%d-0", i), source)
		doc.Project.BackendConfig = map[string]string{"path": states[i]}
		if err := e.Start(b.Context(), doc); err != nil {
			b.Fatal(err)
		}
		r := inbox.Finished(b, doc.JobID)
		content, err := f.artifacts.ReadAll(b.Context(), r.Artifacts[run.ArtifactPlan], 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		applies, plans = append(applies, backendtest.Apply(doc, r)), append(plans, content)
		barePlan(b, dirs[i])
	}
	var ours, bare []time.Duration
	round := 0
	for b.Loop() {
		round++
		docs := slices.Clone(applies)
		for i := range docs {
			_ = os.Remove(states[i])
			_ = os.Remove(filepath.Join(dirs[i], "terraform.tfstate"))
			docs[i].JobID = fmt.Sprintf("round%d-%d", round, i)
			plan := *docs[i].Plan
			plan.JobID = fmt.Sprintf("copy%d-%d", round, i)
			var err error
			if plan.File, err = f.artifacts.Put(b.Context(), fmt.Sprintf("runs/copy%d/%s.%s", round, plan.JobID, run.ArtifactPlan), bytes.NewReader(plans[i])); err != nil {
				b.Fatal(err)
			}
			docs[i].RunID, docs[i].Plan = run.RunOfJob(docs[i].JobID), &plan
		}
		began := time.Now()
		for _, doc := range docs {
			if err := e.Start(b.Context(), doc); err != nil {
				b.Fatal(err)
			}
		}
		for _, doc := range docs {
			if r := inbox.Finished(b, doc.JobID); r.Outcome != run.OutcomeSucceeded {
				b.Fatalf("%+v", r.Problem)
			}
		}
		ours = append(ours, time.Since(began))
		bare = append(bare, bareApplies(b, dirs))
	}
	middle := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Microseconds()) / 1000
	}
	b.ReportMetric(middle(ours), "ours-ms")
	b.ReportMetric(middle(bare), "bare-ms")
	b.ReportMetric(middle(ours)/middle(bare), "times-bare")
}

func barePlan(b *testing.B, dir string) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(benchSource["app/main.tf"]), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-input=false"}, {"plan", "-input=false", "-out=plan"}} {
		bareTerraform(b, dir, args...)
	}
}

// bareApplies applies the plans of all directories, two at a time.
func bareApplies(b *testing.B, dirs []string) time.Duration {
	b.Helper()
	began := time.Now()
	var g errgroup.Group
	g.SetLimit(2)
	for _, dir := range dirs {
		g.Go(func() error {
			bareTerraform(b, dir, "apply", "-input=false", "-no-color", "plan")
			return nil
		})
	}
	_ = g.Wait()
	return time.Since(began)
}

func bareTerraform(b *testing.B, dir string, args ...string) {
	cmd := exec.Command("terraform", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CHECKPOINT_DISABLE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Errorf("terraform %v: %v\n%s", args, err, out)
	}
}
