package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// putDelivery is one PutDelivery call on its way to the committer.
type putDelivery struct {
	delivery run.Delivery
	answer   chan putAnswer // has room for one
}

type putAnswer struct {
	added bool
	err   error
}

// PutDelivery implements run.Store. Deliveries that arrive together share one
// transaction, so that a burst costs a few disk flushes instead of one each.
func (s *SQLite) PutDelivery(ctx context.Context, d run.Delivery) (bool, error) {
	put := putDelivery{d, make(chan putAnswer, 1)}
	select {
	case s.inbox <- put:
	case <-s.stop:
		return false, fmt.Errorf("keeping delivery %s: %w", d.GUID, sql.ErrConnDone)
	case <-ctx.Done():
		return false, ctx.Err()
	}
	a := <-put.answer // it is being committed: cancelling would leave the outcome unknown
	return a.added, a.err
}

// commitDeliveries is the one goroutine that inserts deliveries.
func (s *SQLite) commitDeliveries() {
	for {
		select {
		case <-s.stop:
			return
		case first := <-s.inbox:
			s.commitBatch(s.gather(first))
		}
	}
}

// gather takes what is waiting, without waiting for more.
func (s *SQLite) gather(first putDelivery) []putDelivery {
	batch := []putDelivery{first}
	for len(batch) < 256 {
		select {
		case p := <-s.inbox:
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

func (s *SQLite) commitBatch(batch []putDelivery) {
	ctx := context.Background() // callers may leave, the batch is everybody's
	added := make([]bool, len(batch))
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for i, p := range batch {
			d := p.delivery
			res, err := tx.ExecContext(ctx, `INSERT INTO deliveries (guid, event, payload, received_at, due_at)
				VALUES (?, ?, ?, ?, ?) ON CONFLICT (guid) DO NOTHING`,
				d.GUID, d.Event, d.Payload, millis(d.ReceivedAt), millis(d.ReceivedAt))
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			added[i] = n == 1
		}
		return nil
	})
	for i, p := range batch {
		if err != nil {
			p.answer <- putAnswer{err: fmt.Errorf("keeping delivery %s: %w", p.delivery.GUID, err)}
			continue
		}
		p.answer <- putAnswer{added: added[i]}
	}
}

// PendingDeliveries implements run.Store.
func (s *SQLite) PendingDeliveries(ctx context.Context, now time.Time, limit int) ([]run.Delivery, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT guid, event, payload, received_at, attempts FROM deliveries
		WHERE done = 0 AND due_at <= ? ORDER BY received_at, rowid LIMIT ?`, millis(now), limit)
	if err != nil {
		return nil, fmt.Errorf("listing deliveries: %w", err)
	}
	defer rows.Close()
	var out []run.Delivery
	for rows.Next() {
		var d run.Delivery
		var at int64
		if err := rows.Scan(&d.GUID, &d.Event, &d.Payload, &at, &d.Attempts); err != nil {
			return nil, fmt.Errorf("listing deliveries: %w", err)
		}
		d.ReceivedAt = time.UnixMilli(at).UTC()
		out = append(out, d)
	}
	return out, rows.Err()
}

// DoneDelivery implements run.Store.
func (s *SQLite) DoneDelivery(ctx context.Context, guid string) error {
	_, err := s.write.ExecContext(ctx, `UPDATE deliveries SET done = 1, payload = NULL WHERE guid = ?`, guid)
	if err != nil {
		return fmt.Errorf("finishing delivery %s: %w", guid, err)
	}
	return nil
}

// RetryDelivery implements run.Store.
func (s *SQLite) RetryDelivery(ctx context.Context, guid string, at time.Time, cause string) error {
	_, err := s.write.ExecContext(ctx, `UPDATE deliveries SET attempts = attempts + 1, due_at = ?, cause = ?
		WHERE guid = ? AND done = 0`, millis(at), cause, guid)
	if err != nil {
		return fmt.Errorf("putting off delivery %s: %w", guid, err)
	}
	return nil
}
