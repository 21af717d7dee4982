package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// write is one small change on its way to the committer.
type write struct {
	do     func(context.Context, *sql.Tx) error
	answer chan error // has room for one
}

// together commits a change in one transaction with others that arrive at the
// same time: a burst then costs a few disk flushes instead of one each.
func (s *Store) together(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	w := write{do, make(chan error, 1)}
	select {
	case s.writes <- w:
	case <-s.stop:
		return sql.ErrConnDone
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-w.answer // it is being committed: leaving would leave the outcome unknown
}

// commit is the one goroutine that carries out what comes together.
func (s *Store) commit() {
	for {
		select {
		case <-s.stop:
			return
		case first := <-s.writes:
			s.commitBatch(s.gather(first))
		}
	}
}

// gather takes what is waiting, without waiting for more.
func (s *Store) gather(first write) []write {
	batch := []write{first}
	for len(batch) < 256 {
		select {
		case w := <-s.writes:
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// commitBatch does all or nothing; what fails fails for everybody in the batch,
// who all try again.
func (s *Store) commitBatch(batch []write) {
	ctx := context.Background() // callers may leave, the batch is everybody's
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for _, w := range batch {
			if err := w.do(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, w := range batch {
		w.answer <- err
	}
}

// PutDelivery implements run.Store.
func (s *Store) PutDelivery(ctx context.Context, d run.Delivery) (added bool, err error) {
	err = s.together(ctx, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO deliveries (guid, once, event, subject, payload, received_at, due_at,
			installation_id, repository_id, person) VALUES (?, nullif(?, ''), ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			d.GUID, d.DedupKey, d.Event, d.OrderingKey, d.Payload, millis(d.ReceivedAt), millis(d.ReceivedAt),
			d.Whose.InstallationID, d.Whose.RepositoryID, d.Whose.Person)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		added = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing delivery %s: %w", d.GUID, err)
	}
	return added, nil
}

// pendingDeliveries gives the first of each repository, however many another one
// has. What is left out of a repository came later than what is there, so that
// the order of one subject is kept.
const pendingDeliveries = `SELECT guid, event, subject, received_at, attempts, installation_id, repository_id, person FROM (
	SELECT rowid AS place, *, row_number() OVER (PARTITION BY installation_id, repository_id ORDER BY received_at, rowid) AS nth
	FROM (SELECT rowid, guid, event, subject, received_at, attempts, installation_id, repository_id, person
		FROM deliveries WHERE done = 0 AND due_at <= ?))
	WHERE nth <= ? ORDER BY received_at, place`

// PendingDeliveries implements run.Store.
func (s *Store) PendingDeliveries(ctx context.Context, now time.Time, limit int) ([]run.Delivery, error) {
	rows, err := s.read.QueryContext(ctx, pendingDeliveries, millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("listing deliveries: %w", err)
	}
	defer rows.Close()
	var out []run.Delivery
	for rows.Next() {
		var d run.Delivery
		var at int64
		if err := rows.Scan(&d.GUID, &d.Event, &d.OrderingKey, &at, &d.Attempts, &d.Whose.InstallationID, &d.Whose.RepositoryID, &d.Whose.Person); err != nil {
			return nil, fmt.Errorf("listing deliveries: %w", err)
		}
		d.ReceivedAt = time.UnixMilli(at).UTC()
		out = append(out, d)
	}
	return out, rows.Err()
}

// DeliveryPayload implements run.Store.
func (s *Store) DeliveryPayload(ctx context.Context, guid string) ([]byte, error) {
	var payload []byte
	err := s.read.QueryRowContext(ctx, `SELECT payload FROM deliveries WHERE guid = ? AND done = 0`, guid).Scan(&payload)
	if errors.Is(err, sql.ErrNoRows) {
		err = run.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading delivery %s: %w", guid, err)
	}
	return payload, nil
}

// DoneDelivery implements run.Store.
func (s *Store) DoneDelivery(ctx context.Context, guid string) error {
	err := s.together(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE deliveries SET done = 1, payload = NULL WHERE guid = ?`, guid)
		return err
	})
	if err != nil {
		return fmt.Errorf("finishing delivery %s: %w", guid, err)
	}
	return nil
}

// RetryDelivery implements run.Store.
func (s *Store) RetryDelivery(ctx context.Context, guid string, at time.Time, attempts int, cause string) error {
	_, err := s.write.ExecContext(ctx, `UPDATE deliveries SET attempts = ?, due_at = ?, cause = ?
		WHERE guid = ? AND done = 0`, attempts, millis(at), cause, guid)
	if err != nil {
		return fmt.Errorf("putting off delivery %s: %w", guid, err)
	}
	return nil
}
