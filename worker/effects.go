package worker

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// act carries out one effect. What goes wrong is logged here and tried again
// by the next sweep, because the run's state still asks for it; ok is false then.
func (w *Worker) act(ctx context.Context, e run.Effect) (ok bool) {
	log := zerolog.Ctx(ctx).With().Str("run", e.RunID).Str("effect", string(e.Kind)).Logger()
	ctx = log.WithContext(ctx)
	var err error
	switch e.Kind {
	case run.EffectPrepare:
		err = w.prepare(ctx, e.RunID)
	case run.EffectStart:
		err = w.start(ctx, e)
	case run.EffectCancel:
		err = w.cancel(ctx, e, w.Backend.Cancel)
	case run.EffectWithdraw:
		err = w.cancel(ctx, e, w.Backend.Withdraw)
	case run.EffectJudge:
		err = w.judge(ctx, e.RunID)
	}
	if err != nil && ctx.Err() == nil {
		log.Error().Err(err).Str("job", e.JobID).Msg("carrying out an effect")
	}
	return err == nil
}

func (w *Worker) start(ctx context.Context, e run.Effect) error {
	defer w.locks.lock(e.JobID)()
	r, err := w.Store.Run(ctx, e.RunID)
	if err != nil {
		return err
	}
	j := r.Job(e.JobID)
	if j == nil || j.State != run.JobQueued || r.Ending() {
		return nil // cancelled meanwhile
	}
	if r.Kind.Traits().Changes {
		if ok, err := w.recheck(ctx, r, j); !ok {
			return err
		}
	}
	doc := j.Document
	if w.DigestKey != nil && doc.Command == run.KindPlan {
		doc.DigestKey = w.DigestKey(doc)
	}
	err = w.Backend.Start(ctx, doc)
	if err == nil || ctx.Err() != nil || w.Now().Sub(r.PreparedAt) < w.RetryFor {
		return err
	}
	return errors.Join(err, w.neverTaken(ctx, e.RunID, j, run.Result{Outcome: run.OutcomeFailed, Problem: &run.Problem{
		Code: "not_taken",
		Message: "The server could not begin the job for a while, so nothing ran. Comment the command again; when " +
			"it fails again, contact your Lockkeeper administrator.",
	}}))
}

// neverTaken ends a job that the backend does not have. The caller holds the
// job's lock, so it will not get it.
func (w *Worker) neverTaken(ctx context.Context, runID string, j *run.Job, result run.Result) error {
	_, err := w.step(ctx, runID, run.Messaged{Message: run.Message{
		JobID: j.ID, Fence: j.Document.Fence, Seq: j.Seq + 1, Kind: run.MessageFinished, At: w.Now(), Result: &result,
	}})
	return err
}

func (w *Worker) cancel(ctx context.Context, e run.Effect, ask func(context.Context, string) error) error {
	defer w.locks.lock(e.JobID)()
	err := ask(ctx, e.JobID)
	if !errors.Is(err, run.ErrNotFound) {
		return err
	}
	// Never taken, and start looks at the run before it hands a job over: it
	// never will be.
	r, err := w.Store.Run(ctx, e.RunID)
	if err != nil {
		return err
	}
	j := r.Job(e.JobID)
	if j == nil || j.State != run.JobQueued {
		return nil
	}
	return w.neverTaken(ctx, e.RunID, j, run.Result{Outcome: run.OutcomeCancelled, Problem: &run.Problem{
		Code: "cancelled", Message: "Cancelled before it began.",
	}})
}
