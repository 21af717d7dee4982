package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/durable"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// Approve implements run.Backend.
func (e *Engine) Approve(_ context.Context, id, by string) error {
	return e.answer(id, run.Decision{Approved: true, By: by, At: e.o.Now().UTC()})
}

// Reject implements run.Backend.
func (e *Engine) Reject(_ context.Context, id, by, reason string) error {
	return e.answer(id, run.Decision{By: by, Reason: reason, At: e.o.Now().UTC()})
}

// answer makes a decision the end of a job, unless it has one.
func (e *Engine) answer(id string, d run.Decision) error {
	f, _, err := e.lookUp(id)
	if err != nil {
		return err
	}
	doc, err := f.document()
	if err != nil {
		return fmt.Errorf("reading job %s: %w", id, err)
	}
	if doc.Command != run.KindApproval {
		return run.ErrNotFound
	}
	end := run.Decided(d)
	if e.waitLeft(f, doc) <= 0 { // nobody noticed yet
		end = run.ApprovalExpired()
	}
	if err := e.settle(f, doc, end); err != nil {
		return err
	}
	first := f.result()
	if first == nil {
		return fmt.Errorf("reading how job %s ended: it cannot be read", id)
	}
	if err := first.Takes(d); err != nil {
		return fmt.Errorf("answering job %s: %w", id, err)
	}
	return nil
}

// settle makes a result the end of a job that waits for approval. The first one
// stays: whoever comes second changes nothing.
func (e *Engine) settle(f files, doc run.JobDocument, end run.Result) error {
	if err := f.concludeOnce(end); err != nil {
		return fmt.Errorf("storing how job %s ended: %w", doc.JobID, err)
	}
	e.ask(doc.JobID)
	return nil
}

// await waits until a job is answered, cancelled or out of time, and tells it.
func (e *Engine) await(ctx context.Context, j *job, deliver deliverer) {
	stop := e.tellStarted(ctx, j, runner.DocumentFile, deliver)
	limit := time.NewTimer(e.waitLeft(j.files, j.doc))
	defer limit.Stop()
	select {
	case <-ctx.Done(): // only this Run ends, and the job goes on waiting
		stop()
		return
	case <-j.cancelled:
	case <-limit.C:
	}
	stop()
	if err := e.settle(j.files, j.doc, run.ApprovalExpired()); err != nil {
		zerolog.Ctx(ctx).Error().Err(err).Str("job", j.id).Msg("ending a job that waited for approval")
		return // the next Run does it
	}
	e.end(ctx, j, run.ApprovalExpired().Problem, deliver)
}

// waitLeft is how long a job may still wait, also over restarts.
func (e *Engine) waitLeft(f files, doc run.JobDocument) time.Duration {
	end := f.time(runner.DocumentFile, e.o.Now).Add(time.Duration(doc.Limits.Seconds) * time.Second)
	return end.Sub(e.o.Now())
}

// concludeOnce writes the result of a job unless it has one. A link is made
// once, whoever else tries, and only to what is complete.
func (f files) concludeOnce(r run.Result) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(string(f)), takingPrefix) // not where somebody tidies up
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.Write(content)
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), f.path(runner.ResultFile)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(string(f))
}
