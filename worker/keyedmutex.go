package worker

import "sync"

// keyedMutex is a mutex per key; keys that nobody holds take no memory. The
// zero value is ready to use.
type keyedMutex struct {
	mu   sync.Mutex
	keys map[string]*keyLock // guarded by mu
}

type keyLock struct {
	sync.Mutex
	users int // guarded by keyedMutex.mu
}

// lock waits for key and returns what releases it.
func (k *keyedMutex) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.keys == nil {
		k.keys = make(map[string]*keyLock)
	}
	l := k.keys[key]
	if l == nil {
		l = new(keyLock)
		k.keys[key] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.keys, key)
		}
	}
}
