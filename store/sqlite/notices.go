package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// PutNotices implements run.Store.
func (s *Store) PutNotices(ctx context.Context, notices []run.Notice) error {
	err := s.tx(ctx, func(tx *sql.Tx) error { return s.putNotices(ctx, tx, notices) })
	if err != nil {
		return fmt.Errorf("storing notices: %w", err)
	}
	return nil
}

// putNotices adds notices. One that is there already is due again when it is
// rebuilt from the store (comment, check) and stays as it is when it says
// something once (reply, reaction).
func (s *Store) putNotices(ctx context.Context, tx *sql.Tx, notices []run.Notice) error {
	for _, n := range notices {
		document, err := json.Marshal(n)
		if err != nil {
			return err
		}
		conflict := `DO NOTHING`
		if n.Kind == run.NoticeComment || n.Kind == run.NoticeCheck {
			conflict = `DO UPDATE SET version = version + 1, sent = 0, attempts = 0, due_at = 0, document = excluded.document`
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO notices (kind, key, created_at, document, installation_id, repository_id)
			VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, key) `+conflict,
			n.Kind, n.Key, millis(s.Now()), string(document), n.Repository.InstallationID, n.Repository.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// DueNotices implements run.Store. Many reactions must not hide a result.
func (s *Store) DueNotices(ctx context.Context, now time.Time, limit int) ([]run.Notice, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, kind, key, version, attempts, document FROM notices WHERE id IN (
		SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY installation_id, repository_id ORDER BY kind = 'reaction', id) AS nth
			FROM notices WHERE sent = 0 AND due_at <= ?) WHERE nth <= ?) ORDER BY id`, millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("listing notices: %w", err)
	}
	defer rows.Close()
	var out []run.Notice
	for rows.Next() {
		var n run.Notice
		var document string
		if err := rows.Scan(&n.ID, &n.Kind, &n.Key, &n.Version, &n.Attempts, &document); err != nil {
			return nil, fmt.Errorf("listing notices: %w", err)
		}
		if err := json.Unmarshal([]byte(document), &n); err != nil {
			return nil, fmt.Errorf("reading notice %s/%s: %w", n.Kind, n.Key, err)
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// SentNotice implements run.Store.
func (s *Store) SentNotice(ctx context.Context, n run.Notice) error {
	err := s.together(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE notices SET sent = 1 WHERE id = ? AND version = ?`, n.ID, n.Version)
		return err
	})
	if err != nil {
		return fmt.Errorf("finishing notice %s/%s: %w", n.Kind, n.Key, err)
	}
	return nil
}

// RetryNotice implements run.Store.
func (s *Store) RetryNotice(ctx context.Context, n run.Notice, at time.Time, cause string) error {
	_, err := s.write.ExecContext(ctx, `UPDATE notices SET attempts = attempts + 1, due_at = ?, cause = ?
		WHERE id = ? AND sent = 0`, millis(at), cause, n.ID)
	if err != nil {
		return fmt.Errorf("putting off notice %s/%s: %w", n.Kind, n.Key, err)
	}
	return nil
}

// Posted implements run.Store.
func (s *Store) Posted(ctx context.Context, name string) (run.Posted, error) {
	p := run.Posted{Name: name}
	err := s.read.QueryRowContext(ctx, `SELECT id, digest, buttons FROM posted WHERE name = ?`, name).Scan(&p.ID, &p.Digest, &p.Buttons)
	if errors.Is(err, sql.ErrNoRows) {
		err = run.ErrNotFound
	}
	if err != nil {
		return run.Posted{}, fmt.Errorf("reading what was posted as %q: %w", name, err)
	}
	return p, nil
}

// PutPosted implements run.Store.
func (s *Store) PutPosted(ctx context.Context, p run.Posted) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO posted (name, id, digest, buttons) VALUES (?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET id = excluded.id, digest = excluded.digest, buttons = excluded.buttons`, p.Name, p.ID, p.Digest, p.Buttons)
	if err != nil {
		return fmt.Errorf("storing what was posted as %q: %w", p.Name, err)
	}
	return nil
}
