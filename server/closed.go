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
	NotKnown(ctx context.Context, repo run.Repository, pull int, why string) error
	Known(ctx context.Context, repo run.Repository, pull int) error
}

// lookAtMerge bounds the look at what a merge changed. A repository that is fetched for
// the first time takes minutes.
const lookAtMerge = 15 * time.Minute

// end ends the interest of a pull request that was merged or closed, and notes what was
// merged without a plan. Locks do not wait for that look, which asks GitHub and git. Its
// error asks to be tried again, unless this was the last time; doing it again only adds
// what was not known. A merge that cannot be looked at is noted as such.
func end(ctx context.Context, runs closing, repo run.Repository, pull int, over run.Over, last bool) error {
	if err := runs.Close(ctx, repo, pull, over); err != nil || !over.Merged {
		return err
	}
	unplanned, why, err := look(ctx, runs, repo, pull, over)
	switch {
	case why != "" || err != nil && last && ctx.Err() == nil:
		return errors.Join(err, runs.NotKnown(ctx, repo, pull, why))
	case err != nil || len(unplanned) == 0:
		return err
	}
	over.Unplanned = unplanned
	return runs.Close(ctx, repo, pull, over)
}

// endSwept is end for a sweep, which comes back only while the pull request holds
// something: the look comes first, so that none is missed by a server that is killed.
// known is false when nobody knows what was merged.
func endSwept(ctx context.Context, runs closing, repo run.Repository, pull int, over run.Over) (known bool, err error) {
	var why string
	if over.Merged {
		over.Unplanned, why, err = look(ctx, runs, repo, pull, over)
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	known = err == nil && why == ""
	if !known {
		err = errors.Join(err, runs.NotKnown(ctx, repo, pull, why))
	}
	return known, errors.Join(err, runs.Close(ctx, repo, pull, over))
}

// look finds out what was merged without a plan. why, a sentence for people, is set when
// nobody can find out; an error may be another one the next time.
func look(ctx context.Context, runs closing, repo run.Repository, pull int, over run.Over) (unplanned []run.JobDocument, why string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookAtMerge)
	defer cancel()
	unplanned, err = runs.Unplanned(ctx, repo, pull, over)
	if silent, ok := errors.AsType[*run.SilentRefusal](err); ok {
		zerolog.Ctx(ctx).Warn().Str("why", silent.Problem.Message).Msg("a merge that nothing follows from")
		return nil, "", nil
	}
	if problem, ok := errors.AsType[*run.Problem](err); ok {
		return nil, problem.Message, nil
	}
	return unplanned, "", err
}
