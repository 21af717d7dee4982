package loop

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func TestLooksComeAtTheirIntervals(t *testing.T) {
	for name, c := range map[string]struct {
		loop func(context.Context, time.Duration, string, func(context.Context) error) error
		want []time.Duration
	}{
		"every":         {Every, []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}},
		"now and every": {NowAndEvery, []time.Duration{0, time.Minute, 2 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				logged := zerolog.New(&log)
				ctx, stop := context.WithCancel(logged.WithContext(t.Context()))
				began, looks := time.Now(), []time.Duration(nil)
				err := c.loop(ctx, time.Minute, "looking", func(context.Context) error {
					looks = append(looks, time.Since(began))
					time.Sleep(20 * time.Second) // a look takes nothing from the interval
					if len(looks) == 3 {
						stop()
					}
					return errors.New("no luck")
				})
				if err != nil {
					t.Error(err)
				}
				for i, want := range c.want {
					if looks[i] != want {
						t.Errorf("look %d was after %s, want %s", i, looks[i], want)
					}
				}
				if n := strings.Count(log.String(), `"error":"no luck","message":"looking"`); n != 2 { // the end is no failure
					t.Errorf("%d failures are logged, want 2: %s", n, &log)
				}
			})
		})
	}
}

func TestASignalIsNotLostAndHeldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSignal()
		s.Give()
		s.Give()
		var woken atomic.Int32
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-s:
					woken.Add(1)
				}
			}
		}()
		synctest.Wait()
		if n := woken.Load(); n != 1 {
			t.Errorf("woken %d times by what was given before, want once", n)
		}
		s.Give()
		synctest.Wait()
		if n := woken.Load(); n != 2 {
			t.Errorf("woken %d times, want twice", n)
		}
		stop()
	})
}

func TestBackoffGrowsUpToItsLongest(t *testing.T) {
	b := Backoff{First: 2 * time.Second, Longest: 5 * time.Minute}
	for failures, least := range map[int]time.Duration{
		-1: 2 * time.Second, 0: 2 * time.Second, 1: 4 * time.Second, 3: 16 * time.Second, 9: 5 * time.Minute, 1 << 40: 5 * time.Minute,
	} {
		if got := b.After(failures); got < least || got > least*5/4 {
			t.Errorf("after %d failures: %s, want %s or a quarter more", failures, got, least)
		}
	}
}
