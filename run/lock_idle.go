package run

import (
	"slices"
	"time"
)

// Held is what h holds, one lock per project, in the order of the names. Of a
// project with two locks it is the one of its directory.
func (l Locks) Held(h Subject) []Lock {
	var out []Lock
	for _, lock := range l.Locks {
		if !lock.Free() && lock.Holder.Is(h) {
			out = append(out, lock)
		}
	}
	slices.SortFunc(out, byProject)
	return slices.CompactFunc(out, func(a, b Lock) bool { return a.Project == b.Project })
}

// Expired lists holders whose locks may be taken back: none was used since
// unused, nothing was changed under them, and their holder was notified of each
// before warned.
func (l *Locks) Expired(unused, warned time.Time) []Subject {
	return l.idle(unused, func(locks []Lock) bool {
		return !slices.ContainsFunc(locks, func(lock Lock) bool {
			return lock.WarnedAt.IsZero() || !lock.WarnedAt.Before(warned)
		})
	})
}

// Idle lists holders to be notified that their locks will expire: none was used
// since unused, nothing was changed under them, and of one they were not notified.
func (l *Locks) Idle(unused time.Time) []Subject {
	return l.idle(unused, func(locks []Lock) bool {
		return slices.ContainsFunc(locks, func(lock Lock) bool { return lock.WarnedAt.IsZero() })
	})
}

func (l *Locks) idle(unused time.Time, also func([]Lock) bool) []Subject {
	held := map[Subject][]Lock{}
	for _, lock := range l.Locks {
		if !lock.Free() {
			held[bare(lock.Holder)] = append(held[bare(lock.Holder)], lock)
		}
	}
	var out []Subject
	for _, locks := range held {
		active := slices.ContainsFunc(locks, func(lock Lock) bool { return lock.used() || !lock.UsedAt.Before(unused) })
		if !active && also(locks) {
			out = append(out, locks[0].Holder)
		}
	}
	slices.SortFunc(out, byNumber)
	return out
}
