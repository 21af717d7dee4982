package deploy

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/longtest"
)

// submits is a fault that SubmitJob of the state machine meets.
func submits(times int, f awstest.Fault) awstest.Fault {
	f.Match, f.Times = map[string]string{"principal": "lockkeeper-states", "service": "batch", "path": ".*/submitjob"}, times
	return f
}

// busy is how Batch refuses, more than 50 calls a second above all.
var busy = awstest.Fault{Kind: "error", Status: 429, Code: "TooManyRequestsException"}

// What Batch did not take has not begun. What is wrong with a job does not get
// better by asking.
func batchIsAskedAgainWhenItDidNotTakeAJob(t *testing.T, s *stack) {
	for _, row := range []struct {
		name, command string
		fault         awstest.Fault
		status        types.ExecutionStatus
	}{
		{"plan-busy", "plan", busy, "SUCCEEDED"},
		{"apply-busy", "apply", busy, "SUCCEEDED"},
		{"plan-broken", "plan", awstest.Fault{Kind: "error", Status: 500, Code: "AuthorizerConfigurationException"}, "SUCCEEDED"},
		{"apply-lost", "apply", awstest.Fault{Kind: "lost"}, "SUCCEEDED"}, // the claim is for the second container to lose
		{"plan-wrong", "plan", awstest.Fault{Kind: "error", Status: 400, Code: "ClientException"}, "FAILED"},
		{"apply-wrong", "apply", awstest.Fault{Kind: "error", Status: 400, Code: "ClientException"}, "FAILED"},
	} {
		s.Inject(t, submits(1, row.fault))
		if got := s.ended(t, s.start(t, row.name, input(row.command, "ok-"+row.name))); got != row.status {
			t.Errorf("%s ended as %s, want %s", row.name, got, row.status)
		}
	}
	if said := s.received(t, "ok-apply-wrong failed").Cause; !strings.HasPrefix(said, "AWS Batch did not take the job: ") {
		t.Errorf("cause %q", said)
	}
}

// A pull request with 200 projects starts 200 executions at once, and Batch takes
// 50 calls a second of the whole account.
func throttledSubmitsEndWell(t *testing.T, s *stack) {
	jobs, refused := 20, 6
	if longtest.On() {
		jobs, refused = 200, 60
	}
	s.Inject(t, submits(refused, busy))
	executions := make([]string, jobs)
	for i := range jobs {
		command := []string{"plan", "apply"}[i%2]
		executions[i] = s.start(t, fmt.Sprintf("%s-many-%d", command, i), input(command, fmt.Sprintf("ok-many-%d", i)))
	}
	for _, e := range executions {
		if got := s.ended(t, e); got != types.ExecutionStatusSucceeded {
			t.Errorf("%s ended as %s", e, got)
		}
	}
	met := 0
	for _, c := range s.Calls(t) {
		if c.Fault == "error" && strings.HasSuffix(c.Path, "/submitjob") && strings.HasPrefix(fmt.Sprint(c.Params["jobName"]), "ok-many-") {
			met++
		}
	}
	if met != refused {
		t.Errorf("%d submits were refused, want %d", met, refused)
	}
}

// A plan that the function does not end goes to Batch up to 15 minutes later, with
// the revision of the job definition that is the newest then.
func anUpgradeMeetsAnExecution(t *testing.T, s *stack) {
	p := parameters(t, s.Emulator)
	s = &stack{Emulator: s.Emulator, goOn: s.goOn, out: deployAll(t, s.Emulator, "upgrade", p), machines: s.machines, queue: s.queue}
	execution := s.start(t, "plan-upgrade-7", withLambda(inputOf("upgrade", "plan", "held-upgrade")))
	for !slices.ContainsFunc(s.Calls(t), func(c awstest.Call) bool { return c.Principal == "upgrade-states" && c.Service == "lambda" }) {
		time.Sleep(20 * time.Millisecond)
	}
	p["ImageUri"] = image + "@sha256:" + strings.Repeat("1", 64)
	environment := Stacks("upgrade", "dev")[2]
	s.Update(t, environment.Name, environment.Template, environment.Given(p))
	if err := os.WriteFile(s.goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.ended(t, execution); got != types.ExecutionStatusSucceeded {
		t.Errorf("a plan that an upgrade met ended as %s", got)
	}
	ran := s.received(t, "held-upgrade job RUNNING").Detail.JobDefinition
	if got := s.ended(t, s.start(t, "plan-upgraded-7", inputOf("upgrade", "plan", "ok-upgraded"))); got != types.ExecutionStatusSucceeded {
		t.Errorf("a plan after the upgrade ended as %s", got)
	}
	if now := s.received(t, "ok-upgraded job RUNNING").Detail.JobDefinition; now != ran || !strings.HasSuffix(now, "_dev_plan:2") {
		t.Errorf("what the upgrade met ran as %s, and what came after it as %s", ran, now)
	}
}
