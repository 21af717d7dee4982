package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
)

// Execution is how the execution of a job ended.
type Execution struct {
	Succeeded bool
	Cause     string // of its failure, as AWS says it
	input     Input
	ran       ran
}

// ran says who did a job: one of the two, or neither where the execution did not
// come to its end.
type ran struct {
	Task   string       `json:"task"`   // ARN of the ECS task whose end Batch told
	Answer run.Artifact `json:"answer"` // of the function
}

// Execution is how the execution of a job ended; nil while it runs.
func (e *Engine) Execution(ctx context.Context, doc run.JobDocument) (*Execution, error) {
	arn := executionARN(e.o.StateMachine, executionName(doc))
	d, err := e.steps.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err = Explain(err); errors.Is(err, errMissing) {
		return e.neverStarted(ctx, doc)
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the execution of job %s: %w", doc.JobID, err)
	}
	if d.Status == types.ExecutionStatusRunning || d.Status == types.ExecutionStatusPendingRedrive {
		return nil, nil
	}
	end := &Execution{Cause: aws.ToString(d.Cause), Succeeded: d.Status == types.ExecutionStatusSucceeded}
	if err := json.Unmarshal([]byte(aws.ToString(d.Input)), &end.input); err != nil {
		return nil, fmt.Errorf("reading the input of the execution of job %s: %w", doc.JobID, err)
	}
	var output struct{ Ran ran }
	// A function may answer anything. What is no answer names no result.
	if err := json.Unmarshal([]byte(aws.ToString(d.Output)), &output); err == nil {
		end.ran = output.Ran
	}
	return end, nil
}

// endsWithin is how long an execution may take from its last message to its end, of
// which Step Functions may know a little later (AWS Step Functions API reference,
// "DescribeExecution").
const endsWithin = 5 * time.Second

// awaitEnd waits for the end of an execution that has said that it ends.
func (e *Engine) awaitEnd(ctx context.Context, doc run.JobDocument) error {
	ctx, cancel := context.WithTimeoutCause(ctx, endsWithin, fmt.Errorf("the execution of job %s said that it ends, and runs on", doc.JobID))
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		end, err := e.Execution(ctx, doc)
		if end != nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		sleep(ctx, wait)
	}
}

// reported is the result that the execution names: that of the task which it waited
// for, or the version of an object that its function answered. It is nil when there
// is none.
func (e *Engine) reported(ctx context.Context, doc run.JobDocument, execution Execution) (*ended, error) {
	where, err := e.placed(execution.input, doc)
	if err != nil {
		return nil, err
	}
	switch answer := execution.ran.Answer; {
	case execution.ran.Task != "":
		return e.leftBy(ctx, doc, where, execution.ran.Task)
	case answer.Key != "" && where.FunctionRoleID != "":
		return e.answered(ctx, doc, where, answer)
	}
	return nil, nil
}

// leftBy is the result that the container of a task left for a job. Only that task
// can have written it. What cannot be read as a result is none, and will not become
// one: objects of that name are written once.
func (e *Engine) leftBy(ctx context.Context, doc run.JobDocument, where Batch, task string) (*ended, error) {
	place := Place(where.RoleID + ":" + task[strings.LastIndex(task, "/")+1:]) // the cluster is in the ARN, or is not
	end, err := e.stored(ctx, ResultKey(place, doc.JobID))
	if err != nil && !errors.Is(err, errUnreadable) {
		return nil, fmt.Errorf("reading the result of job %s: %w", doc.JobID, err)
	}
	return e.own(ctx, doc, place, end), nil
}

// answered is the result that a function left, in the version that it answered.
// All that ran in functions can write there.
func (e *Engine) answered(ctx context.Context, doc run.JobDocument, where Batch, answer run.Artifact) (*ended, error) {
	place, _, _ := strings.Cut(answer.Key, "/"+doc.JobID+".")
	if answer.Key != AnswerKey(place, doc.JobID) || !strings.HasPrefix(place, Place(where.FunctionRoleID+":")) || answer.Version == "" {
		return nil, nil
	}
	content, err := e.objects.ReadAll(ctx, answer, maxObject)
	if errors.Is(err, artifact.ErrChanged) || errors.Is(err, artifact.ErrNotFound) || errors.Is(err, artifact.ErrTooLarge) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the result of job %s: %w", doc.JobID, err)
	}
	end := &ended{At: e.o.Now().UTC()}
	if json.Unmarshal(content, &end.Result) != nil {
		return nil, nil
	}
	return e.own(ctx, doc, place, end), nil
}

// own is a result whose artifacts are those of the job. Another one is none: who
// wrote it points to what is not its own.
func (e *Engine) own(ctx context.Context, doc run.JobDocument, place string, end *ended) *ended {
	if end == nil {
		return nil
	}
	for name, a := range end.Result.Artifacts {
		if a.Key != place+"/"+doc.JobID+"."+name {
			zerolog.Ctx(ctx).Warn().Str("job", doc.JobID).Str("artifact", name).Msg("a result names what is not its own, and does not count")
			return nil
		}
	}
	return end
}
