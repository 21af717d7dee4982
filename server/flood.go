package server

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// So many commands of one account on one pull request within that time are
// answered. What goes on beyond is no person but something that answers our
// answers from a person's account (T15). Presses of buttons count with them.
const (
	mostCommands = 60
	floodWindow  = 10 * time.Minute
)

const tooManyCommands = "These are more than 60 commands and presses of buttons of one account on this pull request within ten minutes, so nothing was done and " +
	"further ones get no answer. When something answers the comments of Lockkeeper by itself, stop it. Then wait ten minutes, and comment the command again."

// rateLimiter counts the latest commands and presses of each account on each pull
// request. A restart forgets them. Its zero value is ready.
type rateLimiter struct {
	mu       sync.Mutex
	comments map[string][]commented // by who; guarded by mu
}

type commented struct {
	id string
	at time.Time
}

// count is how many commands who gave within the window, up to the one of this key,
// from 1. One that comes again counts as it did.
func (r *rateLimiter) count(who, key string, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other, list := range r.comments {
		list = slices.DeleteFunc(list, func(c commented) bool { return now.Sub(c.at) > floodWindow })
		if r.comments[other] = list; len(list) == 0 {
			delete(r.comments, other)
		}
	}
	if r.comments == nil {
		r.comments = map[string][]commented{}
	}
	list := r.comments[who]
	i := slices.IndexFunc(list, func(c commented) bool { return c.id == key })
	if i < 0 {
		i = len(list)
		r.comments[who] = append(list, commented{key, now})
	}
	return i + 1
}

// flooding reports whether a person gave too many commands, and answers the first of
// those.
func (b *Base) flooding(ctx context.Context, inv invocation) (bool, error) {
	n := b.limiter.count(fmt.Sprintf("%d/%d/%s", inv.repo.ID, inv.pull, inv.actor), inv.key, b.Now())
	if n != mostCommands+1 {
		return n > mostCommands, nil
	}
	zerolog.Ctx(ctx).Warn().Str("actor", inv.actor).Msg("too many commands: further ones get no answer")
	return true, b.answer(ctx, inv, refused, tooManyCommands)
}
