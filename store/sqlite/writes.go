package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// CountWrites adds to how often something is written to GitHub for a repository
// in a minute.
func (s *Store) CountWrites(ctx context.Context, r run.Repository, minute time.Time, n int) error {
	err := s.together(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO writes (installation_id, repository_id, minute, n) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET n = n + excluded.n`, r.InstallationID, r.ID, minute.Unix()/60, n)
		return err
	})
	if err != nil {
		return fmt.Errorf("counting writes for %s: %w", r.FullName(), err)
	}
	return nil
}

// Writes lists what was counted from a moment on, the oldest first.
func (s *Store) Writes(ctx context.Context, since time.Time) (out []run.Writes, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT installation_id, repository_id, minute, n FROM writes WHERE minute >= ? ORDER BY minute`, since.Unix()/60)
	if err != nil {
		return nil, fmt.Errorf("listing writes: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var w run.Writes
		var minute int64
		if err := rows.Scan(&w.InstallationID, &w.RepositoryID, &minute, &w.N); err != nil {
			return nil, fmt.Errorf("listing writes: %w", err)
		}
		w.Minute = time.Unix(minute*60, 0).UTC()
		out = append(out, w)
	}
	return out, rows.Err()
}
