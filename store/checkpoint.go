package store

import (
	"context"
	"os"
	"time"
)

// SQLite copies the write-ahead log into the database within a commit, when that
// makes the log longer than a limit (https://sqlite.org/wal.html#ckpt). Whoever
// waits for such a commit waits for the copy, which is most of the longest waits.
// So it is done beside the commits, and the limit is one that is reached only
// when that does not keep up.
const (
	checkpointEvery = time.Second
	checkpointAt    = 8 << 20 // bytes of the log
	pagesAtMost     = 16384   // of 4 KiB, in the log
)

// checkpoints keeps the log short until the store is closed. An error is nobody's
// concern: the next look tries again, and then a commit does.
func (s *SQLite) checkpoints(log string) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			_ = s.checkpoint(log)
		}
	}
}

// checkpoint copies the log when it is long. It waits for nobody, and nobody
// waits for it.
func (s *SQLite) checkpoint(log string) error {
	if info, err := os.Stat(log); err != nil || info.Size() <= checkpointAt {
		return err
	}
	var busy, pages, copied int
	return s.read.QueryRowContext(context.Background(), `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &copied)
}
