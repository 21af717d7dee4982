package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/run"
)

// slowList is a store whose list is older than it seems: what is acted on when it
// is read is done before the list is there.
type slowList struct {
	deliveries
	meanwhile func()
}

func (s slowList) PendingDeliveries(ctx context.Context, now time.Time, limit int) ([]run.Delivery, error) {
	due, err := s.deliveries.PendingDeliveries(ctx, now, limit)
	s.meanwhile()
	return due, err
}

// blocked is a handler that waits until it is let go, and then fails.
type blocked struct {
	calls atomic.Int32
	begun chan struct{}
	goOn  chan struct{}
}

func (*blocked) Handles() []string { return []string{"ping"} }

func (h *blocked) Handle(context.Context, string, string, []byte) error {
	h.calls.Add(1)
	h.begun <- struct{}{}
	<-h.goOn
	return errors.New("try again later")
}

func TestADeliveryThatFailsWhileTheInboxIsReadIsNotTriedAtOnce(t *testing.T) {
	f := newFixture(t)
	h := &blocked{begun: make(chan struct{}, 9), goOn: make(chan struct{})}
	in := NewInbox(f.store, []githubapp.EventHandler{h}, func() time.Time { return noon }, nil)
	if err := in.Schedule(t.Context(), githubapp.Dispatch{EventType: "ping", DeliveryID: "g", Payload: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	var first, second sync.WaitGroup
	if err := in.round(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	<-h.begun
	in.Store = slowList{in.Store, func() { close(h.goOn); first.Wait() }}
	if err := in.round(t.Context(), &second); err != nil {
		t.Fatal(err)
	}
	second.Wait()
	if n := h.calls.Load(); n != 1 {
		t.Errorf("acted on %d times, want once", n)
	}
}
