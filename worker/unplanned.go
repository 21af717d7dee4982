package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockkeeper/lockkeeper/run"
)

// Unplanned says what a pull request that was merged changed and nobody had planned
// whole: a server may plan only what is requested, and a merge may come before its plan.
// Close notes it, with Over.Unplanned. Its errors are those of Changed.
func (w *Worker) Unplanned(ctx context.Context, repo run.Repository, pull int, over run.Over) ([]run.JobDocument, error) {
	runs, err := w.Store.CommitRuns(ctx, repo.ID, pull, over.HeadSHA)
	if err != nil {
		return nil, err
	}
	if w.Changed == nil || over.PlannedWhole(runs) {
		return nil, nil
	}
	docs, err := w.Changed(ctx, repo, pull)
	if err != nil {
		return nil, fmt.Errorf("finding what %s#%d changed: %w", repo.FullName(), pull, err)
	}
	return docs, nil
}

// NotKnown notes that nobody could find out what a pull request changed that was merged.
// It is idempotent.
func (w *Worker) NotKnown(ctx context.Context, repo run.Repository, pull int, why string) error {
	return w.noteMerge(ctx, repo, pull, func(l *run.Locks, h run.Subject) []run.Notice { return l.NotKnown(h, why, w.Now()) })
}

// Known notes that what such a pull request left is known by project now.
func (w *Worker) Known(ctx context.Context, repo run.Repository, pull int) error {
	return w.noteMerge(ctx, repo, pull, func(l *run.Locks, h run.Subject) []run.Notice { return l.Known(h) })
}

func (w *Worker) noteMerge(ctx context.Context, repo run.Repository, pull int, note func(*run.Locks, run.Subject) []run.Notice) error {
	runs, err := w.Store.PullRuns(ctx, repo.ID, pull, 1)
	if err != nil {
		return err
	}
	return w.updateLocks(ctx, func(l *run.Locks) []run.Notice {
		notices := note(l, run.Subject{Repository: repo, PullRequest: pull})
		if len(notices) > 0 && len(runs) > 0 {
			notices = append(notices, run.RefreshComment(repo, pull))
		}
		return notices
	})
}

// Pushed notes that a pull request has the head sha now and that nothing plans that by
// itself: what is shown is of an older commit until someone asks. Back at a commit
// that was planned, it is not.
func (w *Worker) Pushed(ctx context.Context, repo run.Repository, pull int, sha string) error {
	runs, err := w.Store.CommitRuns(ctx, repo.ID, pull, sha)
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
