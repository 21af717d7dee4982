package sqlite

import (
	"context"
	"os"
	"time"
)

// SQLite copies the write-ahead log into the database within a commit, when that
// makes the log longer than a limit (https://sqlite.org/wal.html#ckpt). Who
// waits for such a commit waits for the copy, which is most of the longest waits.
// So it is done beside the commits, and when there are none, because both want
// the disk. The limit is one that is reached only when that does not keep up.
const (
	checkpointEvery = time.Second / 4
	checkpointAt    = 8 << 20  // bytes of the log, when nothing is written
	checkpointBusy  = 32 << 20 // bytes of the log, in any case
	pagesAtMost     = 16384    // of 4 KiB, in the log
)

// checkpoints keeps the log short until the store is closed. An error is nobody's
// concern: the next look tries again, and then a commit does.
func (s *Store) checkpoints(log string) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	var before int64
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			commits := s.commits.Load()
			_ = s.checkpoint(log, commits == before)
			before = commits
		}
	}
}

// checkpoint copies the log when it is long. It waits for nobody, and nobody
// waits for it.
func (s *Store) checkpoint(log string, quiet bool) error {
	info, err := os.Stat(log)
	if err != nil || info.Size() <= checkpointAt || !quiet && info.Size() <= checkpointBusy {
		return err
	}
	var busy, pages, copied int
	return s.read.QueryRowContext(context.Background(), `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &copied)
}
