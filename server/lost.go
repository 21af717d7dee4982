package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/run"
)

// Lost finds deliveries that GitHub could not hand over and asks for them
// again: GitHub does not do so by itself (docs.github.com, "Handling failed
// webhook deliveries"). A redelivery keeps its GUID, so one that was stored
// after all is not acted on twice.
type Lost struct {
	App      func() (*github.Client, error) // authenticated as the App
	Now      func() time.Time
	Interval time.Duration
	MinAge   time.Duration // left between attempts at one event; the first may be on its way
}

const (
	// lostWindow is how far back GitHub redelivers: three days by its
	// documentation.
	lostWindow = 3 * 24 * time.Hour
	// lostAttempts bounds how often one event is requested again.
	lostAttempts = 5
)

// Run looks at the start and then every interval, until ctx is done.
func (l *Lost) Run(ctx context.Context) error {
	return loop.NowAndEvery(ctx, l.Interval, "looking for lost deliveries", func(ctx context.Context) error {
		n, err := l.sweep(ctx)
		if n > 0 {
			zerolog.Ctx(ctx).Info().Int("deliveries", n).Msg("requested lost deliveries again")
		}
		return err
	})
}

func (l *Lost) sweep(ctx context.Context) (redelivered int, err error) {
	client, err := l.App()
	if err != nil {
		return 0, fmt.Errorf("getting the App's client: %w", err)
	}
	recent, err := l.recent(ctx, client)
	if err != nil {
		return 0, err
	}
	for _, id := range lost(recent, l.Now(), l.MinAge) {
		_, _, err := client.Apps.RedeliverHookDelivery(ctx, id)
		var accepted *github.AcceptedError // the normal answer, 202
		if err != nil && !errors.As(err, &accepted) {
			return redelivered, fmt.Errorf("asking for delivery %d again: %w", id, err)
		}
		redelivered++
	}
	return redelivered, nil
}

// recent lists the deliveries of the window, newest first.
func (l *Lost) recent(ctx context.Context, client *github.Client) ([]*github.HookDelivery, error) {
	var out []*github.HookDelivery
	opts := &github.ListCursorOptions{PerPage: 100}
	for {
		page, resp, err := client.Apps.ListHookDeliveries(ctx, opts)
		if err != nil {
			return nil, fmt.Errorf("listing deliveries: %w", err)
		}
		for _, d := range page {
			if l.Now().Sub(d.GetDeliveredAt().Time) > lostWindow {
				return out, nil
			}
			out = append(out, d)
		}
		if resp.Cursor == "" || len(page) == 0 {
			return out, nil
		}
		opts.Cursor = resp.Cursor
	}
}

// lost picks, of each event that no attempt delivered, the newest attempt,
// unless that was made less than pause ago. The list is newest first. The press
// of a button is no longer requested when it is old: nothing in it says when it
// was pressed, so that its handler could not know (T29).
func lost(deliveries []*github.HookDelivery, now time.Time, pause time.Duration) []int64 {
	type event struct {
		newest   *github.HookDelivery
		first    time.Time // when it was tried for the first time
		attempts int
		done     bool
	}
	events := map[string]*event{}
	var order []string
	for _, d := range deliveries {
		e := events[d.GetGUID()]
		if e == nil {
			e = &event{newest: d}
			events[d.GetGUID()] = e
			order = append(order, d.GetGUID())
		}
		e.attempts++
		e.first = d.GetDeliveredAt().Time
		e.done = e.done || d.GetStatusCode() >= 200 && d.GetStatusCode() < 300
	}
	var out []int64
	for i := len(order) - 1; i >= 0; i-- { // oldest first, as they happened
		e := events[order[i]]
		stale := e.newest.GetAction() == "requested_action" && now.Sub(e.first) > run.MaxCommandAge
		if !e.done && !stale && e.attempts <= lostAttempts && now.Sub(e.newest.GetDeliveredAt().Time) >= pause {
			out = append(out, e.newest.GetID())
		}
	}
	return out
}
