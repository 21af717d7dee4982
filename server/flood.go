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

// recent counts the latest commands and presses of each account on each pull request. It
// begins anew with the server. Its zero value is ready.
type recent struct {
	mu       sync.Mutex
	comments map[string][]commented // by who; guarded by mu
}

type commented struct {
	id string
	at time.Time
}

// nth is the place of a command, by its key, among those that who gave within
// the window, from 1. One that comes again keeps its place.
func (r *recent) nth(who, key string, now time.Time) int {
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

// flooding reports whether who asks has asked too often, and tells them once.
func (b *Base) flooding(ctx context.Context, a asked) (bool, error) {
	n := b.given.nth(fmt.Sprintf("%d/%d/%s", a.repo.ID, a.pull, a.actor), a.key, b.Now())
	if n != mostCommands+1 {
		return n > mostCommands, nil
	}
	zerolog.Ctx(ctx).Warn().Str("actor", a.actor).Msg("too many commands: further ones get no answer")
	return true, b.answer(ctx, a, refused, tooManyCommands)
}
