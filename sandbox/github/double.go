package github

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// App is the one GitHub App that this double knows.
type App struct {
	ID          int64
	Slug        string // its bot user is "<slug>[bot]"
	Name        string
	PublicKey   *rsa.PublicKey    // verifies the App's JSON web tokens
	Permissions map[string]string // name to "read", "write" or "admin": what every installation grants
	Events      []string          // subscribed webhook events; installation events come anyway
}

// Checker judges traffic against GitHub's own description: openapi.Checker in
// tests. It is an interface so that a server that judges nothing need not carry
// the description and its validator.
type Checker interface {
	// Wrap checks each request below prefix, and its answer.
	Wrap(prefix string, next http.Handler) http.Handler
	// Webhook checks one payload.
	Webhook(event string, payload []byte)
}

// Options configures a Double. Dir and App are required.
type Options struct {
	Dir           string // bare repositories are created below it, at <owner>/<name>.git
	App           App
	BaseURL       string // where Handler is reachable, without a trailing slash; see SetBaseURL
	WebhookURL    string // empty: deliveries are stored as failed; see SetWebhook
	WebhookSecret string
	Now           func() time.Time // nil: time.Now
	Checker       Checker          // nil: traffic is not checked
}

// Double is one GitHub. All methods are safe for concurrent use.
type Double struct {
	dir     string
	checker Checker
	clock   func() time.Time
	handler http.Handler
	hooks   *hookQueue
	faults  *Faults
	feed    *feed

	ctx    context.Context // ends with Close; background git work hangs on it
	cancel context.CancelFunc
	work   sync.WaitGroup // background jobs: mergeability

	ahead atomic.Int64 // nanoseconds by which this GitHub's clock is ahead of clock; see read

	mu       sync.Mutex // guards everything below
	baseURL  string
	app      App
	nextID   int64
	accounts map[string]*account    // by lower-case login
	repos    map[string]*repository // by lower-case "owner/name"
	moved    map[string]*repository // by a lower-case "owner/name" that is not theirs any more
	installs map[int64]*installation
	tokens   map[string]*token
	counts   map[string]int // operation to number of calls
	spent    int            // calls in the current rate limit window
	window   time.Time      // when that window ends
	codes    map[string]manifest

	writes     map[int64][]time.Time // by installation, of the last hour
	limits     Limits
	wasLimited map[int64]bool // installations whose last call met a rate limit
}

// New starts a double. Close it when done.
func New(o Options) (*Double, error) {
	if o.Dir == "" || o.App.ID == 0 || o.App.Slug == "" {
		return nil, errors.New("starting the GitHub double: Dir, App.ID and App.Slug are required")
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating the repositories' directory: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &Double{
		dir: o.Dir, checker: o.Checker, clock: o.Now, baseURL: strings.TrimSuffix(o.BaseURL, "/"), app: o.App,
		feed: newFeed(), ctx: ctx, cancel: cancel, nextID: 1000,
		accounts: map[string]*account{}, repos: map[string]*repository{}, moved: map[string]*repository{}, installs: map[int64]*installation{},
		tokens: map[string]*token{}, counts: map[string]int{}, codes: map[string]manifest{},
		writes: map[int64][]time.Time{}, wasLimited: map[int64]bool{},
	}
	d.faults = newFaults(d)
	d.hooks = newHookQueue(d, o.WebhookURL, o.WebhookSecret)
	d.mu.Lock()
	d.addAccount(o.App.Slug+"[bot]", kindBot)
	d.mu.Unlock()
	d.handler = d.routes()
	return d, nil
}

// Handler serves the REST API below /api/v3 and git below /{owner}/{repo}.git.
func (d *Double) Handler() http.Handler { return d.handler }

// Close stops deliveries and background work and waits for both.
func (d *Double) Close() {
	d.cancel()
	d.hooks.close()
	d.work.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.repos {
		r.git.close()
	}
}

// SetBaseURL tells the double where it is reachable, for servers that learn their port late.
func (d *Double) SetBaseURL(url string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.baseURL = strings.TrimSuffix(url, "/")
	for _, a := range d.accounts {
		a.json = nil
	}
	for _, r := range d.repos {
		r.json = nil
	}
}

// SetWebhook tells the double where to deliver the App's webhooks and the secret to sign them with.
func (d *Double) SetWebhook(url, secret string) { d.hooks.configure(url, secret) }

// Faults gives the switches that make this GitHub slow, failing or disorderly.
func (d *Double) Faults() *Faults { return d.faults }

// now is the double's clock: the configured one plus what tests advanced it by.
func (d *Double) now() time.Time {
	return d.clock().Add(d.faults.offset() + time.Duration(d.ahead.Load())).UTC()
}

// read lets the time pass that a person needs to read what was written of p: GitHub
// tells times in whole seconds, and nobody reviews in the second in which something
// was written. Tests do, so the clock goes on to the next second. Callers hold d.mu.
func (d *Double) read(p *pull) {
	for _, c := range p.comments {
		if early := c.updated.Truncate(time.Second).Add(time.Second).Sub(d.now()); early > 0 {
			d.ahead.Add(int64(early))
		}
	}
}

// id gives the next identifier. Callers hold d.mu.
func (d *Double) id() int64 { d.nextID++; return d.nextID }
