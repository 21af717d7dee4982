package worker

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// recheckedFor is how long an answer of Recheck holds for the other jobs of the
// run, which start with the one that was checked.
const recheckedFor = time.Second

// recheckTries bounds how often a temporary error of Recheck is tried again
// before the job waits for the next sweep.
const recheckTries = 4

// recheck asks whether a mutating job may still start. When it may not, the job
// ends with the reason; the caller holds the job's lock. A job that the backend
// has and that waits there is checked again by each sweep, because its start
// is still wanted.
//
// People are not checked again, however long it waits: what they take back
// reaches it as an objection, and judging it all would cost ten calls per look.
func (w *Worker) recheck(ctx context.Context, r run.Run, j *run.Job) (ok bool, err error) {
	defer w.locks.lock("recheck/" + r.ID)()
	w.mu.Lock()
	fresh := w.Now().Sub(w.rechecked[r.ID]) < recheckedFor
	w.mu.Unlock()
	if fresh {
		return true, nil
	}
	err = w.askAgain(ctx, r)
	var problem *run.Problem
	if errors.As(err, &problem) {
		return false, w.notBegun(ctx, r.ID, j, problem)
	}
	if err == nil {
		w.mu.Lock()
		w.rechecked = map[string]time.Time{r.ID: w.Now()}
		w.mu.Unlock()
		return true, nil
	}
	if ctx.Err() != nil || w.Now().Sub(r.PreparedAt) < w.RetryFor {
		return false, err
	}
	return false, errors.Join(err, w.notBegun(ctx, r.ID, j, &run.Problem{
		Code: "recheck",
		Message: "Lockkeeper could not make sure that the branch is still as it was judged, so nothing was applied. Comment `/plan`, " +
			"then `/apply`, when [GitHub is well](https://www.githubstatus.com).",
	}))
}

// notBegun ends a job that must not begin. One that the backend took already,
// whose start is only requested again, is withdrawn and reports its end itself.
func (w *Worker) notBegun(ctx context.Context, runID string, j *run.Job, problem *run.Problem) error {
	err := w.Backend.Withdraw(ctx, j.ID)
	if errors.Is(err, run.ErrNotFound) {
		return w.neverTaken(ctx, runID, j, run.Result{Outcome: run.OutcomeFailed, Problem: problem})
	}
	return err
}

func (w *Worker) askAgain(ctx context.Context, r run.Run) error {
	for attempt := 0; ; attempt++ {
		err := w.Recheck(ctx, r)
		var temporary *run.Temporary
		if !errors.As(err, &temporary) || attempt == recheckTries {
			return err
		}
		wait := max(temporary.After, retries.After(attempt))
		zerolog.Ctx(ctx).Warn().Err(err).Dur("wait", wait).Msg("checking the branch again before an apply")
		if wait > time.Minute || !sleep(ctx, wait) {
			return err
		}
	}
}
