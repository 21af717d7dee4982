package pull

import (
	"context"
	"strings"
	"sync"
)

// facts are what git printed about commits that are named by their full SHA. That
// never changes, and each run of a pull request asks it again, several times.
type facts struct {
	mu    sync.Mutex
	known map[string]string // guarded by mu: by the arguments
	bytes int               // guarded by mu: of known
}

// factBytes is how much of facts is remembered for one mirror.
const factBytes = 1 << 20

// fact runs git, or remembers what it printed. The arguments name commits by their
// full SHA and nothing that can change, such as a ref.
func (m *Mirror) fact(ctx context.Context, args ...string) (string, error) {
	key := strings.Join(args, "\x00")
	m.facts.mu.Lock()
	printed, known := m.facts.known[key]
	m.facts.mu.Unlock()
	if known {
		return printed, nil
	}
	printed, err := output(ctx, git(ctx, m.dir, args...))
	if err == nil {
		m.facts.remember(key, printed)
	}
	return printed, err
}

// remember forgets everything when it becomes too much: what is requested again is soon
// known again.
func (f *facts) remember(key, printed string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := len(key) + len(printed)
	if f.bytes += size; f.known == nil || f.bytes > factBytes {
		f.known, f.bytes = map[string]string{}, size
	}
	if size <= factBytes {
		f.known[key] = printed
	} else {
		f.bytes = 0
	}
}
