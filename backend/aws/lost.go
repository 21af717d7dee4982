package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
)

// startsWithin is how long after its document was written the execution of a job
// may be missing: its start has not arrived, or is requested again. A state
// machine that is gone, or that the config names no more, has none for ever, and
// neither has one that ended 90 days ago (AWS Step Functions developer guide,
// "Quotas").
const startsWithin = time.Hour

// neverStarted is the end of a job without an execution; nil while that may still
// come. Its input is what keeps an apply that comes later from beginning: the claim that is withdrawn.
func (e *Engine) neverStarted(ctx context.Context, doc run.JobDocument) (*Execution, error) {
	_, written, err := e.read(ctx, jobKey(doc.JobID))
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, nil // it was not requested yet
	}
	if err != nil {
		return nil, fmt.Errorf("looking when job %s was requested: %w", doc.JobID, err)
	}
	if e.o.Now().Sub(written) < startsWithin {
		return nil, nil
	}
	in, err := e.input(ctx, doc.JobID)
	if err != nil {
		return nil, err
	}
	return &Execution{Cause: "The state machine has no execution of this job: it was deleted, or the server's config names another one.", input: in}, nil
}
