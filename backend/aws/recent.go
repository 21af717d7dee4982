package aws

import "sync"

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

// keyedMutex is a mutex per name; names share one now and then. The zero value
// is ready to use.
type keyedMutex struct{ locks [64]sync.Mutex }

func (k *keyedMutex) lock(name string) (unlock func()) {
	sum := uint32(2166136261) // FNV-1a
	for _, c := range []byte(name) {
		sum = (sum ^ uint32(c)) * 16777619
	}
	l := &k.locks[sum%uint32(len(k.locks))]
	l.Lock()
	return l.Unlock
}
