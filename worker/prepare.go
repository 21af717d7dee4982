package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/run"
)

// prepare reads what a run needs. While errors are temporary, and RetryFor
// lasts, it is put off, which is stored; else it always ends in an event that answers
// the requester.
func (w *Worker) prepare(ctx context.Context, id string) error {
	r, err := w.Store.Run(ctx, id)
	if err != nil || r.State != run.StateAccepted {
		return err
	}
	if problem := r.TooOld(w.Now()); problem != nil {
		_, err := w.step(ctx, id, run.Refused{At: w.Now(), Problem: *problem})
		return err
	}
	p, err := w.Prepare(ctx, r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var temporary *run.Temporary
	if errors.As(err, &temporary) && w.patient(r) {
		wait := max(temporary.After, retries.After(r.Tries))
		zerolog.Ctx(ctx).Warn().Err(err).Dur("wait", wait).Msg("preparing a run, will try again")
		_, err = w.step(ctx, id, run.PutOff{At: w.Now(), RetryAt: w.Now().Add(wait)})
		return err
	}
	e := w.prepared(ctx, id, p, err)
	if prepared, ok := e.(run.Prepared); ok {
		if prepared.Replaces, err = w.replaces(ctx, r, p.HeadSHA); err != nil {
			return err
		}
		e = prepared
	}
	_, err = w.step(ctx, id, e)
	return err
}

// replaces reports whether the plan before r was of another commit than head. Of a push
// that is one edit of the comment more, in place of one that offers what is refused.
func (w *Worker) replaces(ctx context.Context, r run.Run, head string) (bool, error) {
	if r.Kind != run.KindPlan || !r.OfPull() {
		return false, nil
	}
	const few = 20 // among which the plan before nearly always is
	runs, err := w.Store.PullRuns(ctx, r.Repository.ID, r.PullRequest, few)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(runs, func(x run.Run) bool { // newest first
		return x.ID < r.ID && x.Kind == run.KindPlan && x.OfPull() && !x.PreparedAt.IsZero()
	})
	return i >= 0 && runs[i].HeadSHA != head && len(runs[i].Jobs) > 0, nil
}

// patient reports whether a run may be put off once more.
func (w *Worker) patient(r run.Run) bool {
	var tried time.Duration
	if !r.TriedAt.IsZero() {
		tried = w.Now().Sub(r.TriedAt)
	}
	return tried < w.RetryFor
}

// prepared turns what Prepare returned into the event that follows.
func (w *Worker) prepared(ctx context.Context, id string, p run.Preparation, err error) run.Event {
	var problem *run.Problem
	var silent *run.SilentRefusal
	if err != nil && !errors.As(err, &problem) && !errors.As(err, &silent) {
		zerolog.Ctx(ctx).Error().Err(err).Msg("preparing a run, which ends")
	}
	return run.AfterPreparing(id, p, err, w.Now())
}

// retries are how long to wait after a try that failed.
var retries = loop.Backoff{First: time.Second, Longest: time.Minute}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
