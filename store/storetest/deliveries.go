package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

func (u suite) TestADeliveryIsStoredOnceAndDeletedWhenDone(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	if !Must[bool](t)(s.PutDelivery(ctx, Delivery("a"))) {
		t.Error("the first was not added")
	}
	if Must[bool](t)(s.PutDelivery(ctx, Delivery("a"))) {
		t.Error("the same GUID was added twice")
	}
	got := Must[[]run.Delivery](t)(s.PendingDeliveries(ctx, Noon, 10))
	want := Delivery("a")
	want.Payload = nil
	if d := cmp.Diff([]run.Delivery{want}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := Must[[]byte](t)(s.DeliveryPayload(ctx, "a")); string(got) != `{"a":1}` {
		t.Errorf("payload %q", got)
	}
	for range 2 {
		if err := s.DoneDelivery(ctx, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if got := Must[[]run.Delivery](t)(s.PendingDeliveries(ctx, Noon, 10)); len(got) != 0 {
		t.Errorf("still pending: %v", got)
	}
	if _, err := s.DeliveryPayload(ctx, "a"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("payload of a delivery that is done: error %v", err)
	}
	if Must[bool](t)(s.PutDelivery(ctx, Delivery("a"))) {
		t.Error("a delivery that was acted on came back")
	}
}

func (u suite) TestAPutOffDeliveryIsDueLater(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	Must[bool](t)(s.PutDelivery(ctx, Delivery("a")))
	if err := s.RetryDelivery(ctx, "a", Noon.Add(time.Minute), 1, "boom"); err != nil {
		t.Fatal(err)
	}
	if got := Must[[]run.Delivery](t)(s.PendingDeliveries(ctx, Noon, 10)); len(got) != 0 {
		t.Errorf("due too early: %v", got)
	}
	got := Must[[]run.Delivery](t)(s.PendingDeliveries(ctx, Noon.Add(time.Minute), 10))
	if len(got) != 1 || got[0].Attempts != 1 {
		t.Errorf("got %+v", got)
	}
}

func (u suite) TestDeliveriesOfABurstAreAllStored(t *testing.T) {
	s := u.fresh(t)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if added, err := s.PutDelivery(t.Context(), Delivery(fmt.Sprint(i%100))); err != nil {
				t.Error(added, err)
			}
		})
	}
	wg.Wait()
	if got := Must[[]run.Delivery](t)(s.PendingDeliveries(t.Context(), Noon, 1000)); len(got) != 100 {
		t.Errorf("%d deliveries, want 100", len(got))
	}
}

// Deduplicated is a delivery that must be acted on once.
func Deduplicated(guid, once string) run.Delivery {
	d := Delivery(guid)
	d.DedupKey = once
	return d
}

func (u suite) TestWhatComesUnderTwoGUIDsIsStoredOnce(t *testing.T) {
	s, ctx := u.fresh(t), t.Context()
	for i, tt := range []struct {
		d     run.Delivery
		added bool
	}{
		{Deduplicated("a", "comment/7/99"), true},
		{Deduplicated("b", "comment/7/99"), false},
		{Deduplicated("a", "comment/7/100"), false},
		{Deduplicated("c", "comment/7/100"), true},
		{Deduplicated("d", ""), true},
		{Deduplicated("e", ""), true},
	} {
		if got := Must[bool](t)(s.PutDelivery(ctx, tt.d)); got != tt.added {
			t.Errorf("%d: added %t, want %t", i, got, tt.added)
		}
	}
	if err := s.DoneDelivery(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if Must[bool](t)(s.PutDelivery(ctx, Deduplicated("f", "comment/7/99"))) {
		t.Error("what was acted on came back under another GUID")
	}
	for once, want := range map[string]bool{"comment/7/99": true, "comment/7/100": true, "comment/7/101": false, "": false} {
		if got := Must[bool](t)(s.KnownDelivery(ctx, once)); got != want {
			t.Errorf("%q known: %t, want %t", once, got, want)
		}
	}
}

func (u suite) TestOfManyAtOnceOneIsStored(t *testing.T) {
	s := u.fresh(t)
	var wg sync.WaitGroup
	var added atomic.Int64
	for i := range 100 {
		wg.Go(func() {
			if Must[bool](t)(s.PutDelivery(t.Context(), Deduplicated(fmt.Sprint(i), "comment/7/99"))) {
				added.Add(1)
			}
		})
	}
	wg.Wait()
	if got := added.Load(); got != 1 {
		t.Errorf("%d were stored", got)
	}
}
