package worker

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// deliver takes a message of the backend. A message about a run that is not
// there any more is taken and forgotten.
func (w *Worker) deliver(ctx context.Context, m run.Message) error {
	_, err := w.step(ctx, run.RunOfJob(m.JobID), run.Messaged{Message: m})
	if errors.Is(err, run.ErrNotFound) {
		zerolog.Ctx(ctx).Warn().Str("job", m.JobID).Msg("message about an unknown job")
		return nil
	}
	return err
}

// errLocksNeeded ends an update that turned out to need the locks.
var errLocksNeeded = errors.New("the step needs the locks")

// step loads a run, decides, saves, and sets going what follows.
func (w *Worker) step(ctx context.Context, id string, e run.Event) (run.Run, error) {
	defer w.steps.lock(id)()
	if m, ok := e.(run.Messaged); ok {
		e = w.compared(ctx, id, m)
	}
	r, err := w.stepOne(ctx, id, e)
	if err == nil {
		w.observe(r)
	}
	return r, err
}

// compared adds the gate of a plan that is over with this message, if it was
// foreseen, so that the first report of the plan is right. When that goes wrong, the
// whole gate is judged afterwards.
func (w *Worker) compared(ctx context.Context, id string, m run.Messaged) run.Messaged {
	if w.Compare == nil || m.Message.Kind != run.MessageFinished {
		return m
	}
	r, err := w.Store.Run(ctx, id)
	if err != nil || r.State.Final() {
		return m // stepping says so
	}
	next := run.Step(r, m).Run
	if !next.State.Final() || !next.GatePreviewed() {
		return m
	}
	if m.Gate, err = w.Compare(ctx, next); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("run", id).Msg("comparing a plan with what people approved")
	}
	return m
}

func (w *Worker) stepOne(ctx context.Context, id string, e run.Event) (run.Run, error) {
	var before run.Run
	var next run.Next
	r, err := w.Store.UpdateRun(ctx, id, func(r *run.Run) ([]run.Notice, error) {
		if run.NeedsLocks(*r, e, w.Now()) {
			return nil, errLocksNeeded
		}
		before, next = *r, run.Step(*r, e)
		*r = next.Run
		return next.Notices, nil
	})
	if errors.Is(err, errLocksNeeded) {
		return w.stepWithLocks(ctx, id, e)
	}
	if err != nil {
		return run.Run{}, err
	}
	w.logStep(before, r)
	w.notify(len(next.Notices))
	w.want(next.Effects)
	return r, nil
}

// stepWithLocks is step for an event that may take or give back locks.
func (w *Worker) stepWithLocks(ctx context.Context, id string, e run.Event) (run.Run, error) {
	var before run.Run
	var next run.Next
	var saved run.Saved
	r, err := w.Store.UpdateRunAndLocks(ctx, id, func(r *run.Run, l *run.Locks) (run.Saved, error) {
		before = *r
		next, saved = run.StepWithLocks(*r, e, l, w.Options, w.Now())
		*r = next.Run
		return saved, nil
	})
	if errors.Is(err, run.ErrConsumed) {
		return w.stepOne(ctx, id, run.Refused{At: w.Now(), Problem: run.PlanUsed()})
	}
	if err != nil {
		return run.Run{}, err
	}
	w.logStep(before, r)
	w.begun(saved)
	w.want(next.Effects)
	return r, nil
}
