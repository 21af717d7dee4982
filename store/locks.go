package store

import (
	"context"
	"errors"

	"github.com/lockkeeper/lockkeeper/run"
)

var errLocks = errors.New("locks are not kept yet")

// UpdateRunAndLocks implements run.Store.
func (s *SQLite) UpdateRunAndLocks(context.Context, string, func(*run.Run, *run.Locks) (run.Saved, error)) (run.Run, error) {
	return run.Run{}, errLocks
}

// UpdateLocks implements run.Store.
func (s *SQLite) UpdateLocks(context.Context, func(*run.Locks) (run.Saved, error)) error {
	return errLocks
}

// Locks implements run.Store.
func (s *SQLite) Locks(context.Context) (run.Locks, error) { return run.Locks{}, errLocks }
