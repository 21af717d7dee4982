package e2e

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/sandbox"
)

// later makes a server look for lost deliveries as if it started when those of
// now are old enough to be lost.
func later(a *app.App) {
	a.Lost.Now = func() time.Time { return time.Now().Add(2 * a.Lost.MinAge) }
}

func TestT28ALostWebhookIsAskedForAgainAndActedOnOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		lose func(*stage)
	}{
		{"nothing answered", func(s *stage) { s.world.GitHub.Faults().DropWebhooks(1) }},
		{"the answer was 503", func(s *stage) {
			ill := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
			s.Cleanup(ill.Close)
			s.world.GitHub.SetWebhook(ill.URL, s.world.WebhookSecret)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "nothing answered" {
				long(t)
			}
			t.Parallel()
			s := &story{newStage(t)}
			s.standIn()
			stop := s.serve()
			n := s.planned("a")
			tt.lose(s.stage)
			id := s.says(rui, n, "/plan")
			if got := len(s.runs(n)); got != 1 {
				t.Fatalf("%d runs: the webhook was not lost", got)
			}
			stop()

			stop = s.serve(later)
			s.poll("the lost command", func() bool { return len(s.runs(n)) == 2 })
			s.quiet()
			stop()
			s.sweptOnceMore()
			if got := s.reactions(n, id); len(got) != 1 {
				t.Errorf("reactions %v", got)
			}
			if got := len(s.runs(n)); got != 2 {
				t.Errorf("%d runs, want 2", got)
			}
			s.onlyLostOnesAgain()
		})
	}
}

// sweptOnceMore runs a server until it has looked for lost deliveries.
func (s *story) sweptOnceMore() {
	s.Helper()
	s.world.GitHub.ResetRequests()
	stop := s.serve(later)
	s.poll("a look at the deliveries", func() bool { return s.world.GitHub.Requests()["GET /app/hook/deliveries"] > 0 })
	s.quiet()
	stop()
}

// onlyLostOnesAgain checks that each delivery which failed was sent once more
// and none that arrived. Those from before the App had an address count, too.
func (s *story) onlyLostOnesAgain() {
	s.Helper()
	arrived, again := map[string]bool{}, map[string]int{}
	for _, d := range s.world.GitHub.Deliveries() {
		if d.Redelivery {
			again[d.GUID]++
			continue
		}
		arrived[d.GUID] = d.StatusCode == http.StatusOK
	}
	for guid, ok := range arrived {
		if want := map[bool]int{true: 0, false: 1}[ok]; again[guid] != want {
			s.Errorf("delivery %s was asked for %d times more, want %d; did it arrive at first: %t", guid, again[guid], want, ok)
		}
	}
}

func TestT28AServerKeepsLookingForLostWebhooks(t *testing.T) {
	t.Parallel()
	s := &story{newStage(t)}
	s.standIn()
	// No pause: deliveries that are on their way are asked for again, too.
	t.Cleanup(s.serve(func(a *app.App) { a.Lost.Interval, a.Lost.MinAge = 10*time.Millisecond, 0 }))
	n := s.planned("a")
	s.answersEach(n, func(i int) {
		if i%3 == 1 {
			s.world.GitHub.Faults().DropWebhooks(1)
		}
	})
	if len(s.runs(n)) != 1 {
		t.Errorf("%d runs", len(s.runs(n)))
	}
}

// searching makes a server look for commands without a webhook as if it started
// when those of now are old enough to be looked for.
func searching(a *app.App) {
	a.Comments.Now = func() time.Time { return time.Now().Add(2 * a.Comments.MinAge) }
}

// TestInvariant1ACommandThatGitHubNeverRecordedIsFound: GitHub's list of
// deliveries does not have it, so that only the comment is left.
func TestInvariant1ACommandThatGitHubNeverRecordedIsFound(t *testing.T) {
	for _, line := range []string{"/plan", "/apply"} {
		t.Run(line, func(t *testing.T) {
			if line == "/plan" {
				long(t)
			}
			t.Parallel()
			s := &story{newStage(t)}
			s.standIn()
			stop := s.serve()
			n := s.planned("a")
			s.world.GitHub.Faults().ForgetWebhooks(1)
			id := s.says(ana, n, line)
			edited := s.says(ana, n, "/help") // its webhook comes, and so do those of its changes
			s.check(s.world.GitHub.As(ana).EditComment(sandbox.Repository, edited, "/plan"))
			s.quiet()
			if got := len(s.runs(n)); got != 1 {
				t.Fatalf("%d runs: the webhook was not lost", got)
			}
			stop()

			s.sweptOnceMore()
			if got := len(s.runs(n)); got != 1 {
				t.Errorf("%d runs: the deliveries of the App were not to have it", got)
			}
			for range 2 {
				s.world.GitHub.ResetRequests()
				stop := s.serve(searching)
				s.poll("a look at the comments", func() bool { return s.world.GitHub.Requests()["GET /repos/{owner}/{repo}/issues/comments"] > 0 })
				s.poll("the command", func() bool { return len(s.runs(n)) == 2 })
				s.quiet()
				stop()
			}
			if got := s.reactions(n, id); len(got) != 1 {
				t.Errorf("reactions %v", got)
			}
			if got := len(s.runs(n)); got != 2 {
				t.Errorf("%d runs, want 2", got)
			}
			if s.applied("a") != (line == "/apply") {
				t.Errorf("applied: %t\n%s", s.applied("a"), s.conversation(n))
			}
		})
	}
}

func TestInvariant1AServerKeepsLookingForCommands(t *testing.T) {
	t.Parallel()
	s := &story{newStage(t)}
	s.standIn()
	// No pause: commands whose webhook is on its way are found, too.
	t.Cleanup(s.serve(func(a *app.App) { a.Comments.Interval, a.Comments.MinAge = 10*time.Millisecond, -time.Minute }))
	n := s.planned("a")
	s.answersEach(n, func(i int) {
		switch i % 3 {
		case 1:
			s.world.GitHub.Faults().ForgetWebhooks(1)
		case 2:
			s.world.GitHub.Faults().DuplicateWebhooks(1)
		}
	})
}

// answersEach asks twelve questions on a pull request with a plan, each after
// something that happens to its webhook, and wants one answer to each.
func (s *story) answersEach(n int, happens func(i int)) {
	s.Helper()
	const questions = 12
	for i := range questions {
		happens(i)
		_, err := s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/help")
		s.check(err)
	}
	s.poll("an answer to each question", func() bool { return len(s.said(n)) >= questions+1 })
	s.quiet()
	if got := len(s.said(n)); got != questions+1 {
		s.Errorf("%d comments, want one for each question and the plan", got)
	}
}
