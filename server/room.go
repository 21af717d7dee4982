package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// room bounds the bytes of request bodies that are in memory at once. Nobody is
// known yet who sends one, so nobody can keep it: when others wait, the oldest
// body that should have been there long ago makes way. Small bodies, which
// nearly all webhooks have, wait for no large ones.
type room struct {
	small, large pool
}

// smallBody is the length up to which a body is small. GitHub's own about pull
// requests, comments and checks have 10 to 30 KiB.
const smallBody = 1 << 20

// smallRoom is what small bodies may have together.
const smallRoom = 16 << 20

// newRoom has place for two of the largest bodies beside the small ones.
func newRoom(largest int64) *room {
	return &room{small: pool{size: smallRoom}, large: pool{size: 2 * largest}}
}

// enter waits until there is room for n bytes. cut is called, at most once and
// not after leave, when the body has to make way. The guest must leave.
func (r *room) enter(ctx context.Context, n int64, cut func()) (*guest, error) {
	p := &r.large
	if n <= smallBody {
		p = &r.small
	}
	return p.enter(ctx, n, cut)
}

// How long a body may take before it can be told to make way: a second, and what
// it takes at 4 MiB a second. GitHub's come much faster.
const (
	bodyGrace = time.Second
	bodyRate  = 4 << 20
)

// errNoRoom: too much is being received.
var errNoRoom = errors.New("too many large requests at once")

type pool struct {
	size int64

	mu      sync.Mutex
	used    int64    // guarded by mu
	most    int64    // guarded by mu; the most that was ever used, for tests
	inside  []*guest // guarded by mu; oldest first
	waiting []*guest // guarded by mu; oldest first
	byAge   bool     // guarded by mu; the last one was let in for its age
}

// guest is one body. Its fields are guarded by the pool's mu.
type guest struct {
	pool     *pool
	n        int64
	since    time.Time     // when it came
	entered  chan struct{} // closed when it may be read
	cut      func()
	late     time.Time // when it can be told to make way
	leaving  bool      // it was told
	complete bool      // it is all here, and signed: it is left in peace
}

func (p *pool) enter(ctx context.Context, n int64, cut func()) (*guest, error) {
	g := &guest{pool: p, n: n, since: time.Now(), entered: make(chan struct{}), cut: cut}
	p.mu.Lock()
	p.waiting = append(p.waiting, g)
	p.settle(g.since)
	p.mu.Unlock()
	look := time.NewTicker(bodyGrace / 4)
	defer look.Stop()
	for {
		select {
		case <-g.entered:
			return g, nil
		case now := <-look.C:
			p.mu.Lock()
			p.settle(now)
			p.mu.Unlock()
		case <-ctx.Done():
			g.leave()
			return nil, errNoRoom
		}
	}
}

// bodyTurn is how long smaller bodies may go before one that waits: a quarter of
// bodyWait, so that it also has time to get its room.
const bodyTurn = bodyWait / 4

// next is the index in waiting of who is let in next: the smallest, of equals the
// oldest, and every other time the oldest of all when it has waited for long.
// Else nobody large would ever come in among many small ones; and many who are
// large and wait for long hold up nobody small.
func (p *pool) next(now time.Time) (i int, byAge bool) {
	if !p.byAge && now.Sub(p.waiting[0].since) >= bodyTurn {
		return 0, true
	}
	best := 0
	for i, g := range p.waiting {
		if g.n < p.waiting[best].n {
			best = i
		}
	}
	return best, false
}

// settle lets in whom there is room for, and makes room for who is next. It is
// called with mu held.
func (p *pool) settle(now time.Time) {
	for len(p.waiting) > 0 {
		i, byAge := p.next(now)
		g := p.waiting[i]
		if p.used+g.n > p.size {
			p.makeRoom(now, p.used+g.n-p.size)
			return
		}
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.byAge = byAge
		p.used += g.n
		p.most = max(p.most, p.used)
		p.inside = append(p.inside, g)
		g.late = now.Add(bodyGrace + time.Duration(g.n)*time.Second/bodyRate)
		close(g.entered)
	}
}

// makeRoom tells those that are late to make way, oldest first, until that many
// bytes are on their way out. It is called with mu held.
func (p *pool) makeRoom(now time.Time, missing int64) {
	for _, g := range p.inside {
		if missing <= 0 {
			return
		}
		if !g.leaving && !g.complete && now.After(g.late) {
			g.leaving = true
			g.cut()
		}
		if g.leaving {
			missing -= g.n
		}
	}
}

// finish notes that the body is all here and signed.
func (g *guest) finish() {
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.complete = true
}

// leave gives the room back. Leaving again is no error.
func (g *guest) leave() {
	p := g.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.inside, g); i >= 0 {
		p.inside = slices.Delete(p.inside, i, i+1)
		p.used -= g.n
	}
	if i := slices.Index(p.waiting, g); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.settle(time.Now())
}
