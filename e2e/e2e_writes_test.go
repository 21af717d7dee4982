package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestT38TroubleWhileAnApplyIsReportedLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(*github.Faults)
	}{
		{"502", func(f *github.Faults) { f.FailNext(1, 502, "PATCH"); f.FailNext(1, 502, "POST") }},
		{"403", func(f *github.Faults) {
			f.LimitSecondaryNext(1, 403, time.Second, "PATCH")
			f.LimitSecondaryNext(1, 403, time.Second, "POST")
		}},
		{"429", func(f *github.Faults) {
			f.LimitSecondaryNext(1, 429, time.Second, "PATCH")
			f.LimitSecondaryNext(1, 429, time.Second, "POST")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name != "403" {
				long(t)
			}
			s := newStory(t)
			n := s.planned("a")
			writes := s.logWrites()
			tt.fault(s.world.GitHub.Faults())
			id := s.says(ana, n, "/apply")
			writes.wantAgain(t, 2)
			if !s.applied("a") || len(s.applies(n)) != 1 {
				t.Fatalf("not applied once:\n%s", s.conversation(n))
			}
			if got := s.reactions(n, id); len(got) != 1 {
				t.Errorf("reactions %v", got)
			}
			if got := len(s.said(n)); got != 2 {
				t.Errorf("%d comments, want one that is kept up to date and the answer to /apply:\n%s", got, s.conversation(n))
			}
			if c := s.check1(n, "lockkeeper/apply"); c.Conclusion != "success" {
				t.Errorf("the check is %s %s", c.Status, c.Conclusion)
			}
		})
	}
}

// writeLog is every call that writes, in order.
type writeLog struct {
	mu    sync.Mutex
	calls []write // guarded by mu
}

type write struct {
	target string // method and path
	body   string
	status int
}

func (s *story) logWrites() *writeLog {
	l := &writeLog{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = func(r *http.Request, body string, status int) {
		if r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/access_tokens") {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.calls = append(l.calls, write{r.Method + " " + r.URL.Path, body, status})
	}
	return l
}

// wantAgain wants that many writes to have failed, and the next one to the same
// thing to have succeeded. What creates something is sent again as it was; what
// is kept up to date may have become newer meanwhile.
func (l *writeLog) wantAgain(t *testing.T, failures int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	failed := 0
	for i, c := range l.calls {
		if c.status < 400 {
			continue
		}
		failed++
		later := l.calls[i+1:]
		n := slices.IndexFunc(later, func(w write) bool { return w.target == c.target })
		switch {
		case n < 0 || later[n].status >= 400:
			t.Errorf("%s failed and was not made again", c.target)
		case strings.HasPrefix(c.target, "POST ") && later[n].body != c.body:
			t.Errorf("%s was made again with %.300s, want %.300s", c.target, later[n].body, c.body)
		}
	}
	if failed != failures {
		t.Errorf("%d writes failed, want %d", failed, failures)
	}
}
