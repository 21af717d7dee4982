package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// saveLocks writes the rows in which after differs from before, and leaves
// after as it would be read again.
func (s *Store) saveLocks(ctx context.Context, tx *sql.Tx, before run.Locks, after *run.Locks) error {
	if err := saveLockRows(ctx, tx, before.Locks, after.Locks); err != nil {
		return err
	}
	if err := saveWaiters(ctx, tx, before.Waiters, after.Waiters); err != nil {
		return err
	}
	if after.LastWaiter != before.LastWaiter {
		if _, err := tx.ExecContext(ctx, `UPDATE lock_line SET last_waiter = ?`, after.LastWaiter); err != nil {
			return err
		}
	}
	if err := saveClosed(ctx, tx, before.Closed, after.Closed); err != nil {
		return err
	}
	if err := saveLeft(ctx, tx, before.Left, after.Left); err != nil {
		return err
	}
	if err := saveDone(ctx, tx, before.Done, after.Done); err != nil {
		return err
	}
	consumed := after.Consumed
	after.Consumed = nil
	return s.consume(ctx, tx, consumed)
}

func saveLockRows(ctx context.Context, tx *sql.Tx, before, after []run.Lock) error {
	changed, err := changedLocks(before, after)
	if err != nil || len(changed) == 0 {
		return err
	}
	put, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO locks (key, fence, repository_id, pull_request, owner, name, installation_id,
		project, taken_at, used_at, warned_at, busy, closing, dirty, applied, astray, merged, idle, plan, place, last_repository_id,
		last_pull_request, last_owner, last_name, last_installation_id, last_at, last_merged, settled_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer put.Close()
	for _, l := range changed {
		l.TakenAt, l.UsedAt, l.WarnedAt = stored(l.TakenAt), stored(l.UsedAt), stored(l.WarnedAt)
		l.Last.At, l.Settled = stored(l.Last.At), stored(l.Settled)
		h, by := l.Holder, l.Last.By
		_, err := put.ExecContext(ctx, l.Key, l.Fence, h.Repository.ID, h.PullRequest, h.Repository.Owner, h.Repository.Name, h.Repository.InstallationID,
			l.Project, moment(l.TakenAt), moment(l.UsedAt), moment(l.WarnedAt), l.Busy, l.Closing, l.Dirty, l.Applied, l.Astray,
			l.Merged, l.Idle, l.Plan, l.Place, by.Repository.ID, by.PullRequest, by.Repository.Owner, by.Repository.Name, by.Repository.InstallationID,
			moment(l.Last.At), l.Last.Merged, moment(l.Settled))
		if err != nil {
			return fmt.Errorf("lock %q: %w", l.Key, err)
		}
	}
	return nil
}

// changedLocks returns the locks of after that differ. Both are in the order of
// the keys, and after has each key of before.
func changedLocks(before, after []run.Lock) ([]*run.Lock, error) {
	var changed []*run.Lock
	for i := range after {
		l := &after[i]
		if len(before) == 0 || before[0].Key != l.Key {
			changed = append(changed, l)
			continue
		}
		if l.Fence < before[0].Fence {
			return nil, fmt.Errorf("lock %q: its fence would go back from %d to %d", l.Key, before[0].Fence, l.Fence)
		}
		if *l != before[0] {
			changed = append(changed, l)
		}
		before = before[1:]
	}
	if len(before) > 0 {
		return nil, fmt.Errorf("lock %q and its fence would be lost", before[0].Key)
	}
	return changed, nil
}

func saveWaiters(ctx context.Context, tx *sql.Tx, before, after []run.Waiter) error {
	for _, w := range before {
		if slices.ContainsFunc(after, func(o run.Waiter) bool { return o.ID == w.ID }) {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM lock_waiters WHERE id = ?`, w.ID); err != nil {
			return err
		}
	}
	for i := range after {
		w := &after[i]
		if slices.ContainsFunc(before, func(o run.Waiter) bool { return sameWaiter(o, *w) }) {
			continue
		}
		w.Since = stored(w.Since)
		projects, err := json.Marshal(w.Projects)
		if err != nil {
			return err
		}
		h := w.Holder
		_, err = tx.ExecContext(ctx, `INSERT INTO lock_waiters (id, repository_id, pull_request, owner, name, installation_id, since, projects, idle)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET repository_id = excluded.repository_id,
			pull_request = excluded.pull_request, owner = excluded.owner, name = excluded.name,
			installation_id = excluded.installation_id, since = excluded.since, projects = excluded.projects,
			idle = excluded.idle`,
			w.ID, h.Repository.ID, h.PullRequest, h.Repository.Owner, h.Repository.Name, h.Repository.InstallationID,
			millis(w.Since), string(projects), w.Idle)
		if err != nil {
			return fmt.Errorf("place %d in the line for locks: %w", w.ID, err)
		}
	}
	return nil
}

func sameWaiter(a, b run.Waiter) bool {
	return a.ID == b.ID && a.Holder == b.Holder && a.Idle == b.Idle && a.Since.Equal(b.Since) && slices.EqualFunc(a.Projects, b.Projects,
		func(a, b run.Claimed) bool { return a.Project == b.Project && slices.Equal(a.Keys, b.Keys) })
}

func saveClosed(ctx context.Context, tx *sql.Tx, before, after []run.Closed) error {
	for _, c := range before {
		if slices.ContainsFunc(after, func(o run.Closed) bool { return o.Holder.Is(c.Holder) }) {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM closed_pulls WHERE repository_id = ? AND pull_request = ?`,
			c.Holder.Repository.ID, c.Holder.PullRequest); err != nil {
			return err
		}
	}
	for i := range after {
		c := &after[i]
		if slices.Contains(before, *c) {
			continue
		}
		c.At = stored(c.At)
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO closed_pulls (repository_id, pull_request, closed_at) VALUES (?, ?, ?)`,
			c.Holder.Repository.ID, c.Holder.PullRequest, millis(c.At)); err != nil {
			return err
		}
	}
	return nil
}

// consume notes that plans were given to applies. The same again is no error.
func (s *Store) consume(ctx context.Context, tx *sql.Tx, consumed []run.Consumed) error {
	for _, c := range consumed {
		var apply string
		err := tx.QueryRowContext(ctx, `INSERT INTO consumed_plans (plan_job, apply_job, consumed_at) VALUES (?, ?, ?)
			ON CONFLICT (plan_job) DO UPDATE SET apply_job = apply_job RETURNING apply_job`, c.PlanJob, c.ApplyJob, millis(s.Now())).Scan(&apply)
		if err != nil {
			return fmt.Errorf("giving plan %s to an apply: %w", c.PlanJob, err)
		}
		if apply != c.ApplyJob {
			return fmt.Errorf("plan %s, apply %s: %w", c.PlanJob, apply, run.ErrConsumed)
		}
	}
	return nil
}

func loadLocks(ctx context.Context, tx *sql.Tx) (l run.Locks, err error) {
	defer func() {
		if err != nil {
			l, err = run.Locks{}, fmt.Errorf("reading locks: %w", err)
		}
	}()
	if err = tx.QueryRowContext(ctx, `SELECT last_waiter FROM lock_line`).Scan(&l.LastWaiter); err != nil {
		return l, err
	}
	if l.Locks, err = list(ctx, tx, oneLock, `SELECT key, fence, repository_id, pull_request, owner, name, installation_id,
		project, taken_at, used_at, warned_at, busy, closing, dirty, applied, astray, merged, idle, plan, place, last_repository_id,
		last_pull_request, last_owner, last_name, last_installation_id, last_at, last_merged, settled_at FROM locks ORDER BY key`); err != nil {
		return l, err
	}
	if l.Waiters, err = list(ctx, tx, oneWaiter, `SELECT id, repository_id, pull_request, owner, name, installation_id, since, projects, idle
		FROM lock_waiters ORDER BY id`); err != nil {
		return l, err
	}
	if l.Closed, err = list(ctx, tx, oneClosed, `SELECT repository_id, pull_request, closed_at FROM closed_pulls ORDER BY closed_at`); err != nil {
		return l, err
	}
	if l.Left, err = list(ctx, tx, oneLeft, `SELECT repository_id, pull_request, project, owner, name, installation_id, keys, merged, left_at
		FROM left_behind ORDER BY left_at, repository_id, pull_request, project`); err != nil {
		return l, err
	}
	l.Done, err = list(ctx, tx, oneDone, `SELECT key, repository_id, pull_request, owner, name, installation_id FROM done_projects ORDER BY key, rowid`)
	return l, err
}

func list[T any](ctx context.Context, tx *sql.Tx, one func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := one(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func oneLock(row scanner) (l run.Lock, err error) {
	var taken, used, warned, last, settled sql.NullInt64
	h, by := &l.Holder, &l.Last.By
	err = row.Scan(&l.Key, &l.Fence, &h.Repository.ID, &h.PullRequest, &h.Repository.Owner, &h.Repository.Name, &h.Repository.InstallationID,
		&l.Project, &taken, &used, &warned, &l.Busy, &l.Closing, &l.Dirty, &l.Applied, &l.Astray,
		&l.Merged, &l.Idle, &l.Plan, &l.Place, &by.Repository.ID, &by.PullRequest, &by.Repository.Owner, &by.Repository.Name,
		&by.Repository.InstallationID, &last, &l.Last.Merged, &settled)
	l.Last.At, l.Settled = timeOf(last), timeOf(settled)
	l.TakenAt, l.UsedAt, l.WarnedAt = timeOf(taken), timeOf(used), timeOf(warned)
	return l, err
}

func oneWaiter(row scanner) (w run.Waiter, err error) {
	var since int64
	var projects string
	h := &w.Holder
	if err := row.Scan(&w.ID, &h.Repository.ID, &h.PullRequest, &h.Repository.Owner, &h.Repository.Name, &h.Repository.InstallationID,
		&since, &projects, &w.Idle); err != nil {
		return w, err
	}
	w.Since = time.UnixMilli(since).UTC()
	return w, json.Unmarshal([]byte(projects), &w.Projects)
}

func oneClosed(row scanner) (c run.Closed, err error) {
	var at int64
	err = row.Scan(&c.Holder.Repository.ID, &c.Holder.PullRequest, &at)
	c.At = time.UnixMilli(at).UTC()
	return c, err
}

// stored is a time as it is read again.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(millis(t)).UTC()
}

// moment is a time as a column, NULL for none.
func moment(t time.Time) sql.NullInt64 { return sql.NullInt64{Int64: millis(t), Valid: !t.IsZero()} }

func timeOf(m sql.NullInt64) time.Time {
	if !m.Valid {
		return time.Time{}
	}
	return time.UnixMilli(m.Int64).UTC()
}
