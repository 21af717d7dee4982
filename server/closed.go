package server

import (
	"context"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// closing is what the end of a pull request does to runs and locks: worker.Worker.
type closing interface {
	Close(ctx context.Context, repo run.Repository, pull int, over run.Over) error
	Unplanned(ctx context.Context, repo run.Repository, pull int, over run.Over) ([]run.JobDocument, error)
}

// lookAtMerge bounds the look at what a merge changed. A repository that is fetched for
// the first time takes minutes.
const lookAtMerge = 15 * time.Minute

// end ends the interest of a pull request that was merged or closed, and notes what was
// merged without a plan. Locks do not wait for that look, which asks GitHub and git. Its
// error asks to be tried again; doing it again only adds what was not known.
func end(ctx context.Context, runs closing, repo run.Repository, pull int, over run.Over) error {
	if err := runs.Close(ctx, repo, pull, over); err != nil || !over.Merged {
		return err
	}
	look, cancel := context.WithTimeout(ctx, lookAtMerge)
	defer cancel()
	var err error
	over.Unplanned, err = runs.Unplanned(look, repo, pull, over)
	if err != nil || len(over.Unplanned) == 0 {
		return err
	}
	return runs.Close(ctx, repo, pull, over)
}
