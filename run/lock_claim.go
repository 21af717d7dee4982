package run

import (
	"slices"
	"strings"
	"time"
)

// Claim gives h the locks of all projects, or of none. It gives them when each
// key is h's own and not busy, or free and not wanted by anyone who stands
// before h in the queue (see isAheadOf). Every key that was free gets its next
// fence; fences says, by project, what the fences of its keys add up to.
//
// Otherwise h waits, in the place it had before if it then waited for all of
// these keys already, and blocked says for each project that is not free why;
// its holder is h itself while h's own apply is under way.
// Who waits holds none of what it waits for, so that no two wait for each
// other; except locks that are busy, dirty or applied. A lock that is Idle is as
// good as free for everybody but its holder, who is queued again.
//
// With whole, projects is everything that the pull request is about: it neither
// holds nor waits for anything else any more, with the same exceptions. Without
// it, what h waits for grows by projects.
//
// A pull request that was closed gets nothing and does not wait: see Reopen.
func (l *Locks) Claim(h Subject, projects []Claimed, whole bool, now time.Time) (fences map[string]int64, blocked []Blocked) {
	if l.closed(h) {
		for _, p := range projects {
			blocked = append(blocked, Blocked{Project: p.Project})
		}
		return nil, blocked
	}
	if whole {
		l.narrow(h, projects)
	}
	place := l.placeFor(h, projects)
	if !l.available(h, projects, place) {
		l.dropUnused(h, projects)
		l.wait(h, projects, whole, now)
		return nil, l.blocked(h, projects)
	}
	l.stopWaiting(h, projects, whole)
	l.grant(h, projects, place, now)
	fences = make(map[string]int64, len(projects))
	for _, p := range projects {
		fences[p.Project] = l.fence(p.Keys)
	}
	return fences, nil
}

// narrow frees what h holds beside projects and did not use.
func (l *Locks) narrow(h Subject, projects []Claimed) {
	keys := keysOf(projects)
	for i := range l.Locks {
		if lock := &l.Locks[i]; lock.Holder.Is(h) && !lock.used() && !slices.Contains(keys, lock.Key) {
			lock.free()
		}
	}
}

// dropUnused frees what h holds of projects and did not use.
func (l *Locks) dropUnused(h Subject, projects []Claimed) {
	for _, key := range keysOf(projects) {
		if lock := l.find(key); lock != nil && lock.Holder.Is(h) && !lock.used() {
			lock.free()
		}
	}
}

// grant gives keys that are free, idle or h's own, and not busy, to h.
func (l *Locks) grant(h Subject, projects []Claimed, place int64, now time.Time) {
	l.grow(keysOf(projects))
	for _, key := range keysOf(projects) {
		if lock := l.find(key); lock.Yields() && !lock.Holder.Is(h) {
			l.giveOn(lock.Holder, lock.Project, now)
		}
	}
	if place == endOfQueue && slices.ContainsFunc(keysOf(projects), func(key string) bool { return !l.holds(h, key) }) {
		l.LastWaiter++
		place = l.LastWaiter
	}
	named := map[string]bool{}
	for _, p := range projects {
		for _, key := range p.Keys {
			if named[key] {
				continue // the first project of a key gives it its name
			}
			named[key] = true
			lock := l.find(key)
			if lock.Free() {
				unmerged := lock.Last.By.Is(h) && !lock.Last.By.IsZero() && !lock.Last.Merged
				*lock = Lock{Key: key, Fence: lock.Fence + 1, TakenAt: now, Place: place, Last: lock.Last, Applied: unmerged}
			}
			lock.Holder, lock.Project, lock.UsedAt, lock.WarnedAt = h, p.Project, now, time.Time{}
			lock.Idle, lock.Plan = false, ""
		}
	}
}

// grow makes room for keys that nobody ever had.
func (l *Locks) grow(keys []string) {
	var added []Lock
	for _, key := range keys {
		if l.find(key) == nil {
			added = append(added, Lock{Key: key})
		}
	}
	if len(added) > 0 {
		l.Locks = append(l.Locks, added...)
		slices.SortFunc(l.Locks, func(a, b Lock) int { return strings.Compare(a.Key, b.Key) })
	}
}
