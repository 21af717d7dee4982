package sqlite

import (
	"sync"

	"github.com/lockkeeper/lockkeeper/run"
)

// hotRuns are the active runs as last committed, so that a run with many jobs
// is not decoded again for each of their messages. They are those of the one process
// that has the file. The zero value is empty.
type hotRuns struct {
	mu   sync.RWMutex
	runs map[string]run.Run // guarded by mu
}

func (h *hotRuns) get(id string) (run.Run, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	r, ok := h.runs[id]
	return r, ok
}

// put remembers a run that was committed, and forgets one that is final.
func (h *hotRuns) put(r run.Run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.State.Final() {
		delete(h.runs, r.ID)
		return
	}
	if h.runs == nil {
		h.runs = make(map[string]run.Run)
	}
	h.runs[r.ID] = r
}

// forget makes the next reader look at the disk.
func (h *hotRuns) forget(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.runs, id)
}
