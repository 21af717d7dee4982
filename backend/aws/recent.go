package aws

import (
	"context"
	"sync"
)

// maxRecent bounds what an engine remembers. Who forgets delivers once more,
// which changes nothing.
const maxRecent = 10_000

// recent remembers the last names that were added. The zero value is empty.
type recent struct {
	mu    sync.Mutex
	names map[string]bool // guarded by mu
	order []string        // guarded by mu: a ring of the names, once it is full
	next  int             // guarded by mu: the oldest in the ring
}

func (r *recent) has(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.names[name]
}

func (r *recent) add(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names == nil {
		r.names = map[string]bool{}
	}
	if r.names[name] {
		return
	}
	r.names[name] = true
	if len(r.order) < maxRecent {
		r.order = append(r.order, name)
		return
	}
	delete(r.names, r.order[r.next])
	r.order[r.next] = name
	r.next = (r.next + 1) % maxRecent
}

// keyedMutex is a mutex per name. The zero value is ready to use.
type keyedMutex struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when it is free again; guarded by mu
}

// lock waits until it has the name, or ctx is done.
func (k *keyedMutex) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		free, taken := k.take(name)
		if taken {
			return func() { k.release(name, free) }, nil
		}
		select {
		case <-free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take gives the channel of a name, and whether it was free and is taken now.
func (k *keyedMutex) take(name string) (free chan struct{}, taken bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if free, held := k.held[name]; held {
		return free, false
	}
	if k.held == nil {
		k.held = map[string]chan struct{}{}
	}
	free = make(chan struct{})
	k.held[name] = free
	return free, true
}

func (k *keyedMutex) release(name string, free chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.held, name)
	close(free)
}
