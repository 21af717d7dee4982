package e2e

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
)

// tokenLog is what GitHub's API answered to each token of an installation.
type tokenLog struct {
	mu      sync.Mutex
	asked   int             // guarded by mu; for new ones
	refused map[string]bool // guarded by mu; tokens that were answered 401
}

func (s *story) logTokens() *tokenLog {
	l := &tokenLog{refused: map[string]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = func(r *http.Request, _ string, status int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case strings.HasSuffix(r.URL.Path, "/access_tokens"):
			l.asked++
		case status == http.StatusUnauthorized:
			l.refused[r.Header.Get("Authorization")] = true
		}
	}
	return l
}

func (l *tokenLog) seen() (asked int, refused []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked, slices.Collect(maps.Keys(l.refused))
}

// impatiently makes a server try a run again as soon as its own backoff lets it,
// whatever GitHub asked for, and tells how long that would have been.
func impatiently(asked chan<- time.Duration) func(*app.App) {
	return func(a *app.App) {
		prepare := a.Worker.Prepare
		a.Worker.Prepare = func(ctx context.Context, r run.Run) (run.Preparation, error) {
			p, err := prepare(ctx, r)
			if later := (*run.Temporary)(nil); errors.As(err, &later) {
				select {
				case asked <- later.After:
				default:
				}
				soon := *later
				soon.After = 0
				err = &soon
			}
			return p, err
		}
	}
}

func TestFinding9TokensThatEndEarlyAreNoticedByNobody(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	tokens := s.logTokens()
	s.world.GitHub.Faults().RevokeTokens()
	id := s.says(rui, n, "/plan")
	asked, refused := tokens.seen()
	if asked == 0 || len(refused) != 1 {
		t.Errorf("%d new tokens were asked for, %d refused, want the old one alone to be refused", asked, len(refused))
	}
	if r := s.runs(n)[0]; len(s.runs(n)) != 2 || r.State != run.StateSucceeded || r.Tries != 0 {
		t.Errorf("the run is %s after %d tries:\n%s", r.State, r.Tries, s.conversation(n))
	}
	if got := s.reactions(n, id); len(got) != 1 || len(s.said(n)) != 1 {
		t.Errorf("reactions %v:\n%s", got, s.conversation(n))
	}
}

// GitHub refuses every token for as long as it takes to try twice, the first time
// a quarter of a minute after the command.
func TestFinding9ACommandOutlivesAMomentInWhichEveryTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := &story{newStage(t)}
	s.standIn()
	waits := make(chan time.Duration, 100)
	t.Cleanup(s.serve(impatiently(waits)))
	n := s.planned("a")
	before := s.conversation(n)
	tokens := s.logTokens()
	faults := s.world.GitHub.Faults()
	faults.RefuseTokens(true)
	id, err := s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/plan")
	s.check(err)
	s.poll("the command to be tried twice", func() bool { return len(s.runs(n)) == 2 && s.runs(n)[0].Tries >= 2 })
	if r := s.runs(n)[0]; r.State != run.StateAccepted {
		t.Errorf("the run is %s", r.State)
	}
	for range 2 {
		if wait := <-waits; wait < 10*time.Second {
			t.Errorf("the command is tried again after %s: that is no way to meet a GitHub in trouble", wait)
		}
	}
	asked, refused := tokens.seen()
	if asked < 2 || len(refused) < 3 {
		t.Errorf("%d new tokens were asked for and %d refused", asked, len(refused))
	}
	if after := s.conversation(n); strings.Count(after, "── ") != strings.Count(before, "── ")+1 {
		t.Errorf("something was said meanwhile:\n%s", after)
	}
	faults.RefuseTokens(false)
	s.quiet()
	if r := s.runs(n)[0]; r.State != run.StateSucceeded {
		t.Errorf("the run is %s", r.State)
	}
	if got := s.reactions(n, id); len(got) != 1 || got[0] != "eyes" || len(s.said(n)) != 1 {
		t.Errorf("reactions %v:\n%s", got, s.conversation(n))
	}
	if strings.Contains(s.conversation(n), "permission") {
		t.Errorf("permissions are blamed:\n%s", s.conversation(n))
	}
}
