// Package reserve keeps room on the disk of the data directory for what must go
// on when a job has filled it: webhooks, results, the store.
//
// Its place in the flow: main opens one for the data directory. Its watch notifies
// the local engine when the disk is short of room, which then ends jobs and
// starts none, and when there is room again. A file of the reserve's own takes a
// part of the disk, and is given up when nothing else is left.
//
// It must not know jobs, the store or GitHub.
package reserve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/loop"
)

// FileName is the file in the directory whose room is given up when the disk is
// full.
const FileName = "reserve"

// every is how often the disk is looked at: a job may write gigabytes a second.
const every = 100 * time.Millisecond

// Bounds of the reserve in bytes, and of what is kept of the file system's files.
const (
	largest   = 1 << 30
	smallest  = 16 << 20
	mostFiles = 20_000
)

// Reserve looks after the disk of one directory. Make one with Open.
type Reserve struct {
	dir   string
	short atomic.Bool
	tight bool // nearly nothing was left at the last look
}

// room is what a file system has, and what of it is free for this user.
type room struct{ bytes, freeBytes, files, freeFiles int64 }

// Open makes the reserve of a directory, as far as there is room for one.
func Open(dir string) (*Reserve, error) {
	r := &Reserve{dir: dir}
	_, err := r.look()
	return r, err
}

// Short reports that the disk has less room than the reserve: nothing that may
// take much should begin.
func (r *Reserve) Short() bool { return r.short.Load() }

// Last is how many bytes are left when a job that still runs has to end itself:
// by then this reserve should have had jobs ended, one after the other.
func (r *Reserve) Last() int64 {
	now, err := measure(r.dir)
	if err != nil {
		return smallest / lastPart
	}
	return now.reserve() / lastPart
}

// lastPart of the reserve is nearly nothing.
const lastPart = 8

// Run watches until ctx is done. It calls notify when the disk has become short of
// room, again and again for as long as it is, and once when there is room again.
func (r *Reserve) Run(ctx context.Context, notify func(short bool)) error {
	log := zerolog.Ctx(ctx)
	was := false
	return loop.NowAndEvery(ctx, every, "looking after the disk", func(context.Context) error {
		now, err := r.look()
		if err != nil {
			log.Error().Err(err).Msg("looking after the disk")
		}
		short := r.Short()
		if short && !was {
			log.Error().Str("directory", r.dir).Int64("free_bytes", now.freeBytes).Int64("reserve_bytes", now.reserve()).
				Msg("the disk is short of room: jobs are ended, and none begin before there is more; docs/operations.md says where room can be made")
		}
		if was && !short {
			log.Warn().Str("directory", r.dir).Int64("free_bytes", now.freeBytes).Msg("the disk has room again: jobs begin")
		}
		if short || was {
			notify(short)
		}
		was = short
		return nil
	})
}

// look measures, and gives the file up or makes it again.
func (r *Reserve) look() (room, error) {
	now, err := measure(r.dir)
	if err != nil {
		return now, err
	}
	file := filepath.Join(r.dir, FileName)
	info, err := os.Stat(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return now, err
	}
	held := err == nil && info.Size() >= now.file()
	next := decide(now, held, r.Short(), r.tight)
	r.short.Store(next.short)
	r.tight = next.tight
	switch {
	case next.give:
		err = os.Remove(file)
	case next.take:
		err = allocate(file, now.file())
	default:
		err = nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return now, fmt.Errorf("keeping room in reserve: %w", err)
	}
	return now, nil
}

// decision is what follows from a look at the disk.
type decision struct {
	short bool // nothing should begin
	tight bool // nearly nothing is left
	give  bool // the file up
	take  bool // the file again
}

// decide keeps two reserves: one that is free, within which jobs are ended while
// everything still works, and the file, a quarter of it. The file is given up at
// the second look that finds nearly nothing left: at the first one a job may
// still be writing that is being ended.
func decide(now room, held, short, tight bool) decision {
	free, want := now.freeBytes, now.reserve()
	d := decision{short: short, tight: free < want/lastPart}
	d.give = held && d.tight && tight
	d.take = !held && !d.give && free >= 2*want
	if d.take {
		free, held = free-now.file(), true
	}
	fewFiles := min(now.files/20, mostFiles)
	switch {
	case free < want || now.freeFiles < fewFiles:
		d.short = true
	case held && free >= want+want/4 && now.freeFiles >= 2*fewFiles:
		d.short = false
	}
	return d
}

// file is how large the file is.
func (r room) file() int64 { return r.reserve() / 4 }

// reserve is a twentieth of the file system, within bounds; of a very small one
// an eighth is enough.
func (r room) reserve() int64 {
	return min(max(min(r.bytes/20, largest), smallest), r.bytes/8)
}

func measure(dir string) (room, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return room{}, fmt.Errorf("measuring the disk of %s: %w", dir, err)
	}
	block := s.Frsize
	if block == 0 {
		block = s.Bsize
	}
	return room{int64(s.Blocks) * block, int64(s.Bavail) * block, int64(s.Files), int64(s.Ffree)}, nil
}

// allocate makes a file of that size whose room is really taken.
func allocate(name string, size int64) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	zeros := make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(zeros)) {
		if _, err := f.Write(zeros[:min(left, int64(len(zeros)))]); err != nil {
			return err
		}
	}
	return nil
}
