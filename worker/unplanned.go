package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// Unplanned says what a pull request that was merged changed and nobody had planned
// whole: a server may plan only what is asked for, and a merge may come before its plan.
// Close notes it, with Over.Unplanned.
func (w *Worker) Unplanned(ctx context.Context, repo run.Repository, pull int, over run.Over) ([]run.JobDocument, error) {
	runs, err := w.Store.PullRuns(ctx, repo.ID, pull, judgedAtEnd)
	if err != nil {
		return nil, err
	}
	if w.Changed == nil || over.PlannedWhole(runs) {
		return nil, nil
	}
	docs, err := w.Changed(ctx, repo, pull)
	if problem, ok := errors.AsType[*run.Problem](err); ok {
		zerolog.Ctx(ctx).Warn().Str("problem", problem.Message).Msg("what a merged pull request changed cannot be told, so nobody is told that it was not planned")
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding what %s#%d changed: %w", repo.FullName(), pull, err)
	}
	return docs, nil
}

// Pushed notes that a pull request has the head sha now and that nothing plans that by
// itself: what is shown is of an older commit until somebody asks. Back at a commit
// that was planned, it is not.
func (w *Worker) Pushed(ctx context.Context, repo run.Repository, pull int, sha string) error {
	runs, err := w.Store.PullRuns(ctx, repo.ID, pull, judgedAtEnd)
	if err != nil {
		return err
	}
	for id, newer := range run.NewerHead(runs, sha) {
		_, err := w.Store.UpdateRun(ctx, id, func(r *run.Run) ([]run.Notice, error) {
			r.NewerHead = newer
			return []run.Notice{run.RefreshComment(repo, pull)}, nil
		})
		if err != nil && !errors.Is(err, run.ErrNotFound) {
			return err
		}
		w.notify(1)
	}
	return nil
}
