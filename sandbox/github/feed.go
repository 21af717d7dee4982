package github

import (
	"context"
	"sync"
)

// feed tells waiters and subscribers that something changed.
type feed struct {
	mu    sync.Mutex
	pulse chan struct{} // closed and replaced at each change
	subs  map[chan struct{}]bool
}

func newFeed() *feed {
	return &feed{pulse: make(chan struct{}), subs: map[chan struct{}]bool{}}
}

func (f *feed) changed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.pulse)
	f.pulse = make(chan struct{})
	for c := range f.subs {
		select {
		case c <- struct{}{}:
		default: // a wake-up is already waiting there
		}
	}
}

func (f *feed) next() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pulse
}

// Wait returns as soon as cond holds. It evaluates cond now and after every change of the double, deliveries included.
// cond may call any method of the Double.
func (d *Double) Wait(ctx context.Context, cond func() bool) error {
	for {
		next := d.feed.next()
		if cond() {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Changes gives a channel that receives after one or more changes; a slow reader loses repetitions, never the last one.
// Call cancel when done; the channel is not closed.
func (d *Double) Changes() (changes <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	d.feed.mu.Lock()
	defer d.feed.mu.Unlock()
	d.feed.subs[c] = true
	return c, func() {
		d.feed.mu.Lock()
		defer d.feed.mu.Unlock()
		delete(d.feed.subs, c)
	}
}
