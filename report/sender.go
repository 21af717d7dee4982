package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/fair"
	"github.com/lockkeeper/lockkeeper/run"
)

// store is the part of run.Store that sending needs.
type store interface {
	DueNotices(ctx context.Context, now time.Time, limit int) ([]run.Notice, error)
	SentNotice(ctx context.Context, n run.Notice) error
	RetryNotice(ctx context.Context, n run.Notice, at time.Time, cause string) error
	CountWrites(ctx context.Context, r run.Repository, minute time.Time, n int) error
	Writes(ctx context.Context, since time.Time) ([]run.Writes, error)
	Run(ctx context.Context, id string) (run.Run, error)
	PullRuns(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error)
	PullApplies(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error)
	Locks(ctx context.Context) (run.Locks, error)
	Posted(ctx context.Context, name string) (run.Posted, error)
	PutPosted(ctx context.Context, p run.Posted) error
	UpdateRun(ctx context.Context, id string, change func(*run.Run) ([]run.Notice, error)) (run.Run, error)
}

// Sender sends notices to GitHub: each at least once to the API, and at most
// one visible thing for each. Notices of one pull request go in order, one at a
// time; a reaction waits for nothing. All exported fields are set before Run
// and not changed afterwards.
type Sender struct {
	Store store
	// Client returns the client of an installation.
	Client func(ctx context.Context, installationID int64) (*github.Client, error)
	// Open reads an artifact of a job; bytes are good once io.EOF was seen.
	Open func(context.Context, run.Artifact) (io.ReadCloser, error)
	// Live gives what a job that runs printed last; nil shows nothing of it.
	Live func(jobID string) run.Lines
	// RetryAfter tells whether an error of a GitHub call is temporary, and the
	// least time to wait then.
	RetryAfter func(err error, now time.Time) (wait time.Duration, temporary bool)
	// Merge merges the pull request of a notice, behind everything that people
	// should see of it; nil never does. It is idempotent.
	Merge func(ctx context.Context, n run.Notice) error
	// Waits says why no job begins, for people; nil or an empty text when nothing
	// keeps them.
	Waits     func() string
	Now       func() time.Time
	Automerge bool              // Merge is asked for when nothing is left to apply
	NoApply   map[string]bool   // see View
	Current   map[string]string // see View
	NoButtons map[string]bool   // see View
	AppID     int64             // of the GitHub App: only what it wrote is taken for ours
	// PerMinute and PerHour are how many writes an installation may make; 0 is 72
	// and 450.
	PerMinute, PerHour int
	WebURL             string // of GitHub's pages, such as "https://github.com"; empty makes no links

	once sync.Once
	wake chan struct{} // holds one token when something may be due; made by init

	mu     sync.Mutex
	busy   map[string]bool      // lanes at work; guarded by mu
	slots  *fair.Shares         // of lanes at work; guarded by mu
	quick  *fair.Shares         // the same for reactions; guarded by mu
	pause  map[string]time.Time // lanes, installations and notices that wait; guarded by mu
	budget *budget              // guarded by mu
}

// Lanes at work at once. GitHub allows 100 requests at once for all of an App
// ("Rate limits for the REST API", "About secondary rate limits"). Where it is
// slow for one installation, others go on.
var (
	lanesAtOnce     = fair.Limits{All: 24, Installation: 12, Repository: 8}
	reactionsAtOnce = fair.Limits{All: 12, Installation: 6, Repository: 4}
)

const (
	listedAtOnce = 256              // notices of a repository per look into the store
	sweepEvery   = 15 * time.Second // how often to look without being woken
	sendTimeout  = time.Minute
)

func (s *Sender) init() {
	s.once.Do(func() {
		s.wake = make(chan struct{}, 1)
		s.slots, s.quick = fair.New(lanesAtOnce), fair.New(reactionsAtOnce)
		s.busy, s.pause, s.budget = map[string]bool{}, map[string]time.Time{}, newBudget(cmp.Or(s.PerMinute, perMinute), cmp.Or(s.PerHour, perHour))
	})
}

// Wake makes Run look for notices at once. It never blocks.
func (s *Sender) Wake() {
	s.init()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run sends notices until ctx is done, then waits for what is under way and
// returns nil. A notice that was not sent is found again by the next Run.
func (s *Sender) Run(ctx context.Context) error {
	s.init()
	if err := s.recall(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var lanes sync.WaitGroup
	defer lanes.Wait()
	for {
		wait := sweepEvery
		if err := s.dispatch(ctx, &lanes); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("looking for notices")
			wait = time.Second
		}
		timer := time.NewTimer(min(wait, s.untilNextPause()))
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

// untilNextPause is how long until something that waits may go on.
func (s *Sender) untilNextPause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, least := s.Now(), sweepEvery
	for key, until := range s.pause {
		if !until.After(now) {
			delete(s.pause, key)
			continue
		}
		least = min(least, until.Sub(now))
	}
	return max(least, 10*time.Millisecond)
}

// dispatch gives lanes that have something due, and are not at work, to a
// goroutine each: as many as may be at work, and fairly which.
func (s *Sender) dispatch(ctx context.Context, lanes *sync.WaitGroup) error {
	busy := s.atWork() // before the list is read: what they send now may be in it
	due, err := s.Store.DueNotices(ctx, s.Now(), listedAtOnce)
	if err != nil {
		return fmt.Errorf("listing due notices: %w", err)
	}
	order, byLane := inLanes(s.mayGo(due))
	order = slices.DeleteFunc(order, func(lane string) bool { return busy[lane] })
	for {
		lane, ok := s.enter(order, byLane)
		if !ok {
			return nil
		}
		order = slices.DeleteFunc(order, func(l string) bool { return l == lane })
		lanes.Go(func() {
			s.work(ctx, lane, byLane[lane])
			s.leave(lane, byLane[lane][0])
			s.Wake() // something may have been added behind what was just sent, and another lane may go
		})
	}
}

// mayGo leaves out notices that wait for the budget. One that was added again
// since may say something else, so it does not wait.
func (s *Sender) mayGo(due []run.Notice) []run.Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(due, func(n run.Notice) bool { return s.pause[version(n)].After(s.Now()) })
}

func version(n run.Notice) string { return fmt.Sprintf("notice/%d/%d", n.ID, n.Version) }

// atWork are the lanes that somebody works on.
func (s *Sender) atWork() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.busy)
}

// enter takes the lane whose turn it is.
func (s *Sender) enter(order []string, byLane map[string][]run.Notice) (lane string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, slots := range []*fair.Shares{s.slots, s.quick} {
		var free []string
		var keys []fair.Key
		for _, lane := range order {
			if n := byLane[lane][0]; s.slotsOf(n) == slots && !s.pause[lane].After(s.Now()) {
				free, keys = append(free, lane), append(keys, whose(n))
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

// whose says on whose behalf a notice is sent. People are told of pull requests.
func whose(n run.Notice) fair.Key {
	r := n.Repository
	return run.Whose{InstallationID: r.InstallationID, RepositoryID: r.ID, Person: strconv.Itoa(n.PullRequest)}.Key()
}

func (s *Sender) leave(lane string, n run.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slotsOf(n).Give(whose(n))
	delete(s.busy, lane)
}

// work sends the notices of one lane in order. After an error the rest of the
// lane waits as long as the notice that met it, and for a second when the store
// could not keep how it went.
func (s *Sender) work(ctx context.Context, lane string, notices []run.Notice) {
	for _, n := range notices {
		if ctx.Err() != nil {
			return
		}
		log := zerolog.Ctx(ctx).With().Str("repository", n.Repository.FullName()).Int("pull_request", n.PullRequest).
			Str("notice", string(n.Kind)).Logger()
		if err := s.one(log.WithContext(ctx), lane, n); err != nil && ctx.Err() == nil {
			log.Error().Err(err).Msg("keeping the state of a notice")
			s.hold(lane, s.Now().Add(time.Second))
			return
		}
	}
}

// one sends a notice and notes how that went. Its error is the store's.
func (s *Sender) one(ctx context.Context, lane string, n run.Notice) error {
	if until := s.held(lane, n); !until.IsZero() {
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
	var budget *notYet
	if errors.As(err, &budget) {
		if n.Kind == run.NoticeReaction {
			return s.Store.SentNotice(ctx, n) // it would come too late to be of use
		}
		s.hold(version(n), budget.at)
		return nil
	}
	wait, temporary := s.temporary(err)
	if !temporary {
		zerolog.Ctx(ctx).Error().Err(err).Msg("GitHub refuses a notice for good")
		return s.Store.SentNotice(ctx, n)
	}
	at := s.Now().Add(max(wait, backoff(n.Attempts)))
	s.hold(lane, at)
	if limitsAll(err) {
		s.hold(installation(n), at)
	}
	zerolog.Ctx(ctx).Warn().Err(err).Time("again_at", at).Msg("sending a notice later")
	return s.Store.RetryNotice(ctx, n, at, err.Error())
}

// held is until when a notice must wait for its lane or installation; zero when
// it may go.
func (s *Sender) held(lane string, n run.Notice) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := s.pause[lane]
	if all := s.pause[installation(n)]; all.After(until) {
		until = all
	}
	if !until.After(s.Now()) {
		return time.Time{}
	}
	return until
}

func (s *Sender) hold(key string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.After(s.pause[key]) {
		s.pause[key] = until
	}
}

// storeError is an error of the store while sending: always worth another try.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// temporary tells whether another try can help. A rejected token can be one
// that just expired, or the operator will put the key right.
func (s *Sender) temporary(err error) (time.Duration, bool) {
	if errors.As(err, new(storeError)) || errors.Is(err, context.DeadlineExceeded) || answers(err, http.StatusUnauthorized) {
		return 0, true
	}
	return s.RetryAfter(err, s.Now())
}
