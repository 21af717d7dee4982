package runner

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Which packages there are, plans decide: each may name others of any registry. So they
// are bounded, and those that were not used for the longest time go first.
const (
	maxPackages  = 20 << 30       // bytes of all packages; no more than a quarter of the file system
	unusedBefore = 24 * time.Hour // longer than any job takes that may still start one
)

// used notes that a package is used now.
func (p packages) used(rel string) {
	now := time.Now()
	_ = os.Chtimes(p.path(hashesDir, rel), now, now) // else it goes earlier than it should
}

// makeRoom removes packages that were not used lately, until there is room for more. It is an
// error when there is none: then the packages of a job stay its own, and count for it.
func (p packages) makeRoom(now time.Time) error {
	limit := int64(maxPackages)
	var at unix.Statfs_t
	if err := unix.Statfs(p.dir, &at); err == nil {
		limit = min(limit, int64(at.Blocks)*int64(at.Bsize)/4)
	}
	return p.makeRoomBelow(limit, now)
}

type storedPackage struct {
	rel   string
	bytes int64
	used  time.Time
}

func (p packages) makeRoomBelow(limit int64, now time.Time) error {
	found, err := filepath.Glob(p.path(packagesDir, "*/*/*/*/*"))
	if err != nil {
		return err
	}
	var all []storedPackage
	total := int64(0)
	for _, dir := range found {
		rel, err := filepath.Rel(p.path(packagesDir, ""), dir)
		if err != nil {
			return err
		}
		is := storedPackage{rel: rel}
		if info, err := os.Stat(p.path(hashesDir, rel)); err == nil {
			is.used = info.ModTime()
		}
		_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil // gone
			}
			if info, err := entry.Info(); err == nil {
				is.bytes += info.Size()
			}
			return nil
		})
		all, total = append(all, is), total+is.bytes
	}
	slices.SortFunc(all, func(a, b storedPackage) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.rel, b.rel)) })
	for _, old := range all {
		if total < limit || now.Sub(old.used) < unusedBefore {
			break
		}
		err := errors.Join(os.RemoveAll(p.path(packagesDir, old.rel)), os.Remove(p.path(stampsDir, old.rel)), os.Remove(p.path(hashesDir, old.rel)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the provider package %s: %w", old.rel, err)
		}
		total -= old.bytes
	}
	if total >= limit {
		return fmt.Errorf("provider packages take %s, and %s is for them: those of this job are not shared", megabytes(total), megabytes(limit))
	}
	return nil
}
