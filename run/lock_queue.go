package run

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// Turns gives locks to waiters whose turn it is, in order, until nobody else can
// have all that it waits for, and returns them; they wait no more.
func (l *Locks) Turns(now time.Time) []Waiter {
	var served []Waiter
	for {
		// From the start each time: what a pull request is given may let its
		// elders pass it no more, see isAheadOf.
		i := slices.IndexFunc(l.Waiters, func(w Waiter) bool { return !w.Idle && l.available(w.Holder, w.Projects, w.ID) })
		if i < 0 {
			i = slices.IndexFunc(l.Waiters, l.wakes)
		}
		if i < 0 {
			return served
		}
		w := l.Waiters[i]
		l.Waiters = slices.Delete(l.Waiters, i, i+1)
		l.grant(w.Holder, w.Projects, w.ID, now)
		served = append(served, w)
	}
}

// wakes reports whether the turn of someone who gave its locks on has come again:
// they are free. Taking them from someone else who is idle would go round for ever.
func (l *Locks) wakes(w Waiter) bool {
	return w.Idle && l.available(w.Holder, w.Projects, w.ID) && !slices.ContainsFunc(keysOf(w.Projects), func(key string) bool {
		lock := l.find(key)
		return lock != nil && lock.Yields() && !lock.Holder.Is(w.Holder)
	})
}

// giveOn queues h for a project whose lock is idle, in the place from which it
// was taken, and frees the lock. Who waits for something else already keeps that
// place alone.
func (l *Locks) giveOn(h Subject, project string, now time.Time) {
	given, place := Claimed{Project: project}, int64(0)
	for i := range l.Locks {
		if lock := &l.Locks[i]; lock.Holder.Is(h) && lock.Project == project && lock.Yields() {
			given.Keys = append(given.Keys, lock.Key)
			if place == 0 || lock.Place != 0 && lock.Place < place {
				place = lock.Place
			}
			lock.free()
		}
	}
	w := Waiter{ID: place, Holder: h, Since: now, Idle: true}
	if i := l.waiting(h); i >= 0 {
		if !l.Waiters[i].Idle {
			return
		}
		w = l.Waiters[i]
		if place != 0 {
			w.ID = min(w.ID, place)
		}
		l.Waiters = slices.Delete(l.Waiters, i, i+1)
	}
	if w.ID == 0 { // taken before places were remembered
		l.LastWaiter++
		w.ID = l.LastWaiter
	}
	w.Projects = append(without(w.Projects, []string{project}), given)
	slices.SortStableFunc(w.Projects, func(a, b Claimed) int { return strings.Compare(a.Project, b.Project) })
	at, _ := slices.BinarySearchFunc(l.Waiters, w.ID, func(o Waiter, id int64) int { return cmp.Compare(o.ID, id) })
	l.Waiters = slices.Insert(l.Waiters, at, w)
}

// available reports whether h could be given all locks of projects now, from a
// place in the queue.
func (l *Locks) available(h Subject, projects []Claimed, place int64) bool {
	for _, p := range projects {
		for _, key := range p.Keys {
			if !l.open(h, key, place) {
				return false
			}
		}
	}
	return true
}

// open reports whether a key is free or idle for h, or h's own. What is being
// changed is nobody's to plan until that is over, not even h's.
func (l *Locks) open(h Subject, key string, place int64) bool {
	if lock := l.find(key); lock != nil && !lock.Free() {
		if lock.Holder.Is(h) {
			return lock.Busy == ""
		}
		if !lock.Yields() {
			return false
		}
	}
	return !slices.ContainsFunc(l.Waiters, func(w Waiter) bool { return l.isAheadOf(w, h, []string{key}, place) })
}

// isAheadOf reports whether w is before place in the queue for one of the keys.
// Someone who waits for what h itself holds does not: it has to wait for h in
// any case, and both would wait for each other. Nor does who gave its locks on.
func (l *Locks) isAheadOf(w Waiter, h Subject, keys []string, place int64) bool {
	return w.ID < place && !w.Idle && !w.Holder.Is(h) && w.wants(func(key string) bool { return slices.Contains(keys, key) }) &&
		!w.wants(func(key string) bool { return l.holds(h, key) })
}

// wants reports whether w waits for a key that is so.
func (w Waiter) wants(so func(key string) bool) bool {
	return slices.ContainsFunc(w.Projects, func(p Claimed) bool { return slices.ContainsFunc(p.Keys, so) })
}

// waiting returns the index of h's place in the queue; -1 when it has none.
func (l *Locks) waiting(h Subject) int {
	return slices.IndexFunc(l.Waiters, func(w Waiter) bool { return w.Holder.Is(h) })
}

// endOfQueue is the place of who has none.
const endOfQueue = math.MaxInt64

// placeFor is the place from which h may ask for projects: the one that it has
// when it waits for all of their keys, else the end of the queue.
func (l *Locks) placeFor(h Subject, projects []Claimed) int64 {
	i := l.waiting(h)
	if i < 0 {
		return endOfQueue
	}
	has := keysOf(l.Waiters[i].Projects)
	for _, key := range keysOf(projects) {
		if !slices.Contains(has, key) {
			return endOfQueue
		}
	}
	return l.Waiters[i].ID
}

// wait queues h for projects and, unless they are the whole, for what it
// waits for already. Who waits for more than before goes to the end.
func (l *Locks) wait(h Subject, projects []Claimed, whole bool, now time.Time) {
	i := l.waiting(h)
	if i >= 0 && !whole {
		projects = append(without(l.Waiters[i].Projects, names(projects)), projects...)
		slices.SortStableFunc(projects, func(a, b Claimed) int { return strings.Compare(a.Project, b.Project) })
	}
	if i >= 0 && l.placeFor(h, projects) == l.Waiters[i].ID {
		l.Waiters[i].Holder, l.Waiters[i].Projects, l.Waiters[i].Idle = h, projects, false
		return
	}
	if i >= 0 {
		l.Waiters = slices.Delete(l.Waiters, i, i+1)
	}
	l.LastWaiter++
	l.Waiters = append(l.Waiters, Waiter{ID: l.LastWaiter, Holder: h, Projects: projects, Since: now})
}

// stopWaiting ends h's waiting for projects, or for everything.
func (l *Locks) stopWaiting(h Subject, projects []Claimed, everything bool) {
	i := l.waiting(h)
	if i < 0 {
		return
	}
	if !everything {
		l.Waiters[i].Projects = without(l.Waiters[i].Projects, names(projects))
	}
	if everything || len(l.Waiters[i].Projects) == 0 {
		l.Waiters = slices.Delete(l.Waiters, i, i+1)
	}
}

// blocked says why h, which waits, was not given projects.
func (l *Locks) blocked(h Subject, projects []Claimed) []Blocked {
	w := l.Waiters[l.waiting(h)]
	var out []Blocked
	for _, p := range projects {
		i := slices.IndexFunc(p.Keys, func(key string) bool { return !l.open(h, key, w.ID) })
		if i < 0 {
			continue
		}
		b := Blocked{Project: p.Project, Place: l.place(w, p)}
		for _, key := range p.Keys {
			if lock := l.find(key); lock != nil && !lock.Free() && !lock.Yields() && (lock.Busy != "" || !lock.Holder.Is(h)) {
				b.Holder = lock.Holder
				break
			}
		}
		out = append(out, b)
	}
	return out
}

// Blocking says what h waits for and cannot have now, and why.
func (l Locks) Blocking(h Subject) []Blocked {
	i := l.waiting(h)
	if i < 0 {
		return nil
	}
	return l.blocked(h, l.Waiters[i].Projects)
}

// Place is the place of h in the queue for a project's locks, counted from 1; 0
// when it does not wait for it.
func (l Locks) Place(h Subject, project string) int {
	i := l.waiting(h)
	if i < 0 {
		return 0
	}
	j := slices.IndexFunc(l.Waiters[i].Projects, func(p Claimed) bool { return p.Project == project })
	if j < 0 {
		return 0
	}
	return l.place(l.Waiters[i], l.Waiters[i].Projects[j])
}

func (l *Locks) place(w Waiter, p Claimed) int {
	place := 1
	for _, other := range l.Waiters {
		if l.isAheadOf(other, w.Holder, p.Keys, w.ID) {
			place++
		}
	}
	return place
}

func names(projects []Claimed) []string {
	out := make([]string, len(projects))
	for i, p := range projects {
		out[i] = p.Project
	}
	return out
}

// without returns the projects that are not named.
func without(projects []Claimed, named []string) []Claimed {
	var out []Claimed
	for _, p := range projects {
		if !slices.Contains(named, p.Project) {
			out = append(out, p)
		}
	}
	return out
}
