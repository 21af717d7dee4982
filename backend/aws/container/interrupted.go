package container

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/lockkeeper/lockkeeper/artifact"
	engine "github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

// errTaken ends the container of a plan that AWS will make again: Batch repeats
// what Spot took only when it did not end well.
var errTaken = errors.New("told to end, and nobody had asked for that: the next attempt plans again")

// interrupted is the result of a plan on Batch that was told to end. When a
// person requested it, that is what it says. Else AWS takes the machine back
// (Amazon ECS developer guide, "Fargate capacity providers": SIGTERM, and the task
// ends), and there is no result as long as another attempt follows. Jobs that are
// terminated or take too long are not repeated (AWS Batch user guide, "Automated
// job retries", "Job timeouts"), and the engine says what became of them.
func (c *Job) interrupted(ctx context.Context, in engine.Input, r run.Result) (run.Result, error) {
	if c.o.Attempt == "" { // a function
		return r, nil
	}
	_, err := c.read(ctx, engine.CancelledKey(in.Key))
	if err == nil {
		return r, nil
	}
	if !errors.Is(err, artifact.ErrNotFound) {
		return r, fmt.Errorf("looking whether the job was cancelled: %w", err)
	}
	if !c.lastAttempt() {
		return r, errTaken
	}
	r.Outcome, r.Problem = run.OutcomeFailed, &run.Problem{
		Code:    "interrupted",
		Message: "AWS took the machine back on which this was planned, and so did it with every attempt before. A plan changes nothing: comment `/plan` to plan again.",
	}
	return r, nil
}

// lastAttempt reports whether Batch will not try again. What cannot be read
// counts as the last one: a result too many is better than none.
func (c *Job) lastAttempt() bool {
	attempt, err := strconv.Atoi(c.o.Attempt)
	if err != nil {
		return true
	}
	attempts, err := strconv.Atoi(c.o.Attempts)
	return err != nil || attempt >= attempts
}
