package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// lookFor bounds the look at a database when it is opened. A gigabyte takes
// eight seconds on two busy processors; what is larger than can be read in this time
// is opened without an answer.
const lookFor = 30 * time.Second

// pageSize is SQLite's default, in bytes.
const pageSize = 4096

// damage is what is wrong with a database file.
type damage string

func (d damage) Error() string { return string(d) }

// isDamage reports that an error means a file that is not what was written.
func isDamage(err error) bool {
	if _, ok := errors.AsType[damage](err); ok {
		return true
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	primary := e.Code() & 0xff // https://sqlite.org/rescode.html#primary_result_codes_versus_extended_result_codes
	return primary == sqlite3.SQLITE_CORRUPT || primary == sqlite3.SQLITE_NOTADB
}

// whole looks whether a database is what SQLite once wrote. SQLite itself takes
// a file that lost all of its pages for a new one, and notices others when it comes
// to them, which may be weeks later.
func (s *Store) whole(ctx context.Context, file string, made bool) error {
	if made {
		return nil
	}
	if err := wholePages(file); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lookFor, errTooLong)
	defer cancel()
	var found string
	err := s.read.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errTooLong):
		return nil
	case err != nil:
		return err
	case found != "ok":
		return damage(found)
	}
	return nil
}

var errTooLong = errors.New("the database is too large to be looked through")

// wholePages refuses a file that was cut off. While there is a log, the end of the
// file may be in there.
func wholePages(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if log, err := os.Stat(file + "-wal"); err == nil && log.Size() > 0 {
		return nil
	}
	switch size := info.Size(); {
	case size == 0:
		return damage("it is empty")
	case size%pageSize != 0:
		return damage(fmt.Sprintf("it was cut off after %d bytes", size))
	}
	return nil
}
