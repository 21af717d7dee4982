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
	"github.com/lockkeeper/lockkeeper/loop"
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

	wake  loop.Signal // one token when the store may have something due that was not seen
	freed loop.Signal // one token when a handler has time for what was seen

	mu     sync.Mutex
	busy   map[string]bool  // guarded by mu: subjects that a handler works on
	shares *fair.Shares     // guarded by mu
	seen   [][]run.Delivery // guarded by mu: what is due and nobody works on, by subject
	missed map[string]bool  // guarded by mu: subjects that had something due while a handler worked on them
	more   bool             // guarded by mu: the store has more than was seen
}

// deliveries is the part of run.Store that the inbox needs.
type deliveries interface {
	PutDelivery(ctx context.Context, d run.Delivery) (added bool, err error)
	PendingDeliveries(ctx context.Context, now time.Time, limit int) ([]run.Delivery, error)
	DeliveryPayload(ctx context.Context, guid string) ([]byte, error)
	DoneDelivery(ctx context.Context, guid string) error
	RetryDelivery(ctx context.Context, guid string, at time.Time, attempts int, cause string) error
}

// inboxWorkers is how many subjects are worked on at once. Most of it is waiting
// for GitHub; who meets a slow one leaves room for others.
var inboxWorkers = fair.Limits{All: 32, Installation: 12, Repository: 6}

const (
	inboxBatch = 256 // deliveries of a repository that are looked at
	inboxTurn  = 8   // deliveries of a subject that are acted on before others have their turn
	// inboxRest is between two looks at the store: of what comes at once the first is
	// acted on at once, and the rest is found together instead of one by one.
	inboxRest = 10 * time.Millisecond
	// maxAttempts bounds how often a delivery is tried: with the waits of
	// retries that is about two hours.
	maxAttempts = 12
)

// NewInbox makes an inbox; the caller runs it.
func NewInbox(store deliveries, handlers []githubapp.EventHandler, now func() time.Time, m *Metrics) *Inbox {
	return &Inbox{Store: store, Handlers: handlers, Now: now, Metrics: m,
		wake: loop.NewSignal(), freed: loop.NewSignal(), missed: map[string]bool{}, busy: map[string]bool{}, shares: fair.New(inboxWorkers)}
}

// Schedule implements githubapp.Scheduler: when it returns nil the delivery is
// on disk.
func (in *Inbox) Schedule(ctx context.Context, d githubapp.Dispatch) error {
	added, err := in.store(ctx, d)
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

// store puts a delivery into the store; added is false when it, or one of the same
// DedupKey, is there already.
func (in *Inbox) store(ctx context.Context, d githubapp.Dispatch) (added bool, err error) {
	x := keysOf(d)
	x.GUID, x.Event, x.Payload, x.ReceivedAt = d.DeliveryID, d.EventType, d.Payload, in.Now()
	added, err = in.Store.PutDelivery(ctx, x)
	if added {
		in.wake.Give()
	}
	return added, err
}

// Run acts on deliveries until ctx is done and the handlers have returned.
func (in *Inbox) Run(ctx context.Context) error {
	var handlers sync.WaitGroup
	defer handlers.Wait()
	sweep := time.NewTicker(5 * time.Second)
	defer sweep.Stop()
	for {
		if err := in.round(ctx, &handlers); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("reading the inbox")
		}
		var wake <-chan struct{}
		rested := time.After(inboxRest)
		for looked := false; !looked; {
			select {
			case <-ctx.Done():
				return nil
			case <-in.freed:
				in.begin(ctx, &handlers)
				continue
			case <-rested:
				wake = in.wake
				continue
			case <-wake:
			case <-sweep.C:
			}
			looked = true
		}
	}
}

// round looks for what is due and begins to act on it.
func (in *Inbox) round(ctx context.Context, handlers *sync.WaitGroup) error {
	busy := in.atWork() // before the list is read: what they act on now may be in it
	due, err := in.Store.PendingDeliveries(ctx, in.Now(), inboxBatch)
	if err != nil {
		return err
	}
	in.saw(due, busy)
	in.begin(ctx, handlers)
	return nil
}

// saw keeps what is due, but for subjects that a handler worked on meanwhile: their
// deliveries may be done by now.
func (in *Inbox) saw(due []run.Delivery, busy map[string]bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.seen, in.more = nil, false
	for _, group := range bySubject(due) {
		switch subject := group[0].OrderingKey; {
		case !busy[subject]:
			in.seen = append(in.seen, group)
		case in.busy[subject]:
			in.missed[subject] = true
		default:
			in.more = true
		}
	}
	count := map[int64]int{}
	for _, d := range due {
		count[d.Whose.RepositoryID]++
		in.more = in.more || count[d.Whose.RepositoryID] == inboxBatch
	}
	if in.more && len(in.seen) == 0 {
		in.wake.Give()
	}
}

// begin acts on as much of what was seen as may be at once: the deliveries of one
// subject in their order, subjects side by side, and fairly whose turn it is.
func (in *Inbox) begin(ctx context.Context, handlers *sync.WaitGroup) {
	for {
		group, ok := in.claim()
		if !ok {
			return // the end of some work wakes us
		}
		handlers.Go(func() {
			turn := group[:min(len(group), inboxTurn)]
			for _, d := range turn {
				in.act(ctx, d)
			}
			in.release(group[0], len(turn) < len(group)).Give()
		})
	}
}

// bySubject groups deliveries, in the order of the first of each subject.
func bySubject(due []run.Delivery) [][]run.Delivery {
	at := map[string]int{}
	var out [][]run.Delivery
	for _, d := range due {
		i, known := at[d.OrderingKey]
		if !known {
			i = len(out)
			at[d.OrderingKey] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], d)
	}
	return out
}

// atWork are the subjects that a handler works on.
func (in *Inbox) atWork() map[string]bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return maps.Clone(in.busy)
}

// claim takes the group whose turn it is out of what was seen.
func (in *Inbox) claim() (group []run.Delivery, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	keys := make([]fair.Key, len(in.seen))
	for i, g := range in.seen {
		keys[i] = g[0].Whose.Key()
	}
	i := in.shares.Next(keys)
	if i < 0 {
		return nil, false
	}
	group = in.seen[i]
	in.seen = slices.Delete(in.seen, i, i+1)
	in.shares.Take(keys[i])
	in.busy[group[0].OrderingKey] = true
	return group, true
}

// release ends the work on the subject of a delivery, and says whom to wake. left
// is that some of what was seen of it is not done.
func (in *Inbox) release(d run.Delivery, left bool) loop.Signal {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.shares.Give(d.Whose.Key())
	delete(in.busy, d.OrderingKey)
	look := left || in.missed[d.OrderingKey] || in.more && len(in.seen) == 0
	delete(in.missed, d.OrderingKey)
	if look {
		return in.wake
	}
	return in.freed
}

// keysOf reads from a delivery its OrderingKey: the pull request, or the repository
// when there is none; its DedupKey, if GitHub reports the same in more than one way:
// that a comment was written; and whose it is.
func keysOf(d githubapp.Dispatch) run.Delivery {
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
		return run.Delivery{OrderingKey: d.DeliveryID}
	}
	out := run.Delivery{
		OrderingKey: fmt.Sprintf("%d/%d", p.Repository.ID, max(p.PullRequest.Number, p.Issue.Number)),
		Whose:       run.Whose{InstallationID: p.Installation.ID, RepositoryID: p.Repository.ID, Person: p.Sender.Login},
	}
	if d.EventType == "issue_comment" && p.Action == "created" && p.Repository.ID > 0 && p.Comment.ID > 0 {
		out.DedupKey = commentKey(p.Repository.ID, p.Comment.ID)
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

// deliveryKey is of the context of a handler: its delivery.
type deliveryKey struct{}

// received is when the delivery came that a handler acts on.
func received(ctx context.Context) time.Time {
	d, _ := ctx.Value(deliveryKey{}).(run.Delivery)
	return d.ReceivedAt
}

// lastTry reports whether a delivery is given up when its handler returns an error.
func lastTry(ctx context.Context) bool {
	d, _ := ctx.Value(deliveryKey{}).(run.Delivery)
	return d.Attempts+1 >= maxAttempts
}

// act hands one delivery to its handler and notes the outcome.
func (in *Inbox) act(ctx context.Context, d run.Delivery) {
	if ctx.Err() != nil {
		return
	}
	log := zerolog.Ctx(ctx).With().Str("delivery", d.GUID).Str("event", d.Event).Logger()
	ctx = log.WithContext(ctx)
	err := in.handle(context.WithValue(ctx, deliveryKey{}, d), d)
	if err != nil && ctx.Err() != nil {
		return // stopping: it stays pending and is acted on after the start
	}
	ctx = context.WithoutCancel(ctx) // what is done is noted, also while stopping
	var later *Later
	if silent, ok := errors.AsType[*run.SilentRefusal](err); ok { // nobody is to be notified
		log.Warn().Str("why", silent.Problem.Message).Msg("a delivery that nothing follows from")
		err = nil
	}
	switch {
	case errors.As(err, &later):
		log.Debug().Err(err).Msg("acting on a delivery later")
		err = in.Store.RetryDelivery(ctx, d.GUID, in.Now().Add(later.After), d.Attempts, err.Error())
		time.AfterFunc(later.After, func() { in.wake.Give() })
	case err == nil:
		err = in.Store.DoneDelivery(ctx, d.GUID)
	case d.Attempts+1 >= maxAttempts:
		in.Metrics.delivery("given_up")
		log.Error().Err(err).Msg("giving up on a delivery")
		err = in.Store.DoneDelivery(ctx, d.GUID)
	default:
		log.Warn().Err(err).Int("attempt", d.Attempts+1).Msg("acting on a delivery, will try again")
		err = in.Store.RetryDelivery(ctx, d.GUID, in.Now().Add(retries.After(d.Attempts)), d.Attempts+1, err.Error())
	}
	if err != nil {
		log.Error().Err(err).Msg("noting the outcome of a delivery")
	}
}

// retries are how long a delivery waits that could not be acted on.
var retries = loop.Backoff{First: 5 * time.Second, Longest: 30 * time.Minute}

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
