package github

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// newestRuns is how many runs of a pull request a report looks at first: they nearly
// always hold everything.
const newestRuns = 4

// runs reads the runs of the notice's pull request that there is something to say about
// at the commit head, newest first; an empty head is the commit of the newest plan that
// knows its own.
func (d delivery) runs(ctx context.Context, head string) ([]run.Run, error) {
	newest, err := d.newest(ctx, newestRuns)
	if err != nil || len(newest) < newestRuns {
		return newest, err
	}
	if head == "" {
		head = view.NewestHead(newest)
	}
	if slices.ContainsFunc(newest, func(r run.Run) bool { return r.HeadSHA == head && r.ReplacesAll() }) {
		return newest, nil
	}
	runs, err := d.Store.CommitRuns(ctx, d.notice.Repository.ID, d.notice.PullRequest, head)
	if err != nil {
		return nil, storeError(fmt.Errorf("reading the runs of commit %s: %w", head, err))
	}
	return runs, nil
}

// applies reads the newest applies of the notice's pull request that are over, however
// many runs came since.
func (d delivery) applies(ctx context.Context, newest []run.Run) ([]run.Run, error) {
	if len(newest) < newestRuns { // they are all
		return newest, nil
	}
	list, err := d.Store.PullApplies(ctx, d.notice.Repository.ID, d.notice.PullRequest, run.RecentRuns)
	if err != nil {
		return nil, storeError(err)
	}
	return list, nil
}

func (d delivery) newest(ctx context.Context, limit int) ([]run.Run, error) {
	runs, err := d.Store.PullRuns(ctx, d.notice.Repository.ID, d.notice.PullRequest, limit)
	if err != nil {
		return nil, storeError(fmt.Errorf("reading the runs of the pull request: %w", err))
	}
	return runs, nil
}
