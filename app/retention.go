package app

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
)

// retainFor is how long plans, output and finished runs are stored.
const retainFor = 30 * 24 * time.Hour

// retention forgets what is old, once a day.
type retention struct {
	store     *sqlite.Store
	artifacts *artifact.Dir // nil when they are in a bucket, whose lifecycle rules do it
}

func (r retention) run(ctx context.Context) error {
	return loop.NowAndEvery(ctx, 24*time.Hour, "sweeping", func(ctx context.Context) error {
		before := time.Now().Add(-retainFor)
		if err := r.store.Sweep(ctx, before); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("sweeping the store")
		}
		if r.artifacts == nil {
			return nil
		}
		if _, err := r.artifacts.Sweep(ctx, before); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("sweeping artifacts")
		}
		return nil
	})
}

// tidying packs the mirrors, each once a day. It looks every hour for a moment
// at which nobody fetches, and not at the start, when there is enough to do.
type tidying struct{ mirrors *pull.Mirrors }

func (t tidying) run(ctx context.Context) error {
	return loop.Every(ctx, time.Hour, "tidying the mirrors", func(ctx context.Context) error {
		return t.mirrors.Tidy(ctx, time.Now())
	})
}
