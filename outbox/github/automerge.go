package github

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// merge merges the pull request of the notice at the commit of its apply, when the
// check lockkeeper/apply is green there. What GitHub refuses is said once and
// never tried again by itself: a person decides.
func (d delivery) merge(ctx context.Context) error {
	if d.MergeMethod == "" {
		return nil
	}
	r, err := d.Store.Run(ctx, d.notice.RunID)
	if errors.Is(err, run.ErrNotFound) || err == nil && r.Merged {
		return nil
	}
	if err != nil {
		return storeError(err)
	}
	if green, err := d.green(ctx, r); err != nil || !green {
		return err
	}
	if err := d.spend(ctx, mustSay); err != nil {
		return err
	}
	err = MergePull(ctx, d.client, r.Repository, r.PullRequest, r.HeadSHA, d.MergeMethod)
	if refused, ok := errors.AsType[*NotMergedError](err); ok {
		return d.refused(ctx, r, refused.Reason)
	}
	if err != nil {
		return err
	}
	_, err = d.Store.UpdateRun(ctx, r.ID, func(r *run.Run) ([]run.Notice, error) {
		r.Merged = true
		return []run.Notice{run.RefreshComment(r.Repository, r.PullRequest)}, nil
	})
	if err != nil {
		return storeError(err)
	}
	d.Notify()
	return nil
}

// green reports whether the apply check of a run's commit is.
func (d delivery) green(ctx context.Context, r run.Run) (bool, error) {
	runs, err := d.Store.CommitRuns(ctx, r.Repository.ID, r.PullRequest, r.HeadSHA)
	if err != nil {
		return false, storeError(err)
	}
	locks, err := d.Store.Locks(ctx)
	if err != nil {
		return false, storeError(err)
	}
	check, ok := report.ApplyCheck(report.CheckView{Input: view.Input{Runs: runs, Locks: locks, NoApply: d.NoApply}, HeadSHA: r.HeadSHA})
	return ok && check.Conclusion == "success", nil
}

// refused tells people, unless the pull request is merged after all: by an
// earlier attempt whose answer was lost, or by somebody.
func (d delivery) refused(ctx context.Context, r run.Run, reason string) error {
	pr, _, err := d.client.PullRequests.Get(ctx, r.Repository.Owner, r.Repository.Name, r.PullRequest)
	if err != nil {
		return fmt.Errorf("reading whether %s#%d is merged: %w", r.Repository.FullName(), r.PullRequest, err)
	}
	if pr.GetState() != "open" {
		return nil
	}
	err = d.Store.PutNotices(ctx, []run.Notice{run.ReplyTo(r.Repository, r.PullRequest, "merge/"+r.ID, report.NotMerged(reason))})
	if err != nil {
		return storeError(err)
	}
	d.Notify()
	return nil
}
