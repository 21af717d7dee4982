package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockkeeper/lockkeeper/run"
)

// CreateRun implements run.Store.
func (s *SQLite) CreateRun(ctx context.Context, r run.Run, notices []run.Notice) (added bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		added, err = insertRun(ctx, tx, r)
		if err != nil || !added {
			return err
		}
		return s.putNotices(ctx, tx, notices)
	})
	if err != nil {
		return false, fmt.Errorf("creating run %s: %w", r.ID, err)
	}
	return added, nil
}

// UpdateRun implements run.Store.
func (s *SQLite) UpdateRun(ctx context.Context, id string, change func(*run.Run) ([]run.Notice, error)) (run.Run, error) {
	s.updating.Lock() // from the commit to the memory of it, nobody else updates
	defer s.updating.Unlock()
	var r run.Run
	err := s.tx(ctx, func(tx *sql.Tx) (err error) {
		var hot bool
		if r, hot = s.hot.get(id); !hot {
			if r, err = oneRun(tx.QueryRowContext(ctx, `SELECT document FROM runs WHERE id = ?`, id)); err != nil {
				return err
			}
		}
		notices, err := change(&r)
		if err != nil {
			return err
		}
		if err := saveRun(ctx, tx, r); err != nil {
			return err
		}
		return s.putNotices(ctx, tx, notices)
	})
	if err != nil {
		s.hot.forget(id) // a commit that went wrong may be on disk
		return run.Run{}, fmt.Errorf("updating run %q: %w", id, err)
	}
	s.hot.put(r)
	return r, nil
}

// Run implements run.Store.
func (s *SQLite) Run(ctx context.Context, id string) (run.Run, error) {
	if r, hot := s.hot.get(id); hot {
		return r, nil
	}
	r, err := oneRun(s.read.QueryRowContext(ctx, `SELECT document FROM runs WHERE id = ?`, id))
	if err != nil {
		return run.Run{}, fmt.Errorf("reading run %q: %w", id, err)
	}
	return r, nil
}

// ActiveRuns implements run.Store.
func (s *SQLite) ActiveRuns(ctx context.Context) ([]run.Run, error) {
	return s.runs(ctx, `SELECT document FROM runs WHERE active = 1 ORDER BY id`)
}

// PullRuns implements run.Store.
func (s *SQLite) PullRuns(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error) {
	return s.runs(ctx, `SELECT document FROM runs WHERE repository_id = ? AND pull_request = ?
		ORDER BY id DESC LIMIT ?`, repositoryID, pullRequest, limit)
}

func (s *SQLite) runs(ctx context.Context, query string, args ...any) ([]run.Run, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	defer rows.Close()
	var out []run.Run
	for rows.Next() {
		r, err := oneRun(rows)
		if err != nil {
			return nil, fmt.Errorf("listing runs: %w", err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

type scanner interface{ Scan(...any) error }

func oneRun(row scanner) (r run.Run, err error) {
	var document string
	if err := row.Scan(&document); errors.Is(err, sql.ErrNoRows) {
		return r, run.ErrNotFound
	} else if err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(document), &r)
}

func insertRun(ctx context.Context, tx *sql.Tx, r run.Run) (added bool, err error) {
	document, err := json.Marshal(r)
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO runs (id, key, repository_id, pull_request, active, created_at, document)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
		r.ID, r.Key, r.Repository.ID, r.PullRequest, !r.State.Final(), millis(r.CreatedAt), string(document))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func saveRun(ctx context.Context, tx *sql.Tx, r run.Run) error {
	document, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE runs SET active = ?, document = ? WHERE id = ?`, !r.State.Final(), string(document), r.ID)
	return err
}
