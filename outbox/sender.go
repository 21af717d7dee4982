package outbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/fair"
	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/run"
)

// notices is the part of run.Store that sending needs.
type notices interface {
	DueNotices(ctx context.Context, now time.Time, limit int) ([]run.Notice, error)
	SentNotice(ctx context.Context, n run.Notice) error
	RetryNotice(ctx context.Context, n run.Notice, at time.Time, cause string) error
}

// Sender hands notices to sinks, each until it is sent or refused for good.
// Notices of one pull request go in order, one at a time; a reaction waits for
// nothing. All exported fields are set before Run and not changed afterwards.
type Sender struct {
	Store notices
	Sinks []run.Sink
	Now   func() time.Time

	once sync.Once
	wake loop.Signal // given when something may be due; made by init

	mu      sync.Mutex
	busy    map[string]bool      // queues at work; guarded by mu
	slots   *fair.Shares         // of queues at work; guarded by mu
	quick   *fair.Shares         // the same for reactions; guarded by mu
	backoff map[string]time.Time // until when queues, installations and notices wait; guarded by mu
}

// Queues at work at once. GitHub allows 100 requests at once for all of an App
// ("Rate limits for the REST API", "About secondary rate limits"). Where it is
// slow for one installation, others go on.
var (
	queuesAtOnce    = fair.Limits{All: 24, Installation: 12, Repository: 8}
	reactionsAtOnce = fair.Limits{All: 12, Installation: 6, Repository: 4}
)

const (
	listedAtOnce = 256              // notices of a repository per look into the store
	sweepEvery   = 15 * time.Second // how often to look without being woken
	sendTimeout  = time.Minute
)

func (s *Sender) init() {
	s.once.Do(func() {
		s.wake = loop.NewSignal()
		s.slots, s.quick = fair.New(queuesAtOnce), fair.New(reactionsAtOnce)
		s.busy, s.backoff = map[string]bool{}, map[string]time.Time{}
	})
}

// Wake makes Run look for notices at once. It never blocks.
func (s *Sender) Wake() {
	s.init()
	s.wake.Give()
}

// Run sends notices until ctx is done, then waits for what is under way and
// returns nil. A notice that was not sent is found again by the next Run.
func (s *Sender) Run(ctx context.Context) error {
	s.init()
	var queues sync.WaitGroup
	defer queues.Wait()
	for {
		wait := sweepEvery
		if err := s.dispatch(ctx, &queues); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("looking for notices")
			wait = time.Second
		}
		timer := time.NewTimer(min(wait, s.untilNextBackoff()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// SendDue sends once what is due now, and returns when that is over.
func (s *Sender) SendDue(ctx context.Context) error {
	s.init()
	var queues sync.WaitGroup
	defer queues.Wait()
	return s.dispatch(ctx, &queues)
}

// untilNextBackoff is how long until something that waits may go on.
func (s *Sender) untilNextBackoff() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, least := s.Now(), sweepEvery
	for key, until := range s.backoff {
		if !until.After(now) {
			delete(s.backoff, key)
			continue
		}
		least = min(least, until.Sub(now))
	}
	return max(least, 10*time.Millisecond)
}

// dispatch gives queues that have something due, and are not at work, to a
// goroutine each: as many as may be at work, and fairly which.
func (s *Sender) dispatch(ctx context.Context, queues *sync.WaitGroup) error {
	busy := s.atWork() // before the list is read: what they send now may be in it
	due, err := s.Store.DueNotices(ctx, s.Now(), listedAtOnce)
	if err != nil {
		return fmt.Errorf("listing due notices: %w", err)
	}
	order, byQueue := inQueues(s.mayGo(due))
	order = slices.DeleteFunc(order, func(queue string) bool { return busy[queue] })
	for {
		queue, ok := s.enter(order, byQueue)
		if !ok {
			return nil
		}
		order = slices.DeleteFunc(order, func(q string) bool { return q == queue })
		queues.Go(func() {
			s.work(ctx, queue, byQueue[queue])
			s.leave(queue, byQueue[queue][0])
			s.Wake() // something may have been added behind what was just sent, and another queue may go
		})
	}
}

// mayGo leaves out notices that must not be sent yet. One that was added again
// since may say something else, so it does not wait.
func (s *Sender) mayGo(due []run.Notice) []run.Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(due, func(n run.Notice) bool { return s.backoff[version(n)].After(s.Now()) })
}

// atWork are the queues that somebody works on.
func (s *Sender) atWork() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.busy)
}

// enter takes the queue that is next.
func (s *Sender) enter(order []string, byQueue map[string][]run.Notice) (queue string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, slots := range []*fair.Shares{s.slots, s.quick} {
		var free []string
		var keys []fair.Key
		for _, queue := range order {
			if n := byQueue[queue][0]; s.slotsOf(n) == slots && !s.backoff[queue].After(s.Now()) {
				free, keys = append(free, queue), append(keys, whose(n))
			}
		}
		if i := slots.Next(keys); i >= 0 {
			slots.Take(keys[i])
			s.busy[free[i]] = true
			return free[i], true
		}
	}
	return "", false
}

func (s *Sender) slotsOf(n run.Notice) *fair.Shares {
	if n.Kind == run.NoticeReaction {
		return s.quick
	}
	return s.slots
}

func (s *Sender) leave(queue string, n run.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slotsOf(n).Give(whose(n))
	delete(s.busy, queue)
}

// work sends the notices of one queue in order. After an error the rest of the
// queue waits as long as the notice that met it, and for a second when the store
// could not record how it went.
func (s *Sender) work(ctx context.Context, queue string, notices []run.Notice) {
	for _, n := range notices {
		if ctx.Err() != nil {
			return
		}
		log := zerolog.Ctx(ctx).With().Str("repository", n.Repository.FullName()).Int("pull_request", n.PullRequest).
			Str("notice", string(n.Kind)).Logger()
		if err := s.one(log.WithContext(ctx), queue, n); err != nil && ctx.Err() == nil {
			log.Error().Err(err).Msg("recording the state of a notice")
			s.backOff(queue, s.Now().Add(time.Second))
			return
		}
	}
}

// one sends a notice and records how that went. Its error is the store's.
func (s *Sender) one(ctx context.Context, queue string, n run.Notice) error {
	if until := s.backoffUntil(queue, n); !until.IsZero() {
		return s.Store.RetryNotice(ctx, n, until, "waiting for an earlier notice")
	}
	limited, cancel := context.WithTimeout(ctx, sendTimeout)
	err := s.send(limited, n)
	cancel()
	if err == nil {
		return s.Store.SentNotice(ctx, n)
	}
	if ctx.Err() != nil {
		return nil // stopping: the notice stays due
	}
	if later, ok := errors.AsType[*run.NotBeforeError](err); ok {
		s.backOff(version(n), later.At)
		return nil
	}
	retry, ok := errors.AsType[*run.RetryError](err)
	if !ok && !errors.Is(err, context.DeadlineExceeded) {
		zerolog.Ctx(ctx).Error().Err(err).Msg("a notice is refused for good")
		return s.Store.SentNotice(ctx, n)
	}
	at := s.Now().Add(retries.After(n.Attempts))
	if retry != nil {
		at = s.Now().Add(max(retry.After, retries.After(n.Attempts)))
	}
	s.backOff(queue, at)
	if retry != nil && retry.Installation {
		s.backOff(installation(n), at)
	}
	zerolog.Ctx(ctx).Warn().Err(err).Time("again_at", at).Msg("sending a notice later")
	return s.Store.RetryNotice(ctx, n, at, err.Error())
}

// send hands a notice to the sink of its kind.
func (s *Sender) send(ctx context.Context, n run.Notice) error {
	for _, sink := range s.Sinks {
		if slices.Contains(sink.Kinds(), n.Kind) {
			return sink.Send(ctx, n)
		}
	}
	return fmt.Errorf("sending notice %s: no sink takes its kind", n.Kind)
}

// backoffUntil is until when a notice waits for its queue or installation; zero
// when it may go.
func (s *Sender) backoffUntil(queue string, n run.Notice) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := s.backoff[queue]
	if all := s.backoff[installation(n)]; all.After(until) {
		until = all
	}
	if !until.After(s.Now()) {
		return time.Time{}
	}
	return until
}

func (s *Sender) backOff(key string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.After(s.backoff[key]) {
		s.backoff[key] = until
	}
}
