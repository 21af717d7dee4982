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

// applyBench is twenty projects that the engine has planned, and twenty
// directories in which a person did.
type applyBench struct {
	*fixture
	engine  run.Backend
	inbox   *backendtest.Inbox
	applies []run.JobDocument
	plans   [][]byte
	states  []string // of both
	dirs    []string
}

// BenchmarkTwentyApplies compares applies of the engine with what a person
// types in twenty directories, two at a time, in turns. The ratio is of medians.
func BenchmarkTwentyApplies(b *testing.B) {
	f := newFixture(b)
	f.options.Parallel = 4
	a := &applyBench{fixture: f, engine: f.open(b), inbox: backendtest.NewInbox()}
	backendtest.Serve(b, a.engine, a.inbox)
	for i := range 20 {
		a.plan(b, i)
	}
	var ours, bare []time.Duration
	for b.Loop() {
		docs := a.round(b, len(ours))
		ours = append(ours, a.run(b, docs))
		bare = append(bare, bareApplies(b, a.dirs))
	}
	middle := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Microseconds()) / 1000
	}
	b.ReportMetric(middle(ours), "ours-ms")
	b.ReportMetric(middle(bare), "bare-ms")
	b.ReportMetric(middle(ours)/middle(bare), "times-bare")
}

// plan makes the n-th project and its plans.
func (a *applyBench) plan(b *testing.B, n int) {
	b.Helper()
	state, dir := filepath.Join(backendtest.Shared(b), "terraform.tfstate"), b.TempDir()
	doc := backendtest.Document(fmt.Sprintf("plan%d-0", n), backendtest.Source(b, a.artifacts, map[string]string{
		"app/main.tf": "terraform {\n  backend \"local\" {}\n}\n" + benchSource["app/main.tf"],
	}))
	doc.Project.BackendConfig = map[string]string{"path": state}
	if err := a.engine.Start(b.Context(), doc); err != nil {
		b.Fatal(err)
	}
	r := a.inbox.Finished(b, doc.JobID)
	content, err := a.artifacts.ReadAll(b.Context(), r.Artifacts[run.ArtifactPlan], 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	barePlan(b, dir)
	a.applies, a.plans = append(a.applies, backendtest.Apply(doc, r)), append(a.plans, content)
	a.states, a.dirs = append(a.states, state, filepath.Join(dir, "terraform.tfstate")), append(a.dirs, dir)
}

// round forgets what was made and stores each plan as that of another job.
func (a *applyBench) round(b *testing.B, n int) []run.JobDocument {
	b.Helper()
	for _, name := range a.states {
		_ = os.Remove(name)
	}
	docs := slices.Clone(a.applies)
	for i := range docs {
		plan := *docs[i].Plan
		plan.JobID = fmt.Sprintf("copy%d-%d", n, i)
		var err error
		if plan.File, err = a.artifacts.Put(b.Context(), fmt.Sprintf("runs/copy%d/%s.%s", n, plan.JobID, run.ArtifactPlan), bytes.NewReader(a.plans[i])); err != nil {
			b.Fatal(err)
		}
		docs[i].JobID, docs[i].Plan = fmt.Sprintf("round%d-%d", n, i), &plan
		docs[i].RunID = run.RunOfJob(docs[i].JobID)
	}
	return docs
}

func (a *applyBench) run(b *testing.B, docs []run.JobDocument) time.Duration {
	b.Helper()
	began := time.Now()
	for _, doc := range docs {
		if err := a.engine.Start(b.Context(), doc); err != nil {
			b.Fatal(err)
		}
	}
	for _, doc := range docs {
		if r := a.inbox.Finished(b, doc.JobID); r.Outcome != run.OutcomeSucceeded {
			b.Fatalf("%+v", r.Problem)
		}
	}
	return time.Since(began)
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
