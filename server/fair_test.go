package server

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
)

// slow is a handler that waits for a GitHub that does not answer one
// installation, as /why does; others it answers at once.
type slow struct{ quiet chan string }

func (*slow) Handles() []string { return []string{"issue_comment"} }

func (h *slow) Handle(ctx context.Context, _, delivery string, payload []byte) error {
	if keysOf(githubapp.Dispatch{Payload: payload}).Whose.RepositoryID == 1 {
		<-ctx.Done()
		return ctx.Err()
	}
	h.quiet <- delivery
	return nil
}

// S2: 18 /why while GitHub is slow, and more.
func TestS2CommandsThatWaitForASlowGitHubLeaveRoomForOthers(t *testing.T) {
	for _, tt := range []struct {
		name         string
		installation int
		loud         int // commands that wait
	}{{"of another organisation", 2, 40}, {"of another repository", 1, inboxBatch + 1}} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			h := &slow{quiet: make(chan string, 1)}
			in := NewInbox(f.store, []githubapp.EventHandler{h}, time.Now, nil)
			comment := func(installation, repository, pull, id int) {
				t.Helper()
				err := in.Schedule(t.Context(), githubapp.Dispatch{EventType: "issue_comment", DeliveryID: fmt.Sprint("d", id),
					Payload: fmt.Appendf(nil, `{"action":"created","installation":{"id":%d},"repository":{"id":%d},"issue":{"number":%d},"comment":{"id":%d}}`,
						installation, repository, pull, id)})
				if err != nil {
					t.Fatal(err)
				}
			}
			for i := range tt.loud {
				comment(1, 1, i+1, i+1)
			}
			comment(tt.installation, 2, 1, 10_000)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- in.Run(ctx) }()
			select {
			case got := <-h.quiet:
				if got != "d10000" {
					t.Errorf("acted on %s", got)
				}
			case <-time.After(time.Minute):
				t.Error("the command elsewhere was not acted on")
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
