package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// PutPushes implements run.Store.
func (s *Store) PutPushes(ctx context.Context, pushes []run.Push) error {
	if len(pushes) == 0 {
		return nil
	}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for _, p := range pushes {
			_, err := tx.ExecContext(ctx, `INSERT INTO pushes (repository_id, sha, user_id, login, ref, new, confirmed, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET new = max(new, excluded.new), confirmed = max(confirmed, excluded.confirmed)`,
				p.RepositoryID, p.SHA, p.UserID, p.Login, p.Ref, p.New, p.Confirmed, millis(p.At))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing %d pushes: %w", len(pushes), err)
	}
	return nil
}

// Pushes implements run.Store.
func (s *Store) Pushes(ctx context.Context, repositoryID int64, shas []string) (out []run.Push, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("looking for who pushed %d commits: %w", len(shas), err)
		}
	}()
	list, err := json.Marshal(shas)
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT sha, user_id, login, ref, new, confirmed, at FROM pushes
		WHERE repository_id = ? AND sha IN (SELECT value FROM json_each(?)) ORDER BY sha, user_id, ref`, repositoryID, string(list))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		p, at := run.Push{RepositoryID: repositoryID}, int64(0)
		if err := rows.Scan(&p.SHA, &p.UserID, &p.Login, &p.Ref, &p.New, &p.Confirmed, &at); err != nil {
			return nil, err
		}
		p.At = time.UnixMilli(at).UTC()
		out = append(out, p)
	}
	return out, rows.Err()
}
