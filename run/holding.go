package run

import (
	"context"
	"slices"
)

// Close tells what runs of a pull request and what it holds that it was merged
// or closed. It is idempotent.
func (w *Worker) Close(ctx context.Context, repo Repository, pull int, over Over) error {
	if _, err := w.tell(ctx, repo.ID, pull, PullClosed{At: w.Now()}); err != nil {
		return err
	}
	look := w.Store.PullRuns
	if !over.Merged {
		look = w.Store.PullApplies
	}
	runs, err := look(ctx, repo.ID, pull, judgedAtEnd)
	if err != nil {
		return err
	}
	h := Holder{Repository: repo, PullRequest: pull}
	return w.updateLocks(ctx, func(l *Locks) []Notice {
		left := l.Left
		switch {
		case l.closed(h):
		case over.Merged:
			w.merged(l, h, runs, over)
		default:
			l.leaveApplied(h, runs, w.Now())
		}
		l.Close(h, over.Merged, w.Now())
		notices := leftNotices(left, l.Left)
		if len(notices) > 0 {
			notices = append(notices, RefreshComment(repo, pull))
		}
		return append(notices, heirs(l, h)...)
	})
}

// Unlock frees what a pull request holds of the named projects, or all of it.
// It returns the projects' names that are free now, with those that need no more
// attention although the pull request left something to do there, and those that stay
// locked because something is being changed.
func (w *Worker) Unlock(ctx context.Context, h Holder, projects []string) (released, busy []string, err error) {
	runs, err := w.Store.PullRuns(ctx, h.Repository.ID, h.PullRequest, 1)
	if err != nil {
		return nil, nil, err
	}
	err = w.updateLocks(ctx, func(l *Locks) []Notice {
		released, busy = l.Release(h, projects)
		released = sorted(append(released, l.Accept(h, projects)...))
		if len(released) == 0 || len(runs) == 0 {
			return nil
		}
		return []Notice{RefreshCheck(runs[0])} // its buttons
	})
	return released, busy, err
}

// Warn notes that holders were told that their locks will expire; notice makes
// the notice for one.
func (w *Worker) Warn(ctx context.Context, holders []Holder, notice func(Holder) Notice) error {
	return w.updateLocks(ctx, func(l *Locks) []Notice {
		var out []Notice
		for i, lock := range l.Locks {
			if lock.Free() || !slices.ContainsFunc(holders, lock.Holder.Is) || !lock.WarnedAt.IsZero() {
				continue
			}
			l.Locks[i].WarnedAt = w.Now()
			if n := notice(lock.Holder); !slices.ContainsFunc(out, func(o Notice) bool { return o.Key == n.Key }) {
				out = append(out, n)
			}
		}
		return out
	})
}

// updateLocks changes locks, gives those that became free to who waits, and
// brings every comment up to date that shows one of them.
func (w *Worker) updateLocks(ctx context.Context, change func(*Locks) []Notice) error {
	var saved Saved
	err := w.Store.UpdateLocks(ctx, func(l *Locks) (Saved, error) {
		before := l.view()
		notices := change(l)
		saved = w.turns(l)
		saved.Notices = append(notices, affected(before, l.view(), Holder{})...)
		return saved, nil
	})
	if err != nil {
		return err
	}
	w.begun(saved)
	return nil
}

// begun sets going what was saved.
func (w *Worker) begun(s Saved) {
	w.notify(len(s.Notices))
	for _, r := range s.Runs {
		w.logAccepted(r)
		w.saw(r)
	}
}

// Judge finds out again what stands between the newest plan of a pull request
// and its apply, and shows it. It returns at once.
func (w *Worker) Judge(ctx context.Context, repositoryID int64, pull int) error {
	if w.JudgeGate == nil {
		return nil
	}
	runs, err := w.Store.PullRuns(ctx, repositoryID, pull, judged)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(runs, func(r Run) bool { return r.Kind == KindPlan && len(r.Jobs) > 0 })
	if i < 0 || runs[i].State != StateSucceeded && runs[i].State != StateFailed {
		return nil // a plan that is under way is judged by itself
	}
	w.want([]Effect{{Kind: EffectJudge, RunID: runs[i].ID}})
	return nil
}

// How many of the newest runs Judge and Close look at.
const (
	judged      = 20
	judgedAtEnd = 100
)

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
	_, err = w.Store.UpdateRun(ctx, id, func(r *Run) ([]Notice, error) {
		r.Gate = &gate
		return []Notice{RefreshComment(r.Repository, r.PullRequest), RefreshCheck(*r)}, nil
	})
	if err == nil {
		w.notify(1)
	}
	return err
}
