package github

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Delivery is one webhook delivery with what was sent and answered. Values given out are copies.
type Delivery struct {
	ID             int64
	GUID           string // X-GitHub-Delivery: a redelivery keeps it
	Event, Action  string
	At             time.Time
	Redelivery     bool
	InstallationID int64
	RepositoryID   int64
	Payload        []byte

	Done            bool // sent, lost or given up
	Duration        time.Duration
	StatusCode      int // 0 while not done, and when nothing answered
	Status          string
	RequestHeaders  http.Header
	ResponseHeaders http.Header
	ResponseBody    string
}

// hookTimeout is how long GitHub waits for an answer.
const hookTimeout = 10 * time.Second

// hookQueue sends deliveries one after the other, in the order of events, unless
// Faults.SendAtOnce says otherwise.
type hookQueue struct {
	d      *Double
	client *http.Client
	signal chan struct{}  // capacity 1: something changed
	worker sync.WaitGroup // the goroutine that begins to send
	slots  chan struct{}  // one token for each delivery that is on its way; capacity of mostAtOnce

	mu          sync.Mutex // guards everything below
	url, secret string
	timeout     time.Duration
	pending     []*Delivery
	stored      []*Delivery
}

func newHookQueue(d *Double, url, secret string) *hookQueue {
	q := &hookQueue{d: d, client: &http.Client{}, signal: make(chan struct{}, 1), slots: make(chan struct{}, mostAtOnce), url: url, secret: secret, timeout: hookTimeout}
	q.worker.Add(1)
	go q.run()
	return q
}

func (q *hookQueue) close() { q.worker.Wait(); q.client.CloseIdleConnections() }

func (q *hookQueue) configure(url, secret string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.url, q.secret = url, secret
}

func (q *hookQueue) wake() {
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

func (q *hookQueue) push(x *Delivery) {
	if q.d.faults.forgets() {
		return
	}
	q.mu.Lock()
	q.pending, q.stored = append(q.pending, x), append(q.stored, x)
	q.mu.Unlock()
	q.wake()
}

// run sends until the double is closed.
func (q *hookQueue) run() {
	defer q.worker.Done()
	for {
		wait := time.Hour
		for {
			batch, due := q.take()
			if len(batch) == 0 {
				wait = due
				break
			}
			for _, x := range batch {
				q.begin(x)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-q.signal:
		case <-timer.C:
		case <-q.d.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// take gives what must be sent now, in order, or how long to wait for the next one.
func (q *hookQueue) take() (batch []*Delivery, wait time.Duration) {
	hold, delay := q.d.faults.holding()
	now := q.d.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 || q.d.ctx.Err() != nil || len(q.pending) < hold {
		return nil, time.Hour
	}
	if due := q.pending[0].At.Add(delay); due.After(now) {
		return nil, due.Sub(now)
	}
	n := max(1, hold)
	batch, q.pending = slices.Clone(q.pending[:n]), q.pending[n:]
	if hold > 0 {
		slices.Reverse(batch)
		q.d.faults.released()
	}
	return batch, 0
}

// mostAtOnce is the most deliveries that can be on their way at once.
const mostAtOnce = 64

// begin sends a delivery, and waits for its end when no other one may be on its way.
func (q *hookQueue) begin(x *Delivery) {
	if !q.d.faults.atOnce() {
		q.deliver(x)
		return
	}
	q.slots <- struct{}{}
	q.worker.Go(func() {
		defer func() { <-q.slots }()
		q.deliver(x)
	})
}

// deliver sends one delivery as the faults will have it.
func (q *hookQueue) deliver(x *Delivery) {
	if q.d.checker != nil {
		q.d.checker.Webhook(x.Event, x.Payload)
	}
	drop, twice := q.d.faults.fate()
	if drop {
		q.finish(x, func() { x.Status = "timed out" })
		return
	}
	q.send(x)
	if twice {
		q.send(x)
	}
}

func (q *hookQueue) send(x *Delivery) {
	q.mu.Lock()
	url, secret, timeout := q.url, q.secret, q.timeout
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(q.d.ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(x.Payload))
	if err != nil || url == "" {
		q.finish(x, func() { x.Status = "failed to connect to host" })
		return
	}
	q.d.signHook(req, x, secret)
	start := time.Now()
	resp, err := q.client.Do(req)
	if err != nil {
		q.finish(x, func() {
			x.Status, x.Duration, x.RequestHeaders = "failed to connect to host", time.Since(start), req.Header
			if ctx.Err() != nil {
				x.Status = "timed out"
			}
		})
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what arrived is stored, as on GitHub
	q.finish(x, func() {
		x.Duration, x.RequestHeaders, x.StatusCode = time.Since(start), req.Header, resp.StatusCode
		x.ResponseHeaders, x.ResponseBody, x.Status = resp.Header, string(body), "OK"
		if resp.StatusCode/100 != 2 {
			x.Status = "Invalid HTTP Response: " + itoa(resp.StatusCode)
		}
	})
}

func (q *hookQueue) finish(x *Delivery, result func()) {
	q.mu.Lock()
	result()
	x.Done = true
	q.mu.Unlock()
	q.d.feed.changed()
}

// signHook sets the headers of https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers.
func (d *Double) signHook(req *http.Request, x *Delivery, secret string) {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(x.Payload)
	d.mu.Lock()
	appID := d.app.ID
	d.mu.Unlock()
	h := req.Header
	h.Set("Accept", "*/*")
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "GitHub-Hookshot/double")
	h.Set("X-GitHub-Event", x.Event)
	h.Set("X-GitHub-Delivery", x.GUID)
	h.Set("X-GitHub-Hook-ID", itoa(appID))
	h.Set("X-GitHub-Hook-Installation-Target-ID", itoa(appID))
	h.Set("X-GitHub-Hook-Installation-Target-Type", "integration")
	if secret != "" {
		h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
}

func newGUID() string { return uuid.NewString() }

// Deliveries gives all webhook deliveries, oldest first.
func (d *Double) Deliveries() []Delivery {
	d.hooks.mu.Lock()
	defer d.hooks.mu.Unlock()
	all := make([]Delivery, len(d.hooks.stored))
	for i, x := range d.hooks.stored {
		all[i] = *x
	}
	return all
}

// redeliver sends a stored delivery again: same GUID, new id. It reports whether there is one.
func (d *Double) redeliver(id int64) bool {
	d.mu.Lock()
	fresh := d.id()
	d.mu.Unlock()
	q := d.hooks
	q.mu.Lock()
	at := slices.IndexFunc(q.stored, func(x *Delivery) bool { return x.ID == id })
	if at < 0 {
		q.mu.Unlock()
		return false
	}
	old := q.stored[at]
	q.mu.Unlock()
	q.push(&Delivery{
		ID: fresh, GUID: old.GUID, Event: old.Event, Action: old.Action, At: d.now(), Redelivery: true,
		InstallationID: old.InstallationID, RepositoryID: old.RepositoryID, Payload: old.Payload,
	})
	return true
}

// Ping sends the ping event that a new webhook gets.
func (d *Double) Ping() {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.hooks
	q.mu.Lock()
	url := q.url
	q.mu.Unlock()
	d.queueHook("ping", object{
		"zen": "Keep it logically awesome.", "hook_id": d.app.ID,
		"hook": object{
			"type": "App", "id": d.app.ID, "name": "web", "active": true, "events": append([]string{}, d.app.Events...), "app_id": d.app.ID,
			"config":     object{"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": url},
			"updated_at": stamp(d.now()), "created_at": stamp(d.now()), "deliveries_url": d.api("/app/hook/deliveries"),
		},
	}, 0, 0)
}
