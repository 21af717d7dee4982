package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// ended is how a job ended, and when that was written down.
type ended struct {
	result run.Result
	at     time.Time
}

// Execution is how the execution of a job ended.
type Execution struct {
	Succeeded bool
	Cause     string // of its failure, as AWS says it
	cancelled bool
}

// Result is how a job ended, and nil when it has not.
func (e *Engine) Result(ctx context.Context, doc run.JobDocument) (*run.Result, error) {
	end, err := e.result(ctx, doc)
	if end == nil || err != nil {
		return nil, err
	}
	return &end.result, nil
}

// result is how a job ended, and nil when it has not. What the container wrote
// counts; when it wrote nothing and nothing of the job is left, the end is
// worked out and written in its place, so that it stays what it is.
func (e *Engine) result(ctx context.Context, doc run.JobDocument) (*ended, error) {
	if doc.Command == run.KindApproval {
		end, err := e.decided(ctx, doc)
		if end != nil {
			e.passOn(ctx, doc, end.result)
		}
		return end, err
	}
	there, err := e.written(ctx, doc)
	if there != nil || err != nil {
		return there, err
	}
	end, err := e.Execution(ctx, doc)
	if end == nil || err != nil {
		return nil, err
	}
	containers, err := e.Containers(ctx, doc)
	if err != nil || slices.ContainsFunc(containers, Alive) {
		return nil, err
	}
	r, err := e.conclude(ctx, doc, *end)
	if err != nil {
		return nil, err
	}
	if r.Outcome != run.OutcomeCancelled {
		r.Problem.Detail = join(r.Problem.Detail, e.lastLines(ctx, containers))
	}
	content, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if err := e.Store(ctx, ResultKey(doc), content); err != nil {
		return nil, fmt.Errorf("storing the result of job %s: %w", doc.JobID, err)
	}
	return e.written(ctx, doc) // a container's own, if that was faster
}

// written is the result that lies in the bucket.
func (e *Engine) written(ctx context.Context, doc run.JobDocument) (*ended, error) {
	end, err := e.stored(ctx, ResultKey(doc))
	if err != nil {
		return nil, fmt.Errorf("reading the result of job %s: %w", doc.JobID, err)
	}
	return end, nil
}

// stored is the result in an object; nil when there is none.
func (e *Engine) stored(ctx context.Context, key string) (*ended, error) {
	content, at, err := e.read(ctx, key)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	end := ended{at: at}
	if err := json.Unmarshal(content, &end.result); err != nil {
		return nil, err
	}
	return &end, nil
}

// maxObject bounds what is read into memory of an object, in bytes.
const maxObject = 4 << 20

// read gives an object and when it was written.
func (e *Engine) read(ctx context.Context, key string) ([]byte, time.Time, error) {
	out, err := e.objects.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &e.o.Bucket, Key: &key})
	if err != nil {
		return nil, time.Time{}, Explain(err)
	}
	defer func() { _ = out.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err == nil && len(content) > maxObject {
		err = fmt.Errorf("%s has more than %d bytes", key, maxObject)
	}
	return content, aws.ToTime(out.LastModified).UTC(), err
}

// Execution is how the execution of a job ended; nil while it runs.
func (e *Engine) Execution(ctx context.Context, doc run.JobDocument) (*Execution, error) {
	arn := executionARN(e.o.StateMachine, executionName(doc))
	d, err := e.steps.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err = Explain(err); errors.Is(err, errMissing) {
		return nil, nil // its start has not arrived, or will be requested again
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the execution of job %s: %w", doc.JobID, err)
	}
	if d.Status == types.ExecutionStatusRunning || d.Status == types.ExecutionStatusPendingRedrive {
		return nil, nil
	}
	end := &Execution{Cause: aws.ToString(d.Cause), Succeeded: d.Status == types.ExecutionStatusSucceeded}
	switch _, _, err := e.read(ctx, CancelledKey(doc)); {
	case err == nil:
		end.cancelled = true
	case !errors.Is(err, artifact.ErrNotFound):
		return nil, fmt.Errorf("looking whether job %s was cancelled: %w", doc.JobID, err)
	}
	return end, nil
}

// conclude works out how a job ended of which nothing is left. A mutating one
// that has not begun is kept from beginning.
func (e *Engine) conclude(ctx context.Context, doc run.JobDocument, end Execution) (*run.Result, error) {
	r := &run.Result{Outcome: run.OutcomeFailed}
	if Changes(doc.Command) {
		withdrawn, err := e.withdraw(ctx, doc)
		if err != nil {
			return nil, err
		}
		by, _, err := e.objects.Claimant(ctx, runner.AppliedKey(doc))
		if err != nil {
			return nil, err
		}
		r.Began = !withdrawn && (by == "" || by == doc.JobID)
	}
	switch {
	case r.Began:
		r.Problem = runner.Interrupted(true)
	case end.cancelled:
		r.Outcome, r.Problem = run.OutcomeCancelled, CancelledBefore(doc)
	case Changes(doc.Command):
		r.Problem = runner.Interrupted(false)
	default:
		r.Problem = &run.Problem{Code: "job_lost", Message: "The job ended without a result. A plan changes nothing: comment `/plan` to plan again."}
	}
	if end.Cause != "" && !end.cancelled {
		r.Problem.Detail = end.Cause
	}
	return r, nil
}

// CancelledBefore is the problem of a job whose end was requested before it began.
func CancelledBefore(doc run.JobDocument) *run.Problem {
	next := "Comment `/plan` to plan again."
	if Changes(doc.Command) {
		next = "Nothing was changed. Comment `/plan`, then `/apply`."
	}
	return &run.Problem{Code: "cancelled", Message: "Cancelled before it began. " + next}
}
