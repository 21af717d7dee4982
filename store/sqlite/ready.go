package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// How long the end of a write is the answer to whether the store can be written:
// within these times nothing is written to find out, however often that is read.
const (
	readyFor    = 10 * time.Second
	notReadyFor = time.Second
)

// sizeOfDelivery is about that of a webhook, in bytes. Where one could not be
// stored, so much has to fit before the store is ready again.
const sizeOfDelivery = 64 << 10

// readiness is how the last write ended that says something about the disk.
type readiness struct {
	mu    sync.Mutex
	at    time.Time // guarded by mu
	err   error     // guarded by mu
	probe *probe    // guarded by mu; nil when none is under way
}

// probe is one write that is made to find out.
type probe struct {
	done chan struct{} // closed at its end
	err  error         // set before that
}

// Ready reports why nothing can be stored: a disk that is full, read-only,
// damaged, or does not answer before ctx is done. A store that was written to
// lately knows; else one row is written.
func (s *Store) Ready(ctx context.Context) error {
	select {
	case <-s.stop:
		return sql.ErrConnDone
	default:
	}
	probe, err := s.ready.last(s.Now(), s.try)
	if probe == nil {
		return err
	}
	select {
	case <-probe.done:
		return probe.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for a write to the store: %w", ctx.Err())
	}
}

// last is the answer that is known, or the one probe that finds it.
func (r *readiness) last(now time.Time, try func(size int) error) (*probe, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lasts, size := readyFor, 0
	if r.err != nil {
		lasts, size = notReadyFor, sizeOfDelivery
	}
	if since := now.Sub(r.at); since >= 0 && since < lasts { // a clock that was set back says nothing
		return nil, r.err
	}
	if r.probe == nil {
		p := &probe{done: make(chan struct{})}
		r.probe = p
		go func() {
			p.err = try(size)
			r.mu.Lock()
			r.probe = nil
			r.mu.Unlock()
			close(p.done)
		}()
	}
	return r.probe, nil
}

// try writes a row with a filler of that many bytes.
func (s *Store) try(size int) error {
	ctx := context.Background() // one write, for everybody who asks
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE probe SET at = ?, filler = zeroblob(?)`, millis(s.Now()), size)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing to the store: %w", err)
	}
	return nil
}

// note remembers how a write ended, when that is because of the disk.
func (r *readiness) note(now time.Time, err error) {
	if err != nil && !ofTheDisk(err) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.err = now, err
}

// ofTheDisk reports an error that the next write will have, too, whatever it is.
func ofTheDisk(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}
