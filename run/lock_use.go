package run

import (
	"fmt"
	"slices"
	"time"
)

// Begin marks the locks of the jobs of a mutating run as busy, all or none. It
// is ErrFence when one of them is not held by h since the grant that its
// document names, is busy, or belongs to a pull request that is over; and
// ErrSameState when two of the jobs need one key: the first apply would make
// the other plan stale.
func (l *Locks) Begin(h Subject, runID string, docs []JobDocument, now time.Time) error {
	owner := map[string]string{} // project by key
	for _, doc := range docs {
		keys := LockKeys(doc)
		for _, key := range keys {
			if other, taken := owner[key]; taken {
				return fmt.Errorf("projects %q and %q: %w", other, doc.Project.Name, ErrSameState)
			}
			owner[key] = doc.Project.Name
			if lock := l.find(key); lock == nil || !lock.Holder.Is(h) || lock.Busy != "" || lock.Closing {
				return fmt.Errorf("project %q: %w", doc.Project.Name, ErrFence)
			}
		}
		if l.fence(keys) != doc.Fence {
			return fmt.Errorf("project %q: %w", doc.Project.Name, ErrFence)
		}
	}
	for key, project := range owner {
		lock := l.find(key)
		lock.Busy, lock.Project, lock.UsedAt, lock.WarnedAt = runID, project, now, time.Time{}
	}
	return nil
}

// End ends what Begin began; dirty names the projects whose apply failed or was
// interrupted after it began, astray those of them that left their state in no
// backend, clean those that were applied. Locks that are Closing and not dirty
// become free. Nothing else ends what is busy, and ending it twice is no error.
func (l *Locks) End(runID string, clean, dirty, astray []string, now time.Time) {
	for i := range l.Locks {
		lock := &l.Locks[i]
		if runID == "" || lock.Busy != runID {
			continue
		}
		lock.Busy, lock.UsedAt = "", now
		if slices.Contains(dirty, lock.Project) || slices.Contains(clean, lock.Project) {
			lock.Last = Applied{By: lock.Holder, At: now, Merged: lock.Closing && lock.Merged}
			lock.Idle = false
		}
		switch {
		case slices.Contains(dirty, lock.Project):
			lock.Dirty = true
			lock.Astray = lock.Astray || slices.Contains(astray, lock.Project)
		case slices.Contains(clean, lock.Project):
			lock.Dirty, lock.Applied = lock.Astray, true
		}
		if lock.Closing && (lock.Merged && !slices.Contains(clean, lock.Project) || !lock.Merged && lock.used()) {
			l.leave(*lock, lock.Merged, now)
		}
		if lock.Closing && !lock.Dirty {
			lock.free()
		}
	}
}
