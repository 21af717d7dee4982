package view

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// HeldLock is a lock of a pull request and who waits for it, in order.
type HeldLock struct {
	run.Lock
	Waiting []run.Waiter
}

// HeldBy lists what h holds, by project.
func HeldBy(l run.Locks, h run.Subject) []HeldLock {
	var out []HeldLock
	for _, lock := range l.Held(h) {
		var keys []string
		for _, o := range l.Locks {
			if o.Holder.Is(h) && o.Project == lock.Project {
				keys = append(keys, o.Key)
			}
		}
		waiting := slices.DeleteFunc(slices.Clone(l.Waiters), func(w run.Waiter) bool { return w.Holder.Is(h) || !wants(w, keys) })
		out = append(out, HeldLock{Lock: lock, Waiting: waiting})
	}
	return out
}

// wants reports whether w waits for one of the keys.
func wants(w run.Waiter, keys []string) bool {
	return slices.ContainsFunc(w.Projects, func(c run.Claimed) bool {
		return slices.ContainsFunc(c.Keys, func(key string) bool { return slices.Contains(keys, key) })
	})
}

// Wanted is a project that a pull request waits for.
type Wanted struct {
	Project string
	Holder  run.Subject // zero when nobody holds it now
	Place   int         // in the line, counted from 1
}

// WaitsFor lists what h waits for and cannot have now, in the order of its
// claim. Its own lock is one of those while an apply is under way.
func WaitsFor(l run.Locks, h run.Subject) []Wanted {
	at := slices.IndexFunc(l.Waiters, func(w run.Waiter) bool { return w.Holder.Is(h) })
	if at < 0 {
		return nil
	}
	var out []Wanted
	for _, c := range l.Waiters[at].Projects {
		w := Wanted{Project: c.Project, Place: l.Place(h, c.Project)}
		for _, lock := range l.Locks {
			if slices.Contains(c.Keys, lock.Key) && !lock.Free() && !lock.Yields() && (!lock.Holder.Is(h) || lock.Busy != "") {
				w.Holder = lock.Holder
			}
		}
		if !w.Holder.IsZero() || w.Place > 1 {
			out = append(out, w)
		}
	}
	return out
}

// Exposed are the projects that are applied and not merged, as far as is known, and whose
// locks somebody gave back.
func (m Model) Exposed() []string {
	return m.Names(func(s run.ProjectStatus) bool {
		last := m.Locks.LastApplied(s.Plan.Document)
		return m.Status(s) == StatusApplied && m.Released(s) && !m.Over() && last.By.Is(m.Run.Pull()) && !last.Merged
	})
}

// Over reports whether the pull request was merged or closed not long ago.
func (m Model) Over() bool {
	return slices.ContainsFunc(m.Locks.Closed, func(c run.Closed) bool { return c.Holder.Is(m.Run.Pull()) })
}

// ByHolder groups the projects of statuses by the pull request that is named for
// each; none leaves a project out. Texts are in the order of their first project.
func (m Model) ByHolder(of func(run.ProjectStatus) (run.Subject, bool)) (holders []run.Subject, projects [][]string) {
	for _, s := range m.Projects {
		who, ok := of(s)
		if !ok {
			continue
		}
		i := slices.IndexFunc(holders, who.Is)
		if i < 0 {
			i = len(holders)
			holders, projects = append(holders, who), append(projects, nil)
		}
		projects[i] = append(projects[i], s.Project)
	}
	return holders, projects
}

// LeftOf are the projects that a pull request leaves to put right.
func (m Model) LeftOf(h run.Subject, merged bool) []string {
	var out []string
	for _, x := range m.Locks.Left {
		if x.Holder.Is(h) && x.Merged == merged && !x.Unknown() {
			out = append(out, x.Project)
		}
	}
	return out
}
