package run

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Release frees what h holds, of the named projects or of all when there are no
// names, and ends its waiting for them. A project with a lock that is busy
// stays locked and is returned as busy. Both are names in their order.
//
// It frees nothing of anyone else's: who is allowed to unlock for h passes h.
func (l *Locks) Release(h Subject, projects []string) (released, busy []string) {
	all := len(projects) == 0
	named := make([]Claimed, len(projects))
	for i, name := range projects {
		named[i].Project = name
	}
	l.stopWaiting(h, named, all)
	for _, lock := range l.Locks {
		if lock.Holder.Is(h) && lock.Busy != "" && (all || slices.Contains(projects, lock.Project)) {
			busy = append(busy, lock.Project)
		}
	}
	for i := range l.Locks {
		lock := &l.Locks[i]
		if !lock.Holder.Is(h) || !all && !slices.Contains(projects, lock.Project) || slices.Contains(busy, lock.Project) {
			continue
		}
		released = append(released, lock.Project)
		lock.free()
	}
	return sorted(released), sorted(busy)
}

// Unlock is Release for people: released has, too, what needs no more attention
// although h left something to do there (Accept).
func (l *Locks) Unlock(h Subject, projects []string) (released, busy []string) {
	released, busy = l.Release(h, projects)
	return sorted(append(released, l.Accept(h, projects)...)), busy
}

// Warn notes that holders are notified that their locks will expire; notice makes the
// notice for one.
func (l *Locks) Warn(holders []Subject, now time.Time, notice func(Subject) Notice) []Notice {
	var out []Notice
	for i, lock := range l.Locks {
		if lock.Free() || !slices.ContainsFunc(holders, lock.Holder.Is) || !lock.WarnedAt.IsZero() {
			continue
		}
		l.Locks[i].WarnedAt = now
		if n := notice(lock.Holder); !slices.ContainsFunc(out, func(o Notice) bool { return o.Key == n.Key }) {
			out = append(out, n)
		}
	}
	return out
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// closedFor is how long a pull request is remembered as closed. Runs that were
// requested before the close are over by then.
const closedFor = 24 * time.Hour

// Close ends the interest of a pull request that was merged or closed: it waits
// no more, and holds nothing more as soon as nothing is busy. A lock that was
// dirty is freed by closing, which is someone's decision, and not by merging;
// one that becomes dirty later stays for a person to release. Doing it again
// changes nothing.
//
// A plan that was requested before may still be on its way. So the close is
// remembered, and Claim gives nothing to a pull request that is closed until
// Reopen hears of a run that was requested later.
func (l *Locks) Close(h Subject, merged bool, now time.Time) {
	l.stopWaiting(h, nil, true)
	l.Done = slices.DeleteFunc(slices.Clone(l.Done), func(d Done) bool { return d.Holder.Is(h) })
	for i := range l.Locks {
		lock := &l.Locks[i]
		if lock.Last.By.Is(h) && merged {
			lock.Last.Merged = true
		}
		switch {
		case !lock.Holder.Is(h):
		case lock.Busy != "", lock.Dirty && (merged || lock.Closing):
			lock.Closing, lock.Merged = true, lock.Merged || merged
		default:
			if !merged && lock.used() {
				l.leave(*lock, false, now)
			}
			lock.free()
		}
	}
	l.Closed = slices.DeleteFunc(slices.Clone(l.Closed), func(c Closed) bool {
		return c.Holder.Is(h) || now.Sub(c.At) > closedFor
	})
	l.Closed = append(l.Closed, Closed{Holder: bare(h), At: now})
}

// Reopen reports whether a run of h that was requested at a time may claim
// locks. It may not when h was closed since, or in the same millisecond. A run
// that was requested after the close read from GitHub that the pull request is
// open again: the close is forgotten, and what h still holds is its own.
func (l *Locks) Reopen(h Subject, requested time.Time) bool {
	i := slices.IndexFunc(l.Closed, func(c Closed) bool { return c.Holder.Is(h) })
	if i >= 0 && requested.UnixMilli() <= l.Closed[i].At.UnixMilli() {
		return false
	}
	if i >= 0 {
		l.Closed = slices.Delete(slices.Clone(l.Closed), i, i+1)
	}
	for i := range l.Locks {
		if l.Locks[i].Holder.Is(h) {
			l.Locks[i].Closing, l.Locks[i].Merged = false, false
		}
	}
	l.Left = slices.DeleteFunc(slices.Clone(l.Left), func(x Left) bool { return x.Holder.Is(h) && !x.Merged })
	return true
}

func (l *Locks) closed(h Subject) bool {
	return slices.ContainsFunc(l.Closed, func(c Closed) bool { return c.Holder.Is(h) })
}

// bare is h without what may change.
func bare(h Subject) Subject {
	return Subject{Repository: Repository{ID: h.Repository.ID}, PullRequest: h.PullRequest, Branch: h.Branch}
}

// byNumber orders pull requests.
func byNumber(a, b Subject) int {
	return cmp.Or(cmp.Compare(a.Repository.ID, b.Repository.ID), cmp.Compare(a.PullRequest, b.PullRequest))
}

// byProject orders locks for people.
func byProject(a, b Lock) int {
	return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.Key, b.Key))
}
