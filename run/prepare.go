package run

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"
)

// prepare reads what a run needs. While errors are temporary and patience lasts
// it is put off, which is stored; else it always ends in an event that answers
// the person who asked.
func (w *Worker) prepare(ctx context.Context, id string) error {
	r, err := w.Store.Run(ctx, id)
	if err != nil || r.State != StateAccepted {
		return err
	}
	if problem := late(r, w.Now()); problem != nil {
		_, err := w.step(ctx, id, Refused{At: w.Now(), Problem: *problem})
		return err
	}
	p, err := w.Prepare(ctx, r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var temporary *Temporary
	if errors.As(err, &temporary) && w.patient(r) {
		wait := max(temporary.After, backoff(r.Tries))
		zerolog.Ctx(ctx).Warn().Err(err).Dur("wait", wait).Msg("preparing a run, will try again")
		_, err = w.step(ctx, id, PutOff{At: w.Now(), RetryAt: w.Now().Add(wait)})
		return err
	}
	e := w.prepared(ctx, id, p, err)
	if prepared, ok := e.(Prepared); ok {
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
func (w *Worker) replaces(ctx context.Context, r Run, head string) (bool, error) {
	if r.Kind != KindPlan || r.Trigger == TriggerQueue {
		return false, nil
	}
	runs, err := w.Store.PullRuns(ctx, r.Repository.ID, r.PullRequest, judged)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(runs, func(x Run) bool { // newest first
		return x.ID < r.ID && x.Kind == KindPlan && x.Trigger != TriggerQueue && !x.PreparedAt.IsZero()
	})
	return i >= 0 && runs[i].HeadSHA != head && len(runs[i].Jobs) > 0, nil
}

// patient reports whether a run may be put off once more.
func (w *Worker) patient(r Run) bool {
	var tried time.Duration
	if !r.TriedAt.IsZero() {
		tried = w.Now().Sub(r.TriedAt)
	}
	return tried < w.Patience
}

// The problems of Prepare's other errors.
const (
	codeUnavailable = "github_unavailable"
	codePreparing   = "preparing"
)

// prepared turns what Prepare returned into the event that follows.
func (w *Worker) prepared(ctx context.Context, id string, p Preparation, err error) Event {
	var problem *Problem
	var silent *SilentRefusal
	var temporary *Temporary
	switch {
	case err == nil:
		return Prepared{At: w.Now(), Preparation: p}
	case errors.As(err, &silent):
		return Refused{At: w.Now(), Problem: silent.Problem, HeadSHA: p.HeadSHA, Silent: true}
	case errors.As(err, &problem):
		return Refused{At: w.Now(), Problem: *problem, HeadSHA: p.HeadSHA, BaseRef: p.BaseRef}
	case errors.As(err, &temporary):
		zerolog.Ctx(ctx).Error().Err(err).Msg("preparing a run, patience ended")
		if temporary.Problem != nil {
			return Refused{At: w.Now(), HeadSHA: p.HeadSHA, BaseRef: p.BaseRef, Problem: *temporary.Problem}
		}
		return Refused{At: w.Now(), HeadSHA: p.HeadSHA, BaseRef: p.BaseRef, Problem: Problem{
			Code: codeUnavailable,
			Message: "GitHub did not answer for a while, so nothing was done. " +
				"Comment the command again when [GitHub is well](https://www.githubstatus.com).",
		}}
	default:
		zerolog.Ctx(ctx).Error().Err(err).Msg("preparing a run")
		return Refused{At: w.Now(), HeadSHA: p.HeadSHA, BaseRef: p.BaseRef, Problem: Problem{
			Code: codePreparing,
			Message: "Lockkeeper could not read this pull request. Comment the command again; if that " +
				"does not help, its operator finds the cause in the server log under run `" + id + "`.",
		}}
	}
}

// SilentRefusal refuses a run without a word: nobody asked for it, and what is
// wrong is no mistake of the person who pushed.
type SilentRefusal struct{ Problem Problem }

func (s *SilentRefusal) Error() string { return s.Problem.Error() }

// backoff is how long to wait after the attempt-th try, counted from 0.
func backoff(attempt int) time.Duration {
	return min(time.Minute, time.Second<<min(attempt, 6))
}

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
