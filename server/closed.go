package server

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// closing is what the end of a pull request does to runs and locks: worker.Worker.
type closing interface {
	Close(ctx context.Context, repo run.Repository, pull int, over run.Over) error
	Unplanned(ctx context.Context, repo run.Repository, pull int, over run.Over) ([]run.JobDocument, error)
	NotKnown(ctx context.Context, repo run.Repository, pull int) error
}

// lookAtMerge bounds the look at what a merge changed. A repository that is fetched for
// the first time takes minutes.
const lookAtMerge = 15 * time.Minute

// end ends the interest of a pull request that was merged or closed, and notes what was
// merged without a plan. Locks do not wait for that look, which asks GitHub and git. Its
// error asks to be tried again, unless this was the last time; doing it again only adds
// what was not known. A merge that cannot be looked at is noted as such: nobody knows,
// and known is false.
func end(ctx context.Context, runs closing, repo run.Repository, pull int, over run.Over, last bool) (known bool, err error) {
	if err := runs.Close(ctx, repo, pull, over); err != nil || !over.Merged {
		return err == nil, err
	}
	look, cancel := context.WithTimeout(ctx, lookAtMerge)
	defer cancel()
	over.Unplanned, err = runs.Unplanned(look, repo, pull, over)
	problem, final := errors.AsType[*run.Problem](err)
	_, silent := errors.AsType[*run.SilentRefusal](err)
	switch {
	case final:
		zerolog.Ctx(ctx).Warn().Str("problem", problem.Message).Msg("what a merged pull request changed cannot be found out")
		return false, runs.NotKnown(ctx, repo, pull)
	case err != nil && last && !silent:
		return false, errors.Join(err, runs.NotKnown(context.WithoutCancel(ctx), repo, pull))
	case err != nil || len(over.Unplanned) == 0:
		return err == nil, err
	}
	err = runs.Close(ctx, repo, pull, over)
	return err == nil, err
}
