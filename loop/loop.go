// Package loop has what work that goes on and on is made of: intervals, a signal
// that wakes before the next one, and how long to wait after a failure.
//
// Every part of the server that looks after something uses it. The package must
// not know what is looked after.
package loop

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"
)

// Every looks after each interval until ctx is done; it returns nil then. An error
// of a look is logged with what was being done, and the next look comes all the same.
func Every(ctx context.Context, interval time.Duration, doing string, look func(context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			once(ctx, doing, look)
		}
	}
}

// NowAndEvery is Every with a look at the start.
func NowAndEvery(ctx context.Context, interval time.Duration, doing string, look func(context.Context) error) error {
	tick := time.NewTicker(interval) // the interval is from one start to the next
	defer tick.Stop()
	for {
		once(ctx, doing, look)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func once(ctx context.Context, doing string, look func(context.Context) error) {
	if err := look(ctx); err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg(doing)
	}
}

// Signal says that there may be something to do. It holds one token: who waits for
// it looks at everything, so a second one says nothing new.
type Signal chan struct{}

// NewSignal makes a signal that was not given.
func NewSignal() Signal { return make(Signal, 1) }

// Give wakes one who receives from the signal, now or later. It never blocks.
func (s Signal) Give() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Backoff doubles from its first wait to its longest, each with up to a quarter
// more by chance so that many do not come back at once.
type Backoff struct{ First, Longest time.Duration }

// After is how long to wait after so many failures before this one.
func (b Backoff) After(failures int) time.Duration {
	wait := min(b.First<<min(max(failures, 0), 16), b.Longest)
	return wait + rand.N(wait/4)
}
