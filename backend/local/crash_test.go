package local_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/run"
)

// engineProcess is an engine in a process of its own, which can be killed. It
// takes everything that it delivers.
func engineProcess(dir, artifacts, fake, shared string) {
	e, err := local.New(context.Background(), local.Options{
		Dir: dir, Artifacts: artifacts, Executable: []string{backendtest.Runner()},
		Terraform: binaries{fake: fake}, Parallel: 1, Grace: time.Second, Pass: []string{"GORACE"},
		Directories: func(run.JobEnvironment) local.Directories { return local.Directories{Write: []string{shared}} },
	})
	if err == nil {
		err = e.Run(context.Background(), func(context.Context, run.Message) error { return nil })
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestJobsSurviveTheKilledEngine(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signals := backendtest.NewSignals(t)
	doc := backendtest.Document("run-0", backendtest.Source(t, f.artifacts, backendtest.FakeSource))
	doc.Project.Terraform, doc.Flags = backendtest.Fake, []string{signals.Flag()}
	if err := f.open(t).Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	engine := exec.Command(os.Args[0], "engine", f.options.Dir, f.options.Artifacts, f.options.Terraform.(binaries).fake, backendtest.SharedDir())
	engine.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	backendtest.Eventually(t, "the plan runs", func() bool { return signals.Runs() == 1 })
	if err := syscall.Kill(-engine.Process.Pid, syscall.SIGKILL); err != nil { // and its group
		t.Fatal(err)
	}
	_ = engine.Wait()

	inbox := backendtest.NewInbox()
	backendtest.Serve(t, f.open(t), inbox)
	inbox.Await(t, doc.JobID, run.MessageStarted, 1)
	signals.Go(t)
	if r := inbox.Finished(t, doc.JobID); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("%+v", r.Problem)
	}
	if signals.Runs() != 1 {
		t.Errorf("terraform planned %d times", signals.Runs())
	}
}

// T35: whenever the runner and all of its processes are killed, the engine says
// either how the job ended or that it does not know, and the state is whole.
func TestRunnersKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.options.Parallel = 2
	state := filepath.Join(backendtest.Shared(t), "terraform.tfstate")
	content := []byte(`{"version":4,"terraform_version":"1.11.4","serial":3,"lineage":"5e5e5e5e-0000-0000-0000-000000000000","outputs":{},"resources":[]}`)
	if err := os.WriteFile(state, content, 0o600); err != nil {
		t.Fatal(err)
	}
	source := backendtest.Source(t, f.artifacts, map[string]string{
		"app/main.tf": "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"a\" {}\n",
	})
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	codes := map[string]int{}
	for n := range 16 {
		doc := backendtest.Document(fmt.Sprintf("run-%d", n), source)
		doc.Project.BackendConfig = map[string]string{"path": state}
		if err := e.Start(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
		// How far the runner came is seen by what it wrote.
		reached := []string{"alive", "claimed", "source", "terraform.rc", "terraform.out", "source/app/.terraform", "plan.tfplan", "result.json"}[random.IntN(8)]
		dir := filepath.Join(f.options.Dir, doc.JobID)
		backendtest.Eventually(t, reached, func() bool {
			_, err := os.Stat(filepath.Join(dir, reached))
			return err == nil || len(inbox.Of(doc.JobID)) == 2
		})
		if pid := pidIn(filepath.Join(dir, "alive")); pid != 0 {
			_ = syscall.Kill(-pid, syscall.SIGKILL) // ended meanwhile is one of the cases
		}
		r := inbox.Finished(t, doc.JobID)
		code := string(r.Outcome)
		if r.Problem != nil {
			code = r.Problem.Code
		}
		codes[code]++
		if code != string(run.OutcomeSucceeded) && code != "job_lost" && code != "runner_failed" {
			t.Errorf("seed %d, killed at %s: %+v", seed, reached, r.Problem)
		}
		after, err := os.ReadFile(state)
		if err != nil || !json.Valid(after) {
			t.Errorf("seed %d, killed at %s: the state is broken: %v", seed, reached, err)
		}
	}
	t.Log(codes)
}

func TestJobsThatDiedWhileNoEngineRanAreLost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e, inbox := f.open(t), backendtest.NewInbox()
	stop := backendtest.Serve(t, e, inbox)
	signals := backendtest.NewSignals(t)
	doc := backendtest.Document("run-0", backendtest.Source(t, f.artifacts, backendtest.FakeSource))
	doc.Project.Terraform, doc.Flags = backendtest.Fake, []string{signals.Flag()}
	if err := e.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	backendtest.Eventually(t, "the plan runs", func() bool { return signals.Runs() == 1 })
	stop()
	name := filepath.Join(f.options.Dir, doc.JobID, "alive")
	if err := syscall.Kill(-pidIn(name), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	backendtest.Eventually(t, "every process of the job is gone", func() bool {
		alive, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = alive.Close() }()
		return syscall.Flock(int(alive.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	})
	backendtest.Serve(t, f.open(t), inbox)
	r := inbox.Finished(t, doc.JobID)
	if r.Problem == nil || r.Problem.Code != "job_lost" || signals.Runs() != 1 {
		t.Errorf("%+v, terraform planned %d times", r.Problem, signals.Runs())
	}
}

func TestResultsThatCannotBeReadAreLost(t *testing.T) {
	t.Parallel()
	for claimed, code := range map[bool]string{true: "job_lost", false: "runner_failed"} {
		f := newFixture(t)
		e, inbox := f.open(t), backendtest.NewInbox()
		doc := backendtest.Document("run-0", run.Artifact{})
		if err := e.Start(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(f.options.Dir, doc.JobID)
		if err := os.WriteFile(filepath.Join(dir, "result.json"), []byte(`{"outcome":`), 0o600); err != nil {
			t.Fatal(err)
		}
		if claimed {
			if err := os.WriteFile(filepath.Join(dir, "claimed"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		backendtest.Serve(t, f.open(t), inbox) // another engine, as after a restart
		r := inbox.Finished(t, doc.JobID)
		if r.Outcome != run.OutcomeFailed || r.Problem == nil || r.Problem.Code != code {
			t.Errorf("claimed %v: %+v, %+v", claimed, r, r.Problem)
		}
	}
}
