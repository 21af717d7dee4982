package app

import (
	"context"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
)

// WaitsForRoom is why no job begins while the disk is short of room.
const WaitsForRoom = "The disk of the server is short of room: jobs begin when there is more. Your Lockkeeper administrator finds in docs/operations.md what can be removed."

// waits says why no job begins, for people.
func (w wiring) waits() string {
	if w.local() != nil && w.reserve.Short() {
		return WaitsForRoom
	}
	return ""
}

// shorter is an engine whose jobs write to the disk of the server.
type shorter interface {
	Short(ctx context.Context, short bool)
}

func (w wiring) local() shorter {
	s, _ := w.engine.(shorter)
	return s
}

// watchDisk keeps the reserve, and has the engine end jobs when it is reached.
func (w wiring) watchDisk(ctx context.Context) error {
	return w.reserve.Run(ctx, func(short bool) {
		if s := w.local(); s != nil {
			s.Short(ctx, short)
		}
	})
}

// status answers /status.
func (w wiring) status(ctx context.Context) func(run.Subject, []run.Run, run.Locks, time.Time) string {
	answer := status(ctx, w.engine)
	return func(h run.Subject, runs []run.Run, locks run.Locks, now time.Time) string {
		text := answer(h, runs, locks, now)
		if why := w.waits(); why != "" {
			text += "\n" + why + "\n"
		}
		return text
	}
}

// patient is a store that waits a moment for room to store a delivery: GitHub
// does not send it again by itself, and a job that filled the disk is being
// ended.
type patient struct{ *sqlite.Store }

// roomWithin is less than the 10 seconds that GitHub waits for an answer.
const roomWithin = 7 * time.Second

// PutDelivery stores a delivery as soon as there is room for it.
func (p patient) PutDelivery(ctx context.Context, d run.Delivery) (added bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, roomWithin)
	defer cancel()
	for {
		if added, err = p.Store.PutDelivery(ctx, d); !sqlite.Full(err) {
			return added, err
		}
		select {
		case <-ctx.Done():
			return added, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}
