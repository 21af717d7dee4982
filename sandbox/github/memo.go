package github

import "sync"

// memo computes each key's value once, however many ask at the same time, and keeps it. Errors are not kept.
// Its zero value is ready.
type memo[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]*memoEntry[V]
}

type memoEntry[V any] struct {
	done  chan struct{} // closed when value and err are set
	value V
	err   error
}

func (m *memo[K, V]) get(key K, compute func() (V, error)) (V, error) {
	m.mu.Lock()
	if e := m.entries[key]; e != nil {
		m.mu.Unlock()
		<-e.done
		return e.value, e.err
	}
	if m.entries == nil {
		m.entries = map[K]*memoEntry[V]{}
	}
	e := &memoEntry[V]{done: make(chan struct{})}
	m.entries[key] = e
	m.mu.Unlock()

	e.value, e.err = compute()
	if e.err != nil {
		m.mu.Lock()
		delete(m.entries, key)
		m.mu.Unlock()
	}
	close(e.done)
	return e.value, e.err
}

// peek gives a value that is already there, without computing or waiting.
func (m *memo[K, V]) peek(key K) (value V, ok bool) {
	m.mu.Lock()
	e := m.entries[key]
	m.mu.Unlock()
	if e == nil {
		return value, false
	}
	select {
	case <-e.done:
		return e.value, e.err == nil
	default:
		return value, false
	}
}
