// Package sqlite stores durable state in SQLite: deliveries, runs, locks, notices
// and what was posted. It implements run.Store.
//
// Place in the flow: the server writes deliveries before it answers GitHub, the
// worker writes runs and notices in one transaction, report reads notices.
// The package knows SQL and the types of package run; it must not know GitHub,
// Terraform, or which state may follow which.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/lockkeeper/lockkeeper/run"
)

//go:embed *.sql
var migrations embed.FS

// Store is the store of one server process. Two processes must not open the
// same file: the server holds a lock on its data directory.
type Store struct {
	// Now dates the rows that carry no time of their own. Open sets time.Now.
	Now func() time.Time

	write *sql.DB // one connection: SQLite has one writer, waiting in Go is cheaper than SQLITE_BUSY
	read  *sql.DB
	hot   hotRuns
	locks hotLocks

	updating sync.Mutex // held while a run or the locks are updated
	writes   chan write
	commits  atomic.Int64 // so far
	ready    readiness
	stop     chan struct{}
	once     sync.Once // closes stop
	done     sync.WaitGroup
}

var _ run.Store = (*Store)(nil)

// Open opens or creates the database file, makes it and its log private, and
// brings its schema up to date. One that is damaged is refused. A commit is on disk
// when a method returns (WAL with synchronous=FULL,
// https://sqlite.org/pragma.html#pragma_synchronous).
func Open(ctx context.Context, file string) (*Store, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	dsn := (&url.URL{Scheme: "file", Path: abs, RawQuery: url.Values{
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)", "foreign_keys(1)",
			fmt.Sprintf("wal_autocheckpoint(%d)", pagesAtMost), fmt.Sprintf("journal_size_limit(%d)", checkpointAt)},
		"_txlock": {"immediate"},
	}.Encode()}).String()
	s := &Store{Now: time.Now, writes: make(chan write), stop: make(chan struct{})}
	if s.write, err = sql.Open("sqlite", dsn); err != nil {
		return nil, fmt.Errorf("opening database %q: %w", file, err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn); err != nil {
		return nil, errors.Join(fmt.Errorf("opening database %q: %w", file, err), s.write.Close())
	}
	s.read.SetMaxOpenConns(4)
	if err := s.begin(ctx, abs); err != nil {
		return nil, errors.Join(err, s.write.Close(), s.read.Close())
	}
	s.done.Go(s.commit)
	s.done.Go(func() { s.checkpoints(abs + "-wal") })
	return s, nil
}

// Close ends the store. Calls under way are finished first. Closing again is no
// error.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.stop) })
	s.done.Wait()
	return errors.Join(s.write.Close(), s.read.Close())
}

// begin makes the files private, looks whether they are whole, and migrates.
func (s *Store) begin(ctx context.Context, file string) error {
	made, err := private(file)
	if err != nil {
		return fmt.Errorf("making database %q private: %w", file, err)
	}
	err = s.whole(ctx, file, made)
	if err == nil {
		err = s.migrate(ctx)
	}
	if isDamage(err) {
		return fmt.Errorf("the store %q is damaged (%w): leave it as it is and follow docs/operations.md, \"The store is damaged\"", file, err)
	}
	if err != nil && Full(err) {
		return fmt.Errorf("no space left on the disk of %q: make room there, and start again (%w)", filepath.Dir(file), errors.Join(err, unmade(file, made)))
	}
	if err != nil {
		return fmt.Errorf("migrating database %q: %w", file, errors.Join(err, unmade(file, made)))
	}
	return nil
}

// migrate runs the migrations that the database has not seen, each in a
// transaction with its number.
func (s *Store) migrate(ctx context.Context) error {
	all, err := numbered(migrations)
	if err != nil {
		return err
	}
	var version int
	if err := s.write.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if version < 0 || version > len(all) {
		return fmt.Errorf("the database is of a newer Lockkeeper (schema %d, this one knows %d)", version, len(all))
	}
	for _, m := range all[version:] {
		err := s.tx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, m.text); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, m.number))
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if version == len(all) {
		return nil
	}
	// The file itself has the schema now: without its log it is damaged, or an
	// earlier state, and does not look like a store that never was.
	_, err = s.write.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}

// tx runs f in one write transaction.
func (s *Store) tx(ctx context.Context, f func(*sql.Tx) error) error {
	err := s.transact(ctx, f)
	s.ready.note(s.Now(), err)
	return err
}

func (s *Store) transact(ctx context.Context, f func(*sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// A context that ends during the commit would say that nothing was saved when
	// it was; so it may end the statements of f, and not the transaction.
	tx, err := s.write.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no-op after Commit
	if err := f(tx); err != nil {
		return err
	}
	s.commits.Add(1)
	return tx.Commit()
}

func millis(t time.Time) int64 { return t.UnixMilli() }
