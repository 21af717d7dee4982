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

// jobOfExecution is the job of an execution of that name; empty for a name that
// executionName does not make.
func jobOfExecution(name string) string {
	_, rest, _ := strings.Cut(name, "-")
	id := rest[:max(0, strings.LastIndex(rest, "-"))]
	if !jobID.MatchString(id) {
		return ""
	}
	return id
}

// executionARN is the ARN of a state machine's execution.
func executionARN(machine, name string) string {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
}

// Changes reports whether a job of this kind may change something: the state
// machine runs it among the applies, with their rights. deploy/aws/job.asl.json
// makes the same choice, and a test compares the two.
func Changes(command run.Kind) bool { return command.Traits().Changes }

// jobKey is what the server started, by its id: an Input. What runs in containers
// does not reach it, nor what is under ended or approvals.
func jobKey(jobID string) string { return "jobs/" + jobID + ".json" }

// endedKey is how a job ended: a conclusion, written once.
func endedKey(jobID string) string { return "ended/" + jobID + ".json" }

// CancelledKey is there when someone requested that the job ends whose Input lies
// under a key. How its execution ended does not show that: it may have failed
// because its container was stopped.
func CancelledKey(input string) string { return strings.TrimSuffix(input, ".json") + ".cancelled" }

// answerKey is where it is written how a job ended that waited for approval,
// and tokenKey its task token.
func answerKey(doc run.JobDocument) string {
	return "approvals/" + doc.RunID + "/" + doc.JobID + ".answer.json"
}

func tokenKey(doc run.JobDocument) string {
	return "approvals/" + doc.RunID + "/" + doc.JobID + ".token"
}

// Place begins the keys of all that a container or function writes, and nobody
// else can: user is what AWS says that it is, the id of its role and the name of
// its session (IAM user guide, "Principal key values", aws:userid).
func Place(user string) string { return "tasks/" + user }

// ResultKey is where the container of a job leaves its run.Result.
func ResultKey(place, jobID string) string { return place + "/" + jobID + ".result.json" }

// AnswerKey is where a function leaves the run.Result of a job. The function's
// answer says which version of it counts.
func AnswerKey(place, jobID string) string { return place + "/" + jobID + ".answer.json" }
