package aws_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	deploy "github.com/lockkeeper/lockkeeper/deploy/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

// Calls that are throttled, and calls whose answers get lost, let executions go
// on all the same, with no more than the server may do.
func TestAnAnswerReachesItsExecution(t *testing.T) {
	f := newFixture(t, emulator(t, 1))
	e, inbox := f.engine(t), backendtest.NewInbox()
	f.Inject(t,
		awstest.Throttled("states", "SendTaskSuccess", 1), awstest.Lost("states", "SendTaskSuccess", 1),
		awstest.Throttled("states", "SendTaskFailure", 1), awstest.Lost("states", "SendTaskFailure", 1))
	ends := func(doc run.JobDocument) {
		backendtest.Eventually(t, "the execution ends", func() bool { return f.status(t, doc) == types.ExecutionStatusSucceeded })
	}
	yes, no, early := backendtest.Approval("run-0", 3600), backendtest.Approval("run-1", 3600), backendtest.Approval("run-2", 3600)
	must0(t, e.Start(t.Context(), early))
	must0(t, e.Approve(t.Context(), early.JobID, "octocat"))
	stop := backendtest.Serve(t, e, inbox) // its token comes after the answer
	ends(early)
	for _, doc := range []run.JobDocument{yes, no} {
		must0(t, e.Start(t.Context(), doc))
		inbox.Await(t, doc.JobID, run.MessageStarted, 1) // its token came
	}
	stop()
	must0(t, e.Approve(t.Context(), yes.JobID, "octocat"))
	must0(t, e.Reject(t.Context(), no.JobID, "octocat", "no"))
	ends(yes)
	ends(no)
	backendtest.Serve(t, e, inbox)
	for _, doc := range []run.JobDocument{yes, no, early} {
		inbox.Finished(t, doc.JobID)
	}
	for _, call := range f.Refused(t, "server", f.prefix+"-server") {
		t.Error(call)
	}
}

// status is how the execution of an approval stands.
func (f *fixture) status(t *testing.T, doc run.JobDocument) types.ExecutionStatus {
	t.Helper()
	execution := strings.Replace(f.options.StateMachine, ":stateMachine:", ":execution:", 1) + ":approval-" + doc.JobID + "-7"
	d, err := sfn.NewFromConfig(f.options.Config).DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &execution})
	must0(t, err)
	return d.Status
}

func TestTheStateMachineOutlastsEveryApproval(t *testing.T) {
	var machine struct{ TimeoutSeconds int }
	must0(t, json.Unmarshal([]byte(deploy.StateMachine()), &machine))
	if limit := time.Duration(machine.TimeoutSeconds) * time.Second; limit < run.MaxApproval+time.Hour {
		t.Errorf("an execution ends after %s, and a person has %s to answer", limit, run.MaxApproval)
	}
}
