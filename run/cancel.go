package run

import "context"

// CancelRun asks one run to end and leaves the others of its pull request
// alone. It is idempotent; a run that has ended stays as it is.
func (w *Worker) CancelRun(ctx context.Context, id, by string) error {
	_, err := w.step(ctx, id, CancelAsked{At: w.Now(), By: by})
	return err
}
