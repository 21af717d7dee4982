package aws_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// The same ledger as on the local engine: real terraform applies a plan while
// calls fail and its container dies, and what was made is what is told.
func TestTheLedgerIsRightWhateverHappens(t *testing.T) {
	f := newFixture(t, emulator(t, 2))
	e, inbox := f.engine(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	ledger := backendtest.NewLedger(t, 25)
	plan := ledger.Document("plan-0", backendtest.Source(t, f.objects, ledger.Files()))
	must0(t, e.Start(t.Context(), plan))
	planned := inbox.Finished(t, plan.JobID)
	content := must(f.objects.ReadAll(t.Context(), planned.Artifacts[run.ArtifactPlan], 1<<20))
	outcomes := map[run.Outcome]int{}
	seeds := uint64(2)
	if longtest.On() {
		seeds = 10
	}
	for seed := range seeds {
		ledger.Forget(t)
		random := rand.New(rand.NewPCG(seed, 4))
		doc := f.copyOf(t, plan, planned, content, int(seed))
		// A submission whose answer is lost is made again, and there are two containers.
		f.Inject(t, append(faults(random), f.lostSubmit())...)
		for e.Start(t.Context(), doc) != nil { // the worker asks again, too
		}
		if random.IntN(2) == 0 {
			must0(t, e.Start(t.Context(), doc))
		}
		if random.IntN(2) == 0 {
			f.dieDuring(t, ledger, inbox, doc, random.IntN(20))
		}
		r := inbox.Finished(t, doc.JobID)
		outcomes[r.Outcome]++
		if err := ledger.Check(r); err != nil {
			t.Errorf("seed %d: %v; %+v", seed, err, r)
		}
		f.Inject(t)
	}
	t.Log(outcomes)
	if outcomes[run.OutcomeSucceeded] == 0 { // how many died depends on how fast the machine is
		t.Errorf("nothing succeeded: %v", outcomes)
	}
}

// lostSubmit loses an answer that the state machine waits for.
func (f *fixture) lostSubmit() awstest.Fault {
	return awstest.Fault{Match: map[string]string{"principal": f.prefix + "-states", "service": "batch", "path": ".*/submitjob"}, Times: 1, Kind: "lost"}
}

// faults are those of one seed. The SDK asks again after each of them.
func faults(random *rand.Rand) []awstest.Fault {
	all := []awstest.Fault{
		awstest.Lost("states", "StartExecution", 1), awstest.Throttled("states", "StartExecution", 1), awstest.Throttled("sqs", "ReceiveMessage", 1),
		awstest.Lost("sqs", "DeleteMessageBatch", 1), awstest.Throttled("states", "DescribeExecution", 1),
		{Match: map[string]string{"principal": "server", "service": "s3", "method": "GET"}, Times: 1, Kind: "lost"},
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+random.IntN(len(all))]
}

// copyOf stores the plan as one of another job, which is much faster than to
// plan again, and returns its apply.
func (f *fixture) copyOf(t *testing.T, plan run.JobDocument, planned run.Result, content []byte, n int) run.JobDocument {
	t.Helper()
	plan.RunID, plan.JobID = fmt.Sprintf("copy%d", n), fmt.Sprintf("copy%d-0", n)
	secret := strings.Repeat(string(rune('A'+n)), 26)
	must(f.objects.Put(t.Context(), "jobs/"+plan.JobID+".json", strings.NewReader(`{"input": "inputs/`+secret+`.json"}`)))
	ref := must(f.objects.Put(t.Context(), "tasks/"+f.place.PlanRoleID+":copy/"+plan.JobID+"."+run.ArtifactPlan, bytes.NewReader(content)))
	planned.Artifacts = map[string]run.Artifact{run.ArtifactPlan: ref}
	return backendtest.Apply(plan, planned)
}

// dieDuring kills the container of an apply after so many resources were made,
// or when it has the claim.
func (f *fixture) dieDuring(t *testing.T, ledger *backendtest.Ledger, inbox *backendtest.Inbox, doc run.JobDocument, made int) {
	t.Helper()
	over := func() bool {
		messages := inbox.Of(doc.JobID)
		return len(messages) > 0 && messages[len(messages)-1].Kind == run.MessageFinished
	}
	backendtest.Eventually(t, "the apply comes so far", func() bool {
		_, claimed, err := f.objects.Claimant(t.Context(), f.given(t, doc.JobID).Claim)
		return over() || err == nil && claimed && len(ledger.Made()) >= made
	})
	if !over() {
		f.kill(t, doc.JobID) // it may have ended just now
	}
}

// Messages alone tell of so many jobs: nobody goes through all of them meanwhile.
func TestMoreJobsThanMachines(t *testing.T) {
	jobs, machines := 6, 2
	if longtest.On() {
		jobs, machines = 50, 8
	}
	f := newFixture(t, emulator(t, machines))
	f.options.Reconcile = time.Hour
	e, inbox := f.engine(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	source := backendtest.Source(t, f.objects, backendtest.FakeSource)
	signals := backendtest.NewSignals(t)
	for n := range jobs {
		doc := backendtest.Document(fmt.Sprintf("run%d-0", n), source)
		doc.Project.Terraform, doc.Flags, doc.Limits.Seconds = backendtest.Fake, []string{signals.Flag()}, 3600
		must0(t, e.Start(t.Context(), doc))
	}
	signals.Go(t) // none ends before the last one was requested
	for n := range jobs {
		id := fmt.Sprintf("run%d-0", n)
		if r := inbox.Finished(t, id); r.Outcome != run.OutcomeSucceeded {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if signals.Runs() != jobs {
		t.Errorf("terraform planned %d times", signals.Runs())
	}
}

func must0(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
