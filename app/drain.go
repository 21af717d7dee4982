package app

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// Drain waits, at most that long, until the jobs of this machine have come to an end at
// which the server can end, too (local.Engine.Drain). Everything else goes on meanwhile:
// webhooks are stored, and people are told how applies end. Jobs of another engine have
// no use for it.
func (a *App) Drain(ctx context.Context, most time.Duration) {
	engine, ok := a.engine.(localEngine)
	if !ok || most <= 0 {
		return
	}
	zerolog.Ctx(ctx).Info().Float64("most_seconds", most.Seconds()).
		Msg("stopping: nothing new begins; plans that run are made again by the next start, and applies are waited for")
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	engine.Drain(ctx)
}
