package server

import (
	"slices"
	"sync"
	"time"
)

// So many commands of one account on one pull request within that time are
// answered. What goes on beyond is no person but something that answers our
// answers from a person's account (T15).
const (
	mostCommands = 60
	floodWindow  = 10 * time.Minute
)

const tooManyCommands = "These are more than 60 commands of one account on this pull request within ten minutes, so nothing was done and " +
	"further ones get no answer. When something answers the comments of Lockkeeper by itself, stop it. Then wait ten minutes, and comment the command again."

// recent counts the latest commands of each account on each pull request. It
// begins anew with the server. Its zero value is ready.
type recent struct {
	mu       sync.Mutex
	comments map[string][]commented // by who; guarded by mu
}

type commented struct {
	id int64
	at time.Time
}

// nth is the place of a comment among the commands that who gave within the
// window, from 1. A comment that comes again keeps its place.
func (r *recent) nth(who string, comment int64, now time.Time) int {
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
	i := slices.IndexFunc(list, func(c commented) bool { return c.id == comment })
	if i < 0 {
		i = len(list)
		r.comments[who] = append(list, commented{comment, now})
	}
	return i + 1
}
