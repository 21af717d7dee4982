package aws

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// jobID is what a job id looks like; see run.NewID.
var jobID = regexp.MustCompile(`^[0-9a-z][0-9a-z-]{0,60}-[0-9]{1,5}$`)

// executionName is the same for every start of a job: at most 80 characters
// (AWS Step Functions API reference, "StartExecution").
func executionName(doc run.JobDocument) string {
	return fmt.Sprintf("%s-%s-%d", doc.Command, doc.JobID, doc.Fence)
}

// executionARN is the ARN of a state machine's execution.
func executionARN(machine, name string) string {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
}

// Changes reports whether a job of this kind may change something: the state
// machine runs it among the applies, with their rights and without a retry.
// Commands that only look run among the plans. deploy/aws/job.asl.json makes the
// same choice, and a test compares the two.
func Changes(command run.Kind) bool { return command.Traits().Changes && command != "exec" }

// queueOf is the Batch job queue in which the state machine runs a command.
func (e *Engine) queueOf(command run.Kind) string {
	if Changes(command) {
		return e.o.ApplyQueue
	}
	return e.o.PlanQueue
}

// The objects of a job beside its artifacts.
func documentKey(runID, jobID string) string { return "runs/" + runID + "/" + jobID + ".document.json" }

// CancelledKey is there when someone requested that a job ends. How its execution
// ended does not show that: it may have failed because its container was stopped.
func CancelledKey(doc run.JobDocument) string {
	return "runs/" + doc.RunID + "/" + doc.JobID + ".cancelled"
}

// answerKey is where it is written how a job ended that waited for approval,
// and tokenKey its task token. What runs in containers reaches neither.
func answerKey(doc run.JobDocument) string {
	return "approvals/" + doc.RunID + "/" + doc.JobID + ".answer.json"
}

func tokenKey(doc run.JobDocument) string {
	return "approvals/" + doc.RunID + "/" + doc.JobID + ".token"
}

// ResultKey is where the container of a job leaves its run.Result. That of a job
// that may change something has a name that the containers of plans may not
// write: what a pull request runs must not say how an apply ended.
func ResultKey(doc run.JobDocument) string {
	name := ".result.json"
	if Changes(doc.Command) {
		name = ".outcome.json"
	}
	return "runs/" + doc.RunID + "/" + doc.JobID + name
}
