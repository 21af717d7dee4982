package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

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

	wake chan struct{} // one token when a delivery may be due
	mu   sync.Mutex
	busy map[string]bool // guarded by mu: subjects that a handler works on
}

// deliveries is the part of run.Store that the inbox needs.
type deliveries interface {
	PutDelivery(ctx context.Context, d run.Delivery) (added bool, err error)
	PendingDeliveries(ctx context.Context, now time.Time, limit int) ([]run.Delivery, error)
	DeliveryPayload(ctx context.Context, guid string) ([]byte, error)
	DoneDelivery(ctx context.Context, guid string) error
	RetryDelivery(ctx context.Context, guid string, at time.Time, cause string) error
}

const (
	inboxBatch   = 256
	inboxWorkers = 16
	// maxAttempts bounds how often a delivery is tried: with the backoff of
	// retryDelay that is about two hours.
	maxAttempts = 12
)

// NewInbox makes an inbox; the caller runs it.
func NewInbox(store deliveries, handlers []githubapp.EventHandler, now func() time.Time, m *Metrics) *Inbox {
	return &Inbox{Store: store, Handlers: handlers, Now: now, Metrics: m,
		wake: make(chan struct{}, 1), busy: map[string]bool{}}
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
	subject, once := about(d)
	added, err = in.Store.PutDelivery(ctx, run.Delivery{
		GUID: d.DeliveryID, Once: once, Event: d.EventType, Subject: subject, Payload: d.Payload, ReceivedAt: in.Now(),
	})
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
	slots := make(chan struct{}, inboxWorkers)
	retries := time.NewTicker(5 * time.Second)
	defer retries.Stop()
	for {
		if err := in.round(ctx, slots, &handlers); err != nil && ctx.Err() == nil {
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

// round acts on the due deliveries of every subject that is not being worked
// on: those of one subject in their order, subjects side by side.
func (in *Inbox) round(ctx context.Context, slots chan struct{}, handlers *sync.WaitGroup) error {
	due, err := in.Store.PendingDeliveries(ctx, in.Now(), inboxBatch)
	if err != nil {
		return err
	}
	for _, group := range bySubject(due) {
		key := group[0].Subject
		if !in.claim(key) {
			continue // what came meanwhile; the end of the work wakes us
		}
		slots <- struct{}{}
		handlers.Go(func() {
			for _, d := range group {
				in.act(ctx, d)
			}
			<-slots
			in.release(key)
			in.poke()
		})
	}
	return nil
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

func (in *Inbox) claim(key string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.busy[key] {
		return false
	}
	in.busy[key] = true
	return true
}

func (in *Inbox) release(key string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.busy, key)
}

// about tells what deliveries must not overtake each other about: the pull
// request, or the repository when there is none; and what must be acted on once,
// if GitHub tells of it in more than one way: that a comment was written.
func about(d githubapp.Dispatch) (subject, once string) {
	var p struct {
		Action     string `json:"action"`
		Repository struct {
			ID int64 `json:"id"`
		} `json:"repository"`
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
		return d.DeliveryID, ""
	}
	if d.EventType == "issue_comment" && p.Action == "created" && p.Repository.ID > 0 && p.Comment.ID > 0 {
		once = commentKey(p.Repository.ID, p.Comment.ID)
	}
	return fmt.Sprintf("%d/%d", p.Repository.ID, max(p.PullRequest.Number, p.Issue.Number)), once
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
