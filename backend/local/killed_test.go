package local_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// kills is how many applies are killed; a hundred in a long test.
func kills() int {
	if longtest.On() {
		return 100
	}
	return 8
}

// T35: whenever the processes of an apply are killed, the state can be read,
// nothing was made twice, and the result says what is known and what to do.
func TestT35_AppliesKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	ledger := backendtest.NewLedger(t, 4)
	k := &killing{fixture: f, ledger: ledger, seed: rand.Uint64(), ended: map[string]int{}}
	k.random = rand.New(rand.NewPCG(k.seed, 0))

	k.plan = ledger.Document("plan-0", backendtest.Source(t, f.artifacts, ledger.Files()))
	k.start(t, e, k.plan)
	r := inbox.Finished(t, k.plan.JobID)
	if r.Outcome != run.OutcomeSucceeded {
		t.Fatalf("planning: %+v", r.Problem)
	}
	content, err := f.artifacts.ReadAll(t.Context(), r.Artifacts[run.ArtifactPlan], 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for n := range kills() {
		ledger.Forget(t)
		doc := k.copyOf(t, content, r, n)
		k.start(t, e, doc)
		where := k.kill(t, doc, inbox)
		result := inbox.Finished(t, doc.JobID)
		k.count(result)
		if err := ledger.Check(result); err != nil {
			t.Errorf("seed %d, kill %d, %s: %v; %+v", k.seed, n, where, err, result.Problem)
		}
		made := len(ledger.Made())
		k.start(t, e, doc) // once more: it has ended
		if n%20 == 0 {
			k.goOn(t, e, inbox, n)
		} else if again := len(ledger.Made()); again != made {
			t.Errorf("seed %d, kill %d, %s: %d made after the end", k.seed, n, where, again-made)
		}
	}
	t.Log(k.ended)
	spread := []string{"interrupted", "interrupted, began", "succeeded, began", "terraform_killed, began"}
	if kills() < 100 {
		spread = nil
		if k.ended["succeeded"]+k.ended["interrupted"]+k.ended["terraform_killed"] == kills() {
			t.Errorf("seed %d: none of the applies had begun: %v", k.seed, k.ended)
		}
	}
	for _, end := range spread {
		if k.ended[end] == 0 {
			t.Errorf("seed %d: the kills were not spread, none ended as %q: %v", k.seed, end, k.ended)
		}
	}
}

// killing is the state of the test.
type killing struct {
	*fixture
	ledger *backendtest.Ledger
	plan   run.JobDocument
	seed   uint64
	random *rand.Rand
	ended  map[string]int
}

func (k *killing) start(t *testing.T, e run.Backend, doc run.JobDocument) {
	t.Helper()
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

// copyOf stores the plan as one of another job, which is much faster than to
// plan again, and returns its apply.
func (k *killing) copyOf(t *testing.T, content []byte, planned run.Result, n int) run.JobDocument {
	t.Helper()
	plan := k.plan
	plan.RunID, plan.JobID = fmt.Sprintf("copy%d", n), fmt.Sprintf("copy%d-0", n)
	ref, err := k.artifacts.Put(t.Context(), "runs/"+plan.RunID+"/"+plan.JobID+"."+run.ArtifactPlan, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	planned.Artifacts = map[string]run.Artifact{run.ArtifactPlan: ref}
	return backendtest.Apply(plan, planned)
}

// kill waits for a random moment of an apply and kills its processes: all of
// them, the runner alone, or terraform alone.
func (k *killing) kill(t *testing.T, doc run.JobDocument, inbox *backendtest.Inbox) (where string) {
	t.Helper()
	dir := filepath.Join(k.options.Dir, doc.JobID)
	in := func(name string) func() bool {
		return func() bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	}
	moments := []struct {
		name    string
		reached func() bool
	}{
		{"alive", in("alive")}, {"claimed", in("claimed")}, {"source", in("source")}, {"plan", in("plan.tfplan")}, {"configured", in("terraform.rc")},
		{"about to apply", func() bool {
			_, claimed, err := k.artifacts.Claimant(t.Context(), runner.AppliedKey(doc))
			return err == nil && claimed
		}},
		{"terraform runs", in("terraform.out")},
		{"one made", func() bool { return len(k.ledger.Made()) >= 1 }},
		{"two made", func() bool { return len(k.ledger.Made()) >= 2 }},
		{"all made", func() bool { return len(k.ledger.Made()) == k.ledger.Resources }},
		{"state written", func() bool { n, err := k.ledger.InState(); return err == nil && n > 0 }},
		{"result", in("result.json")},
	}
	m := moments[k.random.IntN(len(moments))]
	tick := time.NewTicker(200 * time.Microsecond) // the moments are short
	defer tick.Stop()
	ended := func(m run.Message) bool { return m.Kind == run.MessageFinished }
	for !m.reached() && !slices.ContainsFunc(inbox.Of(doc.JobID), ended) {
		<-tick.C
	}
	<-time.After(time.Duration(k.random.IntN(3)*k.random.IntN(4)) * time.Millisecond) // moments in between, too
	pid := pidIn(filepath.Join(dir, "alive"))
	if pid == 0 {
		return m.name + ", nothing killed"
	}
	// What has ended meanwhile is one of the cases.
	switch who := k.random.IntN(4); who {
	case 0:
		_ = syscall.Kill(pid, syscall.SIGKILL)
		return m.name + ", runner killed"
	case 1:
		for _, child := range children(pid) {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
		return m.name + ", terraform killed"
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	return m.name + ", all killed"
}

// children lists the processes that a process has started.
func children(pid int) []int {
	var out []int
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range threads {
		content, _ := os.ReadFile(name)
		for _, field := range strings.Fields(string(content)) {
			if n, err := strconv.Atoi(field); err == nil && n > 1 {
				out = append(out, n)
			}
		}
	}
	return out
}

func (k *killing) count(r run.Result) {
	name := string(r.Outcome)
	if r.Problem != nil {
		name = r.Problem.Code
	}
	if r.Began {
		name += ", began"
	}
	k.ended[name]++
}

// goOn does what the result tells a person to do: plan again, and apply that.
func (k *killing) goOn(t *testing.T, e run.Backend, inbox *backendtest.Inbox, n int) {
	t.Helper()
	doc := k.plan
	doc.RunID, doc.JobID = fmt.Sprintf("again%d", n), fmt.Sprintf("again%d-0", n)
	k.start(t, e, doc)
	planned := inbox.Finished(t, doc.JobID)
	doc = backendtest.Apply(doc, planned)
	k.start(t, e, doc)
	if r := inbox.Finished(t, doc.JobID); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("seed %d: nobody can go on after kill %d: %+v, %+v", k.seed, n, planned.Problem, r.Problem)
	}
	if in, err := k.ledger.InState(); err != nil || in != k.ledger.Resources {
		t.Errorf("seed %d: %d in the state after kill %d and another apply, %v", k.seed, in, n, err)
	}
}
