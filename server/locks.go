package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// Locks frees locks that nobody needs any more: those of pull requests that are
// over, when the webhook about that was lost (T34), and those that nobody has
// used for long, after a word to whom they belong.
type Locks struct {
	Store interface {
		Locks(ctx context.Context) (run.Locks, error)
		PutNotices(ctx context.Context, notices []run.Notice) error
	}
	Runs interface {
		closing
		Unlock(ctx context.Context, h run.Subject, projects []string) (released, busy []string, err error)
		Warn(ctx context.Context, holders []run.Subject, notice func(run.Subject) run.Notice) error
	}
	Client   func(installationID int64) (*github.Client, error)
	Notify   func() // called after notices were written
	Now      func() time.Time
	Interval time.Duration
	Expire   time.Duration // how long a lock that nobody uses lasts; 0: for ever
	Notice   time.Duration // how long before its end its holder is notified
}

// Run looks at the start and then every interval, until ctx is done.
func (l *Locks) Run(ctx context.Context) error {
	return loop.NowAndEvery(ctx, l.Interval, "looking for locks that nobody needs", l.sweep)
}

// sweep goes on with the other pull requests when one cannot be read.
func (l *Locks) sweep(ctx context.Context) error {
	locks, err := l.Store.Locks(ctx)
	if err != nil {
		return err
	}
	var all error
	for _, h := range interested(locks) {
		_, err := l.closeOver(ctx, h)
		all = errors.Join(all, err)
	}
	for _, h := range unknownSince(locks, l.Now().Add(-lookAgainFor)) {
		all = errors.Join(all, l.lookAgain(ctx, h))
	}
	if l.Expire > 0 {
		all = errors.Join(all, l.expire(ctx, locks))
	}
	return all
}

// interested lists every pull request that holds a lock or waits for one.
func interested(locks run.Locks) (out []run.Subject) {
	add := func(h run.Subject) {
		if !slices.ContainsFunc(out, h.Is) {
			out = append(out, h)
		}
	}
	for _, lock := range locks.Locks {
		if !lock.Free() {
			add(lock.Holder)
		}
	}
	for _, w := range locks.Waiters {
		add(w.Holder)
	}
	return out
}

// closeOver ends the interest of a pull request that was merged or closed, and reports
// whether it is over and known what it leaves. One that GitHub does not show is left alone: nobody knows what became of it.
func (l *Locks) closeOver(ctx context.Context, h run.Subject) (known bool, err error) {
	pr, err := (&Pulls{Client: l.Client}).read(ctx, h.Repository, h.PullRequest)
	if err != nil || !pr.Closed {
		return false, err
	}
	return endSwept(logged(ctx, h.Repository, h.PullRequest), l.Runs, h.Repository, h.PullRequest, pr.over())
}

// lookAgainFor is how long a merge is looked at again of which nobody knows what it
// changed. Afterwards it is for people.
const lookAgainFor = 24 * time.Hour

// unknownSince lists pull requests of which nobody knows what they changed, since a time.
func unknownSince(locks run.Locks, since time.Time) (out []run.Subject) {
	for _, x := range locks.Left {
		if x.Unknown() && x.At.After(since) {
			out = append(out, x.Holder)
		}
	}
	return out
}

// lookAgain finds out what a merged pull request changed of which nobody knows that.
func (l *Locks) lookAgain(ctx context.Context, h run.Subject) error {
	known, err := l.closeOver(ctx, h)
	if known {
		err = l.Runs.Known(ctx, h.Repository, h.PullRequest)
	}
	return err
}

// expire takes back what nobody has used for long. Its holder was notified
// before, at least Notice ago.
func (l *Locks) expire(ctx context.Context, locks run.Locks) error {
	now := l.Now()
	var all error
	for _, h := range locks.Expired(now.Add(-l.Expire), now.Add(-l.Notice)) {
		released, _, err := l.Runs.Unlock(ctx, h, nil)
		if err == nil && len(released) > 0 {
			err = l.Store.PutNotices(ctx, []run.Notice{l.expired(h, released)})
			l.Notify()
		}
		all = errors.Join(all, err)
	}
	idle := locks.Idle(now.Add(l.Notice - l.Expire))
	if len(idle) > 0 {
		all = errors.Join(all, l.Runs.Warn(ctx, idle, func(h run.Subject) run.Notice { return l.warning(h, locks.Held(h)) }))
	}
	return all
}

func (l *Locks) warning(h run.Subject, held []run.Lock) run.Notice {
	var projects []string
	for _, lock := range held {
		projects = append(projects, lock.Project)
	}
	return run.ReplyTo(h.Repository, h.PullRequest, l.key("expiring", h), fmt.Sprintf(
		"This pull request holds %s and has done nothing with it for %s. After %s without use a lock is released, so that others can go on: "+
			"that is on %s. To keep it, comment `/plan`; to give it up now, comment `/unlock`.",
		markdown.Quoted(projects), days(l.Expire-l.Notice), days(l.Expire), l.Now().Add(l.Notice).UTC().Format("2 January 2006, 15:04 UTC")))
}

func (l *Locks) expired(h run.Subject, released []string) run.Notice {
	return run.ReplyTo(h.Repository, h.PullRequest, l.key("expired", h), fmt.Sprintf(
		"Released %s: nobody has used it for %s. To go on with this pull request, comment `/plan`.", markdown.Quoted(released), days(l.Expire)))
}

// key makes one comment of each expiry, however often it is tried.
func (l *Locks) key(what string, h run.Subject) string {
	return fmt.Sprintf("%s/%d/%d/%s", what, h.Repository.ID, h.PullRequest, l.Now().UTC().Format(time.DateOnly))
}

// days writes a long time in the words of people.
func days(d time.Duration) string {
	if d%(24*time.Hour) != 0 || d < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
