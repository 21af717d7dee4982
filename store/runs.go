package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockkeeper/lockkeeper/run"
)

// CreateRun is SubmitRun for a run that joins none.
func (s *SQLite) CreateRun(ctx context.Context, r run.Run, notices []run.Notice) (added bool, err error) {
	_, added, err = s.SubmitRun(ctx, r, notices, func(run.Run) bool { return false })
	return added, err
}

// SubmitRun implements run.Store.
func (s *SQLite) SubmitRun(ctx context.Context, r run.Run, notices []run.Notice, joins func(run.Run) bool) (kept run.Run, added bool, err error) {
	s.updating.Lock() // it may update a run; see UpdateRun
	defer s.updating.Unlock()
	var into *run.Run
	err = s.tx(ctx, func(tx *sql.Tx) error {
		added, into = false, nil
		known, err := knownKey(ctx, tx, r.Key)
		if err != nil || known {
			return err
		}
		if into, err = s.joined(ctx, tx, r, joins); err != nil {
			return err
		}
		if into != nil {
			added = true
		} else if added, err = insertRun(ctx, tx, r); err != nil || !added {
			return err
		}
		return s.putNotices(ctx, tx, notices)
	})
	switch {
	case err != nil && into != nil:
		s.hot.forget(into.ID) // a commit that went wrong may be on disk
		fallthrough
	case err != nil:
		return run.Run{}, false, fmt.Errorf("creating run %s: %w", r.ID, err)
	case into != nil:
		s.hot.put(*into)
		return *into, true, nil
	}
	return r, added, nil
}

// knownKey reports whether a run was asked for before, also by joining another.
func knownKey(ctx context.Context, tx *sql.Tx, key string) (known bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM runs WHERE key = ?1) OR EXISTS (SELECT 1 FROM joined_runs WHERE key = ?1)`, key).Scan(&known)
	return known, err
}

// joined lets r join the oldest run of its pull request that takes it; nil when
// none does.
func (s *SQLite) joined(ctx context.Context, tx *sql.Tx, r run.Run, joins func(run.Run) bool) (*run.Run, error) {
	if !r.CanJoin() {
		return nil, nil
	}
	active, err := activeOfPull(ctx, tx, r)
	if err != nil {
		return nil, err
	}
	for _, other := range active {
		if !joins(other) {
			continue
		}
		other = other.WithAsker(r)
		if err := saveRun(ctx, tx, other); err != nil {
			return nil, err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO joined_runs (key, run_id) VALUES (?, ?)`, r.Key, other.ID)
		return &other, err
	}
	return nil, nil
}

func activeOfPull(ctx context.Context, tx *sql.Tx, r run.Run) ([]run.Run, error) {
	return list(ctx, tx, oneRun, `SELECT document FROM runs WHERE active = 1 AND repository_id = ? AND pull_request = ? ORDER BY id`,
		r.Repository.ID, r.PullRequest)
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

// PullApplies implements run.Store.
func (s *SQLite) PullApplies(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error) {
	return s.runs(ctx, `SELECT document FROM (SELECT id, active, document FROM runs WHERE repository_id = ? AND pull_request = ?
		ORDER BY id DESC LIMIT ?) WHERE active = 0 AND json_extract(document, '$.kind') = ? ORDER BY id DESC`,
		repositoryID, pullRequest, limit, string(run.KindApply))
}

// RefusedRuns lists the newest run of each pull request of a repository, where it was
// refused with a problem of this code.
func (s *SQLite) RefusedRuns(ctx context.Context, repositoryID int64, code string) ([]run.Run, error) {
	return s.runs(ctx, `SELECT document FROM runs WHERE id IN (SELECT max(id) FROM runs WHERE repository_id = ? GROUP BY pull_request)
		AND document ->> '$.state' = ? AND document ->> '$.problem.code' = ? ORDER BY id`, repositoryID, run.StateRefused, code)
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
