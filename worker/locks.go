package worker

import (
	"context"
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// Close notifies the active runs and the locks of a pull request that it was merged
// or closed. It is idempotent.
func (w *Worker) Close(ctx context.Context, repo run.Repository, pull int, over run.Over) error {
	if _, err := w.stepActive(ctx, repo.ID, pull, run.PullClosed{At: w.Now()}); err != nil {
		return err
	}
	var runs []run.Run
	var err error
	if over.Merged {
		runs, err = w.Store.CommitRuns(ctx, repo.ID, pull, over.HeadSHA)
	} else {
		runs, err = w.Store.PullApplies(ctx, repo.ID, pull, run.RecentRuns)
	}
	if err != nil {
		return err
	}
	h := run.Subject{Repository: repo, PullRequest: pull}
	return w.updateLocks(ctx, func(l *run.Locks) []run.Notice {
		return l.EndPull(h, over, runs, w.Options, w.Now())
	})
}

// Unlock frees what a pull request holds of the named projects, or all of it.
// It returns the projects' names that are free now, with those that need no more
// attention although the pull request left something to do there, and those that stay
// locked because something is being changed.
func (w *Worker) Unlock(ctx context.Context, h run.Subject, projects []string) (released, busy []string, err error) {
	runs, err := w.Store.PullRuns(ctx, h.Repository.ID, h.PullRequest, 1)
	if err != nil {
		return nil, nil, err
	}
	err = w.updateLocks(ctx, func(l *run.Locks) []run.Notice {
		released, busy = l.Unlock(h, projects)
		if len(released) == 0 || len(runs) == 0 {
			return nil
		}
		// The buttons, and what is still to be put right.
		return []run.Notice{run.RefreshCheck(runs[0]), run.RefreshComment(h.Repository, h.PullRequest)}
	})
	return released, busy, err
}

// Warn notes that holders were notified that their locks will expire; notice makes
// the notice for one.
func (w *Worker) Warn(ctx context.Context, holders []run.Subject, notice func(run.Subject) run.Notice) error {
	return w.updateLocks(ctx, func(l *run.Locks) []run.Notice {
		return l.Warn(holders, w.Now(), notice)
	})
}

// updateLocks changes locks, and sets going what follows.
func (w *Worker) updateLocks(ctx context.Context, change func(*run.Locks) []run.Notice) error {
	var saved run.Saved
	err := w.Store.UpdateLocks(ctx, func(l *run.Locks) (run.Saved, error) {
		saved = run.UpdateLocks(l, w.Now(), change)
		return saved, nil
	})
	if err != nil {
		return err
	}
	w.begun(saved)
	return nil
}

// begun sets going what was saved.
func (w *Worker) begun(s run.Saved) {
	w.notify(len(s.Notices))
	for _, r := range s.Runs {
		w.logAccepted(r)
		w.observe(r)
	}
}

// Judge finds out again what stands between the newest plan of a pull request
// and its apply, and shows it. It returns at once.
func (w *Worker) Judge(ctx context.Context, repositoryID int64, pull int) error {
	if w.JudgeGate == nil {
		return nil
	}
	runs, err := w.Store.CommitRuns(ctx, repositoryID, pull, "")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(runs, func(r run.Run) bool { return r.Kind == run.KindPlan && len(r.Jobs) > 0 })
	if i < 0 || runs[i].State != run.StateSucceeded && runs[i].State != run.StateFailed {
		return nil // a plan that is under way is judged by itself
	}
	w.want([]run.Effect{{Kind: run.EffectJudge, RunID: runs[i].ID}})
	return nil
}

// judge carries out EffectJudge.
func (w *Worker) judge(ctx context.Context, id string) error {
	r, err := w.Store.Run(ctx, id)
	if err != nil || w.JudgeGate == nil {
		return err
	}
	gate, err := w.JudgeGate(ctx, r)
	if err != nil {
		return err
	}
	_, err = w.Store.UpdateRun(ctx, id, func(r *run.Run) ([]run.Notice, error) {
		r.Gate = &gate
		return []run.Notice{run.RefreshComment(r.Repository, r.PullRequest), run.RefreshCheck(*r)}, nil
	})
	if err == nil {
		w.notify(1)
	}
	return err
}
