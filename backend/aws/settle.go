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

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// ended is how a job ended, and when. Its JSON is what lies under ended/ in the
// bucket.
type ended struct {
	Result run.Result `json:"result"`
	At     time.Time  `json:"at"`
}

// Result is how a job ended, and nil when it has not.
func (e *Engine) Result(ctx context.Context, doc run.JobDocument) (*run.Result, error) {
	end, err := e.result(ctx, doc)
	if end == nil || err != nil {
		return nil, err
	}
	return &end.Result, nil
}

// result is how a job ended, and nil when it has not. The result of the task counts
// that AWS says did the job; when that left none and nothing of the job is left,
// the end is worked out. Either is written down, so that it stays what it is.
func (e *Engine) result(ctx context.Context, doc run.JobDocument) (*ended, error) {
	if doc.Command == run.KindApproval {
		end, err := e.decided(ctx, doc)
		if end != nil {
			e.passOn(ctx, doc, end.Result)
		}
		return end, err
	}
	execution, err := e.Execution(ctx, doc)
	if execution == nil || err != nil {
		return nil, err
	}
	if there, err := e.concluded(ctx, doc); there != nil || err != nil {
		return there, err
	}
	end, err := e.reported(ctx, doc, *execution)
	if end == nil && err == nil {
		end, err = e.lastOf(ctx, doc, *execution)
	}
	if end == nil || err != nil {
		return nil, err
	}
	content, err := json.Marshal(end)
	if err != nil {
		return nil, err
	}
	if err := e.store(ctx, endedKey(doc.JobID), content); err != nil {
		return nil, fmt.Errorf("storing the result of job %s: %w", doc.JobID, err)
	}
	return e.concluded(ctx, doc)
}

// concluded is what was written down about the end of a job; nil when nothing was.
func (e *Engine) concluded(ctx context.Context, doc run.JobDocument) (*ended, error) {
	content, _, err := e.read(ctx, endedKey(doc.JobID))
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, nil
	}
	end := &ended{}
	if err == nil {
		err = json.Unmarshal(content, end)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the result of job %s: %w", doc.JobID, err)
	}
	return end, nil
}

// lastOf is the end of a job whose execution does not know what did it, or whose
// task left no result: nil while a container may still leave one. Results are
// looked for after it is known that no container is alive.
func (e *Engine) lastOf(ctx context.Context, doc run.JobDocument, execution Execution) (*ended, error) {
	where, err := e.placed(execution.input, doc)
	if err != nil {
		return nil, err
	}
	containers, err := e.containers(ctx, doc, where)
	if err != nil || slices.ContainsFunc(containers, Alive) {
		return nil, err
	}
	tasks, err := e.tasks(ctx, containers)
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		if end, err := e.leftBy(ctx, doc, where, task); end != nil || err != nil {
			return end, err
		}
	}
	r, err := e.conclude(ctx, doc, execution)
	if err != nil {
		return nil, err
	}
	if r.Outcome != run.OutcomeCancelled {
		r.Problem.Detail = Masked(join(r.Problem.Detail, e.lastLines(ctx, containers)))
	}
	return &ended{*r, e.o.Now().UTC()}, nil
}

// errUnreadable means that an object holds no result.
var errUnreadable = errors.New("it cannot be read as a result")

// stored is the result in an object; nil when there is none.
func (e *Engine) stored(ctx context.Context, key string) (*ended, error) {
	content, at, err := e.read(ctx, key)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	end := ended{At: at}
	if err := json.Unmarshal(content, &end.Result); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
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
		err = fmt.Errorf("%w: %s has more than %d bytes", errUnreadable, key, maxObject)
	}
	return content, aws.ToTime(out.LastModified).UTC(), err
}

// conclude works out how a job ended of which nothing is left. A mutating one
// that has not begun is kept from beginning.
func (e *Engine) conclude(ctx context.Context, doc run.JobDocument, end Execution) (*run.Result, error) {
	cancelled, err := e.cancelled(ctx, end.input)
	if err != nil {
		return nil, err
	}
	r := &run.Result{Outcome: run.OutcomeFailed}
	if Changes(doc.Command) {
		withdrawn, by, err := e.withdraw(ctx, end.input)
		if err != nil {
			return nil, err
		}
		// What an older version started has no key, and its claims are elsewhere.
		r.Began = end.input.Key == "" || !withdrawn && (by == "" || by == doc.JobID)
	}
	switch {
	case r.Began:
		r.Problem = runner.Interrupted(true)
	case cancelled:
		r.Outcome, r.Problem = run.OutcomeCancelled, CancelledBefore(doc)
	case Changes(doc.Command):
		r.Problem = runner.Interrupted(false)
	default:
		r.Problem = &run.Problem{Code: "job_lost", Message: "The job ended without a result. A plan changes nothing: comment `/plan` to plan again."}
	}
	if end.Cause != "" && !cancelled {
		r.Problem.Detail = end.Cause
	}
	return r, nil
}

// cancelled reports whether somebody requested the end of a job.
func (e *Engine) cancelled(ctx context.Context, in Input) (bool, error) {
	if in.Key == "" {
		return false, nil
	}
	_, _, err := e.read(ctx, CancelledKey(in.Key))
	if errors.Is(err, artifact.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking whether job %s was cancelled: %w", in.JobID, err)
	}
	return true, nil
}

// CancelledBefore is the problem of a job whose end was requested before it began.
func CancelledBefore(doc run.JobDocument) *run.Problem {
	next := "Comment `/plan` to plan again."
	if Changes(doc.Command) {
		next = "Nothing was changed. Comment `/plan`, then `/apply`."
	}
	return &run.Problem{Code: "cancelled", Message: "Cancelled before it began. " + next}
}
