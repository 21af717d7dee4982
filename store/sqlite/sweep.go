package sqlite

import (
	"context"
	"fmt"
	"time"
)

// Sweep forgets what nobody needs any more: deliveries and notices that are
// done, runs that are final, and who pushed what, all older than before. GitHub
// can be asked about an older push. What was posted stays:
// it is a few bytes, and an old pull request may be planned again. So do locks,
// for their fences, and used plans. Redeliveries come within days (GitHub offers
// them for three), so keep at least a week.
func (s *Store) Sweep(ctx context.Context, before time.Time) error {
	for _, q := range []string{
		`DELETE FROM deliveries WHERE done = 1 AND received_at < ?1`,
		`DELETE FROM notices WHERE sent = 1 AND created_at < ?1`,
		`DELETE FROM runs WHERE active = 0 AND created_at < ?1`,
		`DELETE FROM pushes WHERE at < ?1`,
		`DELETE FROM joined_runs WHERE ?1 = ?1 AND run_id NOT IN (SELECT id FROM runs)`,
		`DELETE FROM writes WHERE minute < ?1 / 60000`,
	} {
		if _, err := s.write.ExecContext(ctx, q, millis(before)); err != nil {
			return fmt.Errorf("sweeping the store: %w", err)
		}
	}
	return nil
}
