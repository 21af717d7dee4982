package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// KnownDelivery reports whether a delivery with this DedupKey was ever stored, as
// far as Sweep has left it.
func (s *Store) KnownDelivery(ctx context.Context, key string) (known bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE once = ?)`, key).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("looking for delivery %q: %w", key, err)
	}
	return known, nil
}

// DedupSince is when this database began to store DedupKeys: of anything older,
// KnownDelivery cannot say that it was not acted on.
func (s *Store) DedupSince(ctx context.Context) (time.Time, error) {
	var at int64
	if err := s.read.QueryRowContext(ctx, `SELECT at FROM once_since`).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("reading since when deliveries are known: %w", err)
	}
	return time.UnixMilli(at).UTC(), nil
}

// Repositories lists the repositories of all stored runs, each as its
// newest run names it, the most recently active first, at most limit.
func (s *Store) Repositories(ctx context.Context, limit int) ([]run.Repository, error) {
	newest, err := s.runs(ctx, `SELECT `+runColumns+` FROM runs WHERE id IN (SELECT max(id) FROM runs GROUP BY repository_id)
		ORDER BY id DESC LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("listing repositories: %w", err)
	}
	var out []run.Repository
	for _, r := range newest {
		out = append(out, r.Repository)
	}
	return out, nil
}
