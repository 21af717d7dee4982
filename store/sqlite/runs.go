package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// CreateRun is SubmitRun for a run that joins none.
func (s *Store) CreateRun(ctx context.Context, r run.Run, notices []run.Notice) (added bool, err error) {
	_, added, err = s.SubmitRun(ctx, r, notices, func(run.Run) bool { return false })
	return added, err
}

// SubmitRun implements run.Store.
func (s *Store) SubmitRun(ctx context.Context, r run.Run, notices []run.Notice, joins func(run.Run) bool) (stored run.Run, added bool, err error) {
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

// knownKey reports whether a run was requested before, also by joining another.
func knownKey(ctx context.Context, tx *sql.Tx, key string) (known bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM runs WHERE key = ?1) OR EXISTS (SELECT 1 FROM joined_runs WHERE key = ?1)`, key).Scan(&known)
	return known, err
}

// joined lets r join the oldest run of its pull request that takes it; nil when
// none does.
func (s *Store) joined(ctx context.Context, tx *sql.Tx, r run.Run, joins func(run.Run) bool) (*run.Run, error) {
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
		with := other.WithAsker(r)
		if err := saveRun(ctx, tx, other, with); err != nil {
			return nil, err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO joined_runs (key, run_id) VALUES (?, ?)`, r.Key, with.ID)
		return &with, err
	}
	return nil, nil
}

func activeOfPull(ctx context.Context, tx *sql.Tx, r run.Run) ([]run.Run, error) {
	return list(ctx, tx, oneRun, `SELECT `+runColumns+` FROM runs WHERE active = 1 AND repository_id = ? AND pull_request = ? ORDER BY id`,
		r.Repository.ID, r.PullRequest)
}

// UpdateRun implements run.Store.
func (s *Store) UpdateRun(ctx context.Context, id string, change func(*run.Run) ([]run.Notice, error)) (run.Run, error) {
	s.updating.Lock() // from the commit to the memory of it, nobody else updates
	defer s.updating.Unlock()
	var r run.Run
	err := s.tx(ctx, func(tx *sql.Tx) (err error) {
		before, err := s.lastRun(ctx, tx, id)
		if err != nil {
			return err
		}
		r = before
		r.Jobs = slices.Clone(r.Jobs) // a change in place is one, too
		notices, err := change(&r)
		if err != nil {
			return err
		}
		if err := saveRun(ctx, tx, before, r); err != nil {
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

// lastRun is a run as last committed.
func (s *Store) lastRun(ctx context.Context, tx *sql.Tx, id string) (run.Run, error) {
	if r, hot := s.hot.get(id); hot {
		return r, nil
	}
	return oneRun(tx.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = ?`, id))
}

// Run implements run.Store.
func (s *Store) Run(ctx context.Context, id string) (run.Run, error) {
	if r, hot := s.hot.get(id); hot {
		return r, nil
	}
	r, err := oneRun(s.read.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = ?`, id))
	if err != nil {
		return run.Run{}, fmt.Errorf("reading run %q: %w", id, err)
	}
	return r, nil
}

// ActiveRuns implements run.Store.
func (s *Store) ActiveRuns(ctx context.Context) ([]run.Run, error) {
	return s.runs(ctx, `SELECT `+runColumns+` FROM runs WHERE active = 1 ORDER BY id`)
}

// PullRuns implements run.Store.
func (s *Store) PullRuns(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error) {
	return s.runs(ctx, `SELECT `+runColumns+` FROM runs WHERE repository_id = ? AND pull_request = ?
		ORDER BY id DESC LIMIT ?`, repositoryID, pullRequest, limit)
}

// PullApplies implements run.Store.
func (s *Store) PullApplies(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error) {
	return s.runs(ctx, `SELECT `+runColumns+` FROM (SELECT id, active, document FROM runs WHERE repository_id = ? AND pull_request = ?
		ORDER BY id DESC LIMIT ?) AS runs WHERE active = 0 AND json_extract(document, '$.kind') = ? ORDER BY id DESC`,
		repositoryID, pullRequest, limit, string(run.KindApply))
}

// RefusedRuns lists the newest run of each pull request of a repository, where it was
// refused with a problem of this code.
func (s *Store) RefusedRuns(ctx context.Context, repositoryID int64, code string) ([]run.Run, error) {
	return s.runs(ctx, `SELECT `+runColumns+` FROM runs WHERE id IN (SELECT max(id) FROM runs WHERE repository_id = ? GROUP BY pull_request)
		AND document ->> '$.state' = ? AND document ->> '$.problem.code' = ? ORDER BY id`, repositoryID, run.StateRefused, code)
}

func (s *Store) runs(ctx context.Context, query string, args ...any) ([]run.Run, error) {
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

// runColumns are what oneRun reads: the document of a run and those of its
// jobs, in their order.
const runColumns = `runs.document, (SELECT group_concat(document, ',' ORDER BY place) FROM jobs WHERE run_id = runs.id)`

func oneRun(row scanner) (r run.Run, err error) {
	var document, jobs sql.NullString
	if err := row.Scan(&document, &jobs); errors.Is(err, sql.ErrNoRows) {
		return r, run.ErrNotFound
	} else if err != nil {
		return r, err
	}
	if jobs.Valid { // a document is an object that has an id
		document.String = strings.TrimSuffix(document.String, "}") + `,"jobs":[` + jobs.String + `]}`
	}
	return r, json.Unmarshal([]byte(document.String), &r)
}

func insertRun(ctx context.Context, tx *sql.Tx, r run.Run) (added bool, err error) {
	document, err := withoutJobs(r)
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO runs (id, key, repository_id, pull_request, active, created_at, document)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
		r.ID, r.Key, r.Repository.ID, r.PullRequest, !r.State.Final(), millis(r.CreatedAt), document)
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); n != 1 || err != nil {
		return false, err
	}
	return true, saveJobs(ctx, tx, r.ID, nil, r.Jobs)
}

// saveRun saves what a change made of a run.
func saveRun(ctx context.Context, tx *sql.Tx, before, after run.Run) error {
	document, err := withoutJobs(after)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE runs SET active = ?, document = ? WHERE id = ?`, !after.State.Final(), document, after.ID); err != nil {
		return err
	}
	return saveJobs(ctx, tx, after.ID, before.Jobs, after.Jobs)
}

func withoutJobs(r run.Run) (document string, err error) {
	r.Jobs = nil
	content, err := json.Marshal(r)
	return string(content), err
}

// saveJobs writes the jobs that differ.
func saveJobs(ctx context.Context, tx *sql.Tx, id string, before, after []run.Job) error {
	for i, job := range after {
		if i < len(before) && reflect.DeepEqual(before[i], job) {
			continue
		}
		document, err := json.Marshal(job)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO jobs (run_id, place, document) VALUES (?, ?, ?)
			ON CONFLICT (run_id, place) DO UPDATE SET document = excluded.document`, id, i, string(document))
		if err != nil {
			return err
		}
	}
	if len(after) >= len(before) {
		return nil
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE run_id = ? AND place >= ?`, id, len(after))
	return err
}
