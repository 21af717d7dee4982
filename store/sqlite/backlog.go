package sqlite

import (
	"context"
	"fmt"
)

// Backlog counts what is not done yet.
type Backlog struct {
	Deliveries int // to act on
	Runs       int // not final
	Notices    int // to send
}

// Backlog counts what is not done yet, put off or not.
func (s *Store) Backlog(ctx context.Context) (b Backlog, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM deliveries WHERE done = 0),
		(SELECT count(*) FROM runs WHERE active = 1),
		(SELECT count(*) FROM notices WHERE sent = 0)`).Scan(&b.Deliveries, &b.Runs, &b.Notices)
	if err != nil {
		return Backlog{}, fmt.Errorf("counting the backlog: %w", err)
	}
	return b, nil
}
