package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// Bounds of the disk, in bytes, where an engine names none.
const (
	defaultDisk    = 10 << 30  // of what a job may have in its directory
	defaultReserve = 512 << 20 // of what stays free for results, the store and webhooks
)

// maxFiles is how many files a job may have where an engine names no number, its source
// among them: one that is empty takes an inode, and a file system has only so many.
const maxFiles = 150_000

// walkEvery is after how many looks a job's files are added up, when the free
// space does not tell that it is worth while earlier.
const walkEvery = 40

// diskWatch looks after what a job takes of the disk.
type diskWatch struct {
	looks  int
	then   room  // when its files were added up last
	shared *room // what directories that it shares with others had in the beginning; nil when that is too much to look at
}

// room is what of a file system is free, or what a job takes of it.
type room struct{ bytes, files int64 }

// watchDisk begins to look, before a step does.
func (j *job) watchDisk() *diskWatch {
	free, _ := freeBelow(j.options.Dir) // zero has files added up when some are free again
	w := &diskWatch{then: free}
	if j.doc.Command == run.KindPlan { // an apply does not end for what others write
		w.shared = j.usesShared()
	}
	return w
}

// broken is the problem of a job that takes more of the disk than it may. Asking
// how much is free costs nothing, so that is done each time.
func (w *diskWatch) broken(j *job) *run.Problem {
	limit, reserve := j.diskLimits()
	free, err := freeBelow(j.options.Dir)
	if err != nil {
		return nil
	}
	if free.bytes < reserve && j.uses().bytes > 0 {
		return diskFull(reserve)
	}
	w.looks++
	if w.looks%walkEvery != 0 && w.then.bytes-free.bytes < limit/8 && w.then.files-free.files < j.filesLimit()/8 {
		return nil
	}
	w.then = free
	used := j.uses()
	if w.shared != nil {
		grown := growth(*w.shared, j.usesShared(), j.filesLimit())
		used.bytes, used.files = used.bytes+grown.bytes, used.files+grown.files
	}
	switch {
	case used.bytes > limit:
		return diskExceeded(limit)
	case used.files > j.filesLimit():
		return diskFilesExceeded(j.filesLimit())
	}
	return nil
}

func (j *job) diskLimits() (limit, reserve int64) {
	limit, reserve = j.options.Disk, j.options.DiskReserve
	if limit <= 0 {
		limit = defaultDisk
	}
	if reserve <= 0 {
		reserve = defaultReserve
	}
	return limit, reserve
}

func (j *job) filesLimit() int64 {
	if j.options.DiskFiles > 0 {
		return j.options.DiskFiles
	}
	return maxFiles
}

func freeBelow(dir string) (room, error) {
	var at unix.Statfs_t
	if err := unix.Statfs(dir, &at); err != nil {
		return room{}, err
	}
	return room{int64(at.Bavail) * int64(at.Bsize), int64(at.Ffree)}, nil //nolint:unconvert // the types differ between systems
}

// uses adds up the blocks of everything in the job's directory, and of what its
// programs have open that is in no directory any more. What cannot be read was
// just removed.
func (j *job) uses() room {
	bytes, nameless := jail.Nameless(os.Getpid())
	limit := j.filesLimit()
	total := room{bytes, int64(nameless)}
	_ = filepath.WalkDir(j.options.Dir, func(name string, _ fs.DirEntry, err error) error {
		if total.files++; total.files > limit {
			return fs.SkipAll
		}
		var at unix.Stat_t
		if err == nil && unix.Lstat(name, &at) == nil {
			total.bytes += at.Blocks * 512
		}
		return nil
	})
	return total
}

// usesShared adds up what is in the directories that the job shares with others for
// writing; nil when those have more files than are looked at.
func (j *job) usesShared() *room {
	var total room
	limit := j.filesLimit()
	for _, dir := range j.options.Write {
		_ = filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
			if total.files++; total.files > limit {
				return fs.SkipAll
			}
			var at unix.Stat_t
			if err == nil && unix.Lstat(name, &at) == nil {
				total.bytes += at.Blocks * 512
			}
			return nil
		})
	}
	if total.files > limit {
		return nil
	}
	return &total
}

// growth is what shared directories have now (nil: too much to look at) and did not have
// before. Files that nobody could count any more are more than the limit of a job.
func growth(before room, now *room, limit int64) room {
	if now == nil {
		return room{files: limit + 1}
	}
	return room{max(0, now.bytes-before.bytes), max(0, now.files-before.files)}
}

// hasFileOf reports whether a file of the job has that many bytes.
func (j *job) hasFileOf(size int64) (found bool) {
	files := int64(0)
	_ = filepath.WalkDir(j.options.Dir, func(_ string, entry fs.DirEntry, err error) error {
		if files++; found || files > j.filesLimit() {
			return fs.SkipAll
		}
		if err != nil || !entry.Type().IsRegular() {
			return nil // what cannot be read was just removed
		}
		info, err := entry.Info()
		found = err == nil && info.Size() >= size
		return nil
	})
	return found
}

// free removes what only terraform needed, once no terraform runs any more. A job
// that filled the disk then leaves room for its result.
func (j *job) free() error {
	Removable(j.options.Dir)
	var errs []error
	for _, name := range []string{"home", "source", overDir, "fetch"} {
		errs = append(errs, os.RemoveAll(j.path(name)))
	}
	return errors.Join(errs...)
}

// Waits between tries to write a result for which there is no room.
const (
	resultTries = 20
	resultWait  = 3 * time.Second
)

// writeResultAtLast writes the result. When there is no room for it, it makes some
// and goes on trying: a job without a result is never over, and its files stay.
func (j *job) writeResultAtLast(r run.Result) error {
	for try := 1; ; try++ {
		err := writeResult(j.options.Dir, r)
		full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
		if !full || try == resultTries {
			return err
		}
		if try > 1 {
			time.Sleep(resultWait)
		}
		// A state that could not be stored is no longer in there (keepFile); what
		// terraform printed is stored, or could not be.
		if err := errors.Join(j.free(), os.Truncate(j.path(printedFile), 0), os.Truncate(j.path(errorsFile), 0)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// makeRoom frees the disk when that is why a plan ended, so that the rest of the
// job finds room.
func (j *job) makeRoom(p *run.Problem) {
	if p.Code != "disk_exceeded" && p.Code != "disk_files_exceeded" && p.Code != "disk_full" {
		return
	}
	if err := j.free(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func diskExceeded(limit int64) *run.Problem {
	return &run.Problem{Code: "disk_exceeded", Message: fmt.Sprintf(
		"The job wrote more than the %s that the server allows to the disk, and was ended. Look for a program that writes without end or large downloads, or have the limit raised; then comment `/plan` again.", megabytes(limit))}
}

func diskFilesExceeded(limit int64) *run.Problem {
	return &run.Problem{Code: "disk_files_exceeded", Message: fmt.Sprintf(
		"The job made more than the %d files that the server allows on the disk, and was ended. Look for a program that makes files without end; then comment `/plan` again.", limit)}
}

func diskFull(reserve int64) *run.Problem {
	return &run.Problem{Code: "disk_full", Message: fmt.Sprintf(
		"The server's disk has less than %s left, which it keeps for itself, so the job was ended. Contact your Lockkeeper administrator; then comment `/plan` again.", megabytes(reserve))}
}
