package run

import (
	"slices"
	"time"
)

// Left is a project of which the base branch and what runs differ because of a
// pull request that is over, until someone has put that right.
type Left struct {
	Holder  Subject
	Project string   // empty: it was merged, and nobody could find out what it changed
	Keys    []string // of its locks
	Merged  bool     // merged without its apply; else it was closed after an apply, and not merged
	At      time.Time
}

// Unknown reports whether nobody knows which projects it is about.
func (x Left) Unknown() bool { return x.Project == "" }

// Done says that the check of an open pull request counts a project as done: it is
// applied, or its plan changes nothing. What someone else applies makes that old.
type Done struct {
	Key    string
	Holder Subject
}

// leave notes what a pull request leaves behind that is over. Doing it again
// changes nothing.
func (l *Locks) leave(lock Lock, merged bool, now time.Time) {
	l.LeaveBehind(lock.Holder, Claimed{Project: lock.Project, Keys: []string{lock.Key}}, merged, now)
}

// LeaveBehind notes that a project of h, which is over, is not as the base branch
// says: h was merged without its apply, or closed after it.
func (l *Locks) LeaveBehind(h Subject, p Claimed, merged bool, now time.Time) {
	i := slices.IndexFunc(l.Left, func(x Left) bool { return x.Holder.Is(h) && x.Project == p.Project })
	if i < 0 {
		l.Left = append(slices.Clip(l.Left), Left{Holder: h, Project: p.Project, Keys: p.Keys, Merged: merged, At: now})
		return
	}
	keys := slices.Concat(l.Left[i].Keys, p.Keys)
	slices.Sort(keys)
	l.Left = slices.Clone(l.Left)
	l.Left[i].Keys = slices.Compact(keys)
}

// LeftOf is what is left of the pull requests that concern keys.
func (l Locks) LeftOf(keys []string) []Left {
	return slices.DeleteFunc(slices.Clone(l.Left), func(x Left) bool { return !sharesKey(x.Keys, keys) })
}

// Accept ends what is left of h in the named projects, or in all when there are no
// names, because a person says that it may stay so. It returns their names.
func (l *Locks) Accept(h Subject, projects []string) []string {
	var accepted []string
	l.Left = slices.DeleteFunc(slices.Clone(l.Left), func(x Left) bool {
		is := x.Holder.Is(h) && (len(projects) == 0 || slices.Contains(projects, x.Project))
		if is {
			accepted = append(accepted, x.Project)
		}
		return is
	})
	return sorted(accepted)
}

// settle ends what is left in the projects with one of the keys, where it is so.
func (l *Locks) settle(keys []string, so func(Left) bool) {
	l.Left = slices.DeleteFunc(slices.Clone(l.Left), func(x Left) bool { return sharesKey(x.Keys, keys) && so(x) })
}

// settled notes that what runs is what the base branch says, by a plan that read both
// at a time.
func (l *Locks) settled(keys []string, at time.Time) {
	l.settle(keys, func(x Left) bool { return !x.Merged || x.At.Before(at) })
	l.asBase(keys, at)
	for _, key := range keys {
		if lock := l.find(key); lock != nil && !lock.Applied {
			lock.Last.Merged = true
		}
	}
}

// asBase remembers that what runs was what the base branch said at a time.
func (l *Locks) asBase(keys []string, at time.Time) {
	for _, key := range keys {
		if lock := l.find(key); lock != nil && at.After(lock.Settled) {
			lock.Settled = at
		}
	}
}

// clocksDiffer is how far GitHub's clock and this machine's may be apart.
const clocksDiffer = time.Minute

// settledSince reports whether one of the keys was as the base branch said, surely after
// a time of GitHub's clock; never when that is not known.
func (l *Locks) settledSince(keys []string, at time.Time) bool {
	return !at.IsZero() && slices.ContainsFunc(keys, func(key string) bool {
		lock := l.find(key)
		return lock != nil && lock.Settled.After(at.Add(clocksDiffer))
	})
}

func sharesKey(a, b []string) bool {
	return slices.ContainsFunc(a, func(key string) bool { return slices.Contains(b, key) })
}

// count notes whether the check of h counts a project as done.
func (l *Locks) count(h Subject, keys []string, done bool) {
	l.Done = slices.DeleteFunc(slices.Clone(l.Done), func(d Done) bool { return d.Holder.Is(h) && slices.Contains(keys, d.Key) })
	for _, key := range keys {
		if done {
			l.Done = append(l.Done, Done{Key: key, Holder: h})
		}
	}
}

// outdate returns whose checks counted something as done that h has changed since.
func (l *Locks) outdate(h Subject, keys []string) []Subject {
	var out []Subject
	l.Done = slices.DeleteFunc(slices.Clone(l.Done), func(d Done) bool {
		old := !d.Holder.Is(h) && slices.Contains(keys, d.Key)
		if old && !slices.ContainsFunc(out, d.Holder.Is) {
			out = append(out, d.Holder)
		}
		return old
	})
	return out
}

// Overtake notes in statuses what others changed since their plans were made. Who
// was overtaken has to plan again: what was applied may be undone, and what changed
// nothing may change something.
func (l Locks) Overtake(statuses []ProjectStatus) []ProjectStatus {
	out := slices.Clone(statuses)
	for i, s := range out {
		h := s.PlanRun.Pull()
		for _, key := range LockKeys(s.Plan.Document) {
			lock := l.find(key)
			if lock == nil || lock.Last.By.IsZero() || lock.Last.By.Is(h) || !lock.Last.At.After(s.PlanRun.PreparedAt) {
				continue
			}
			last := lock.Last
			out[i].Overtaken = &last
		}
	}
	return out
}

// LastApplied is what changed the state of a project last; zero when nothing is known.
func (l Locks) LastApplied(doc JobDocument) (last Applied) {
	for _, key := range LockKeys(doc) {
		if lock := l.find(key); lock != nil && lock.Last.At.After(last.At) {
			last = lock.Last
		}
	}
	return last
}
