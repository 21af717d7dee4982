package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/fair"
	"github.com/lockkeeper/lockkeeper/run"
)

// Inbox acts on deliveries that are in the store: each until its handler
// returns nil, those of one pull request in the order of their receipt. It is
// go-githubapp's Scheduler, as "insert, ignore a conflict".
type Inbox struct {
	Store    deliveries
	Handlers []githubapp.EventHandler
	Now      func() time.Time
	Metrics  *Metrics

	wake   chan struct{} // one token when a delivery may be due, or a handler is done
	mu     sync.Mutex
	busy   map[string]bool // guarded by mu: subjects that a handler works on
	shares *fair.Shares    // guarded by mu
}

// deliveries is the part of run.Store that the inbox needs.
type deliveries interface {
	PutDelivery(ctx context.Context, d run.Delivery) (added bool, err error)
	PendingDeliveries(ctx context.Context, now time.Time, limit int) ([]run.Delivery, error)
	DeliveryPayload(ctx context.Context, guid string) ([]byte, error)
	DoneDelivery(ctx context.Context, guid string) error
	RetryDelivery(ctx context.Context, guid string, at time.Time, cause string) error
}

// inboxWorkers is how many subjects are worked on at once. Most of it is waiting
// for GitHub; who meets a slow one leaves room for others.
var inboxWorkers = fair.Limits{All: 32, Installation: 12, Repository: 6}

const (
	inboxBatch = 256 // deliveries of a repository that are looked at
	inboxTurn  = 8   // deliveries of a subject that are acted on before others have their turn
	// maxAttempts bounds how often a delivery is tried: with the backoff of
	// retryDelay that is about two hours.
	maxAttempts = 12
)

// NewInbox makes an inbox; the caller runs it.
func NewInbox(store deliveries, handlers []githubapp.EventHandler, now func() time.Time, m *Metrics) *Inbox {
	return &Inbox{Store: store, Handlers: handlers, Now: now, Metrics: m,
		wake: make(chan struct{}, 1), busy: map[string]bool{}, shares: fair.New(inboxWorkers)}
}

// Schedule implements githubapp.Scheduler: when it returns nil the delivery is
// on disk.
func (in *Inbox) Schedule(ctx context.Context, d githubapp.Dispatch) error {
	added, err := in.keep(ctx, d)
	switch {
	case err != nil:
		return err
	case added:
		in.Metrics.delivery("stored")
	default:
		in.Metrics.delivery("duplicate")
	}
	return nil
}

// keep puts a delivery into the store; added is false when it, or what it tells
// of, is there already.
func (in *Inbox) keep(ctx context.Context, d githubapp.Dispatch) (added bool, err error) {
	x := about(d)
	x.GUID, x.Event, x.Payload, x.ReceivedAt = d.DeliveryID, d.EventType, d.Payload, in.Now()
	added, err = in.Store.PutDelivery(ctx, x)
	if added {
		in.poke()
	}
	return added, err
}

func (in *Inbox) poke() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// Run acts on deliveries until ctx is done and the handlers have returned.
func (in *Inbox) Run(ctx context.Context) error {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	retries := time.NewTicker(5 * time.Second)
	defer retries.Stop()
	for {
		if err := in.round(ctx, &handlers); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("reading the inbox")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-in.wake:
		case <-retries.C:
		}
	}
}

// round begins to act on the due deliveries of subjects that nobody works on,
// as many as may be at once: those of one subject in their order, subjects side
// by side, and fairly whose turn it is.
func (in *Inbox) round(ctx context.Context, handlers *sync.WaitGroup) error {
	busy := in.atWork() // before the list is read: what they act on now may be in it
	due, err := in.Store.PendingDeliveries(ctx, in.Now(), inboxBatch)
	if err != nil {
		return err
	}
	groups := slices.DeleteFunc(bySubject(due), func(g []run.Delivery) bool { return busy[g[0].Subject] })
	for {
		i := in.claim(groups)
		if i < 0 {
			return nil // the end of some work wakes us
		}
		group := groups[i]
		groups = slices.Delete(groups, i, i+1)
		handlers.Go(func() {
			for _, d := range group[:min(len(group), inboxTurn)] {
				in.act(ctx, d)
			}
			in.release(group[0])
			in.poke()
		})
	}
}

// bySubject groups deliveries, in the order of the first of each subject.
func bySubject(due []run.Delivery) [][]run.Delivery {
	at := map[string]int{}
	var out [][]run.Delivery
	for _, d := range due {
		i, known := at[d.Subject]
		if !known {
			i = len(out)
			at[d.Subject] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], d)
	}
	return out
}

// atWork are the subjects that somebody works on.
func (in *Inbox) atWork() map[string]bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return maps.Clone(in.busy)
}

// claim takes the group whose turn it is; -1 is none.
func (in *Inbox) claim(groups [][]run.Delivery) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	keys := make([]fair.Key, len(groups))
	for i, g := range groups {
		keys[i] = g[0].Whose.Key()
	}
	i := in.shares.Next(keys)
	if i >= 0 {
		in.shares.Take(keys[i])
		in.busy[groups[i][0].Subject] = true
	}
	return i
}

// release ends the work on the subject of a delivery.
func (in *Inbox) release(d run.Delivery) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.shares.Give(d.Whose.Key())
	delete(in.busy, d.Subject)
}

// about tells what deliveries must not overtake each other about: the pull
// request, or the repository when there is none; what must be acted on once, if
// GitHub tells of it in more than one way: that a comment was written; and whose
// it is.
func about(d githubapp.Dispatch) run.Delivery {
	var p struct {
		Action     string `json:"action"`
		Repository struct {
			ID int64 `json:"id"`
		} `json:"repository"`
		Installation struct {
			ID int64 `json:"id"`
		} `json:"installation"`
		Sender struct {
			Login string `json:"login"`
		} `json:"sender"`
		PullRequest struct {
			Number int `json:"number"`
		} `json:"pull_request"`
		Issue struct {
			Number int `json:"number"`
		} `json:"issue"`
		Comment struct {
			ID int64 `json:"id"`
		} `json:"comment"`
	}
	if json.Unmarshal(d.Payload, &p) != nil {
		return run.Delivery{Subject: d.DeliveryID}
	}
	out := run.Delivery{
		Subject: fmt.Sprintf("%d/%d", p.Repository.ID, max(p.PullRequest.Number, p.Issue.Number)),
		Whose:   run.Whose{InstallationID: p.Installation.ID, RepositoryID: p.Repository.ID, Person: p.Sender.Login},
	}
	if d.EventType == "issue_comment" && p.Action == "created" && p.Repository.ID > 0 && p.Comment.ID > 0 {
		out.Once = commentKey(p.Repository.ID, p.Comment.ID)
	}
	return out
}

// commentKey names the one time that a comment was written. GitHub gives an id
// to one comment, ever.
func commentKey(repositoryID, commentID int64) string {
	return fmt.Sprintf("comment/%d/%d", repositoryID, commentID)
}

// Later is a handler's error when it waits for something: no fault, and acted on
// again then, however often. The handler sees to it that this ends.
type Later struct {
	After time.Duration
	Why   error
}

func (l *Later) Error() string { return "not yet: " + l.Why.Error() }
func (l *Later) Unwrap() error { return l.Why }

// receivedKey is of the context of a handler: when its delivery came.
type receivedKey struct{}

func received(ctx context.Context) time.Time {
	at, _ := ctx.Value(receivedKey{}).(time.Time)
	return at
}

// act hands one delivery to its handler and notes the outcome.
func (in *Inbox) act(ctx context.Context, d run.Delivery) {
	if ctx.Err() != nil {
		return
	}
	log := zerolog.Ctx(ctx).With().Str("delivery", d.GUID).Str("event", d.Event).Logger()
	ctx = log.WithContext(ctx)
	err := in.handle(context.WithValue(ctx, receivedKey{}, d.ReceivedAt), d)
	if err != nil && ctx.Err() != nil {
		return // stopping: it stays pending and is acted on after the start
	}
	ctx = context.WithoutCancel(ctx) // what is done is noted, also while stopping
	var later *Later
	switch {
	case errors.As(err, &later):
		log.Debug().Err(err).Msg("acting on a delivery later")
		err = in.Store.RetryDelivery(ctx, d.GUID, in.Now().Add(later.After), err.Error())
		time.AfterFunc(later.After, in.poke)
	case err == nil:
		err = in.Store.DoneDelivery(ctx, d.GUID)
	case d.Attempts+1 >= maxAttempts:
		in.Metrics.delivery("given_up")
		log.Error().Err(err).Msg("giving up on a delivery")
		err = in.Store.DoneDelivery(ctx, d.GUID)
	default:
		log.Warn().Err(err).Int("attempt", d.Attempts+1).Msg("acting on a delivery, will try again")
		err = in.Store.RetryDelivery(ctx, d.GUID, in.Now().Add(retryDelay(d.Attempts)), err.Error())
	}
	if err != nil {
		log.Error().Err(err).Msg("noting the outcome of a delivery")
	}
}

func retryDelay(attempts int) time.Duration {
	return min(30*time.Minute, 5*time.Second<<min(attempts, 10))
}

func (in *Inbox) handle(ctx context.Context, d run.Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in the handler of %s: %v\n%s", d.Event, p, debug.Stack())
		}
	}()
	payload, err := in.Store.DeliveryPayload(ctx, d.GUID)
	if errors.Is(err, run.ErrNotFound) {
		return nil // acted on meanwhile
	}
	if err != nil {
		return err
	}
	for _, h := range in.Handlers {
		for _, event := range h.Handles() {
			if event == d.Event {
				return h.Handle(ctx, d.Event, d.GUID, payload)
			}
		}
	}
	return nil // an event of an older configuration
}
