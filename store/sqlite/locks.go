package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"

	"github.com/lockkeeper/lockkeeper/run"
)

// UpdateRunAndLocks implements run.Store.
func (s *Store) UpdateRunAndLocks(ctx context.Context, id string, change func(*run.Run, *run.Locks) (run.Saved, error)) (run.Run, error) {
	var r run.Run
	err := s.updateLocks(ctx, func(tx *sql.Tx, l *run.Locks) (run.Saved, error) {
		before, err := s.lastRun(ctx, tx, id)
		if err != nil {
			return run.Saved{}, err
		}
		r = before
		r.Jobs = slices.Clone(r.Jobs) // a change in place is one, too
		saved, err := change(&r, l)
		if err != nil {
			return run.Saved{}, err
		}
		return saved, saveRun(ctx, tx, before, r)
	}, func() { s.hot.put(r) })
	if err != nil {
		s.hot.forget(id) // as updateLocks does
		return run.Run{}, fmt.Errorf("updating run %q and locks: %w", id, err)
	}
	return r, nil
}

// UpdateLocks implements run.Store.
func (s *Store) UpdateLocks(ctx context.Context, change func(*run.Locks) (run.Saved, error)) error {
	err := s.updateLocks(ctx, func(_ *sql.Tx, l *run.Locks) (run.Saved, error) { return change(l) }, func() {})
	if err != nil {
		return fmt.Errorf("updating locks: %w", err)
	}
	return nil
}

// updateLocks runs change in a transaction and saves what it altered of the
// locks and what it returns. After a commit it calls committed while nobody
// else updates.
func (s *Store) updateLocks(ctx context.Context, change func(*sql.Tx, *run.Locks) (run.Saved, error), committed func()) error {
	s.updating.Lock()
	defer s.updating.Unlock()
	var after run.Locks
	err := s.tx(ctx, func(tx *sql.Tx) error {
		before, err := s.lastLocks(ctx, tx)
		if err != nil {
			return err
		}
		after = before.Clone()
		saved, err := change(tx, &after)
		if err != nil {
			return err
		}
		if err := s.saveLocks(ctx, tx, before, &after); err != nil {
			return err
		}
		return s.save(ctx, tx, saved)
	})
	if err != nil {
		s.locks.forget() // a commit that went wrong may be on disk
		return err
	}
	s.locks.put(after)
	committed()
	return nil
}

// save stores what a change returned. Runs come first: a run that exists brings
// no notices of its own, but those of the change are wanted in any case.
func (s *Store) save(ctx context.Context, tx *sql.Tx, saved run.Saved) error {
	for _, r := range saved.Runs {
		if _, err := insertRun(ctx, tx, r); err != nil {
			return err
		}
	}
	return s.putNotices(ctx, tx, saved.Notices)
}

// Locks implements run.Store.
func (s *Store) Locks(ctx context.Context) (run.Locks, error) {
	if l, known := s.locks.get(); known {
		return l.Clone(), nil
	}
	// A change is on disk before it is remembered. Who reads the disk then
	// would see it before others who read the memory do.
	s.updating.Lock()
	defer s.updating.Unlock()
	if l, known := s.locks.get(); known {
		return l.Clone(), nil
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // all tables as of one moment
	if err != nil {
		return run.Locks{}, fmt.Errorf("reading locks: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	return loadLocks(ctx, tx) // not to be remembered: who only reads is not notified when others change something
}

// lastLocks are the locks as last committed.
func (s *Store) lastLocks(ctx context.Context, tx *sql.Tx) (run.Locks, error) {
	if l, known := s.locks.get(); known {
		return l, nil
	}
	return loadLocks(ctx, tx)
}

// hotLocks are all locks as last committed, so that a change reads no rows.
// The zero value knows nothing.
type hotLocks struct {
	mu    sync.RWMutex
	known bool      // guarded by mu
	locks run.Locks // guarded by mu; what it refers to is never altered
}

func (h *hotLocks) get() (l run.Locks, known bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.locks, h.known
}

func (h *hotLocks) put(l run.Locks) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.locks, h.known = l, true
}

func (h *hotLocks) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.locks, h.known = run.Locks{}, false
}
