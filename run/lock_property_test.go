package run

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// lockMachine does random things to locks and checks after each what must hold
// always. The projects a to e have a directory each; a and b have one state, c
// and d another.
type lockMachine struct {
	l      Locks
	now    time.Time
	only   bool                         // every claim is whole and nothing is ever applied
	plans  map[Subject]map[string]int64 // fences as last granted
	runs   map[string]Subject           // that are under way
	nextID int
}

var lockProjects = []string{"a@s", "b@s", "c@t", "d@t", "e"}

func copyLocks(l Locks) Locks {
	l.Locks, l.Waiters, l.Closed = slices.Clone(l.Locks), slices.Clone(l.Waiters), slices.Clone(l.Closed)
	l.Left, l.Done = slices.Clone(l.Left), slices.Clone(l.Done)
	return l
}

// step carries out one operation of h and checks it. It works on a copy, as the
// store does, and so finds changes of what copies share.
func (m *lockMachine) step(t *rapid.T, h Subject, op func()) (before Locks) {
	t.Helper()
	before = copyLocks(m.l)
	shared := fmt.Sprintf("%+v", before)
	m.l = copyLocks(m.l)
	m.now = m.now.Add(time.Second)
	op()
	if fmt.Sprintf("%+v", before) != shared {
		t.Fatalf("what the store still has was altered:\n%s", cmp.Diff(shared, fmt.Sprintf("%+v", before)))
	}
	m.checkLocks(t, before, h)
	m.checkLine(t, before)
	return before
}

// checkLocks compares every lock with what it was before an operation of h.
func (m *lockMachine) checkLocks(t *rapid.T, before Locks, h Subject) {
	t.Helper()
	if !slices.IsSortedFunc(m.l.Locks, func(a, b Lock) int { return cmpKeys(a, b) }) {
		t.Fatalf("not in the order of the keys: %+v", m.l.Locks)
	}
	if len(m.l.Locks) < len(before.Locks) {
		t.Fatalf("a lock and its fence are lost")
	}
	for _, was := range before.Locks {
		is := *m.l.find(was.Key)
		granted := !is.Free() && (was.Free() || !was.Holder.Is(is.Holder) || is.TakenAt != was.TakenAt)
		switch {
		case granted && is.Fence != was.Fence+1, !granted && is.Fence != was.Fence:
			t.Fatalf("fence of %s: %d to %d, granted: %v", was.Key, was.Fence, is.Fence, granted)
		case granted && !was.Free() && !was.Yields():
			t.Fatalf("%s went from hand to hand", was.Key)
		case !was.Free() && is.Free() && !was.Holder.Is(h) && !was.Yields():
			t.Fatalf("T33: %d freed what %d held: %s", h.PullRequest, was.Holder.PullRequest, was.Key)
		case was.Busy != "" && is.Busy != was.Busy && m.runs[was.Busy].PullRequest != 0:
			t.Fatalf("T33: %s was busy and is not", was.Key)
		case is.Free() && is != (Lock{Key: is.Key, Fence: is.Fence, Last: is.Last}):
			t.Fatalf("something is left of who held %s: %+v", is.Key, is)
		}
	}
}

func cmpKeys(a, b Lock) int {
	if a.Key < b.Key {
		return -1
	}
	return 1
}

// checkLine says what must hold of the line.
func (m *lockMachine) checkLine(t *rapid.T, before Locks) {
	t.Helper()
	if m.l.LastWaiter < before.LastWaiter {
		t.Fatalf("a place could be given twice: %d after %d", m.l.LastWaiter, before.LastWaiter)
	}
	for i, w := range m.l.Waiters {
		switch {
		case i > 0 && w.ID <= m.l.Waiters[i-1].ID, w.ID > m.l.LastWaiter:
			t.Fatalf("the line is out of order: %+v", m.l.Waiters)
		case m.l.waiting(w.Holder) != i:
			t.Fatalf("%d waits twice", w.Holder.PullRequest)
		case len(w.Projects) == 0:
			t.Fatalf("%d waits for nothing", w.Holder.PullRequest)
		case m.l.closed(w.Holder):
			t.Fatalf("T34: %d is closed and waits", w.Holder.PullRequest)
		case m.only && !w.Idle && len(m.l.Held(w.Holder)) > 0:
			t.Fatalf("%d waits and holds: two could wait for each other", w.Holder.PullRequest)
		}
	}
	for _, lock := range m.l.Locks {
		if m.l.closed(lock.Holder) && !lock.Closing {
			t.Fatalf("T34: %d is closed and holds %s", lock.Holder.PullRequest, lock.Key)
		}
	}
	m.checkMoves(t)
}

// checkMoves makes sure that nobody waits for ever: when all is given back, the
// first in line has its turn.
func (m *lockMachine) checkMoves(t *rapid.T) {
	t.Helper()
	l := copyLocks(m.l)
	for i := range l.Locks {
		l.Locks[i].free()
	}
	if len(l.Waiters) == 0 {
		return
	}
	first := l.Waiters[max(0, slices.IndexFunc(l.Waiters, func(w Waiter) bool { return !w.Idle }))]
	if served := l.Turns(m.now); len(served) == 0 || !served[0].Holder.Is(first.Holder) {
		t.Fatalf("%d is first in line and was not served: %+v", first.Holder.PullRequest, served)
	}
}

// checkOrder makes sure that a grant to h, which stood at place, passed nobody
// but those who wait for h.
func (m *lockMachine) checkOrder(t *rapid.T, before Locks, h Subject, place int64) {
	t.Helper()
	for _, is := range m.l.Locks {
		was := before.find(is.Key)
		if !is.Holder.Is(h) || was != nil && was.Holder.Is(h) {
			continue
		}
		for _, w := range before.Waiters {
			keys := keysOf(w.Projects)
			forH := slices.ContainsFunc(before.Locks, func(l Lock) bool { return l.Holder.Is(h) && slices.Contains(keys, l.Key) })
			stillWaits := slices.ContainsFunc(m.l.Waiters, func(o Waiter) bool { return o.ID == w.ID })
			if stillWaits && w.ID < place && !w.Idle && !w.Holder.Is(h) && slices.Contains(keys, is.Key) && !forH {
				t.Fatalf("%d took %s, which %d wants longer", h.PullRequest, is.Key, w.Holder.PullRequest)
			}
		}
	}
}

// idle ends plans that leave nothing to apply.
func (m *lockMachine) idle(t *rapid.T) {
	h := m.someone(t)
	keys := keysOf(Claims(someProjects(t)))
	m.step(t, h, func() {
		m.l.planning(h, "p", keys)
		m.l.makeIdle("p", keys)
	})
	for _, lock := range m.l.Locks {
		if lock.Yields() && lock.used() {
			t.Fatalf("%s makes way although something was changed under it", lock.Key)
		}
	}
}

func (m *lockMachine) someone(t *rapid.T) Subject {
	return pull(rapid.IntRange(1, 5).Draw(t, "pull request"))
}

func someProjects(t *rapid.T) []JobDocument {
	var docs []JobDocument
	for _, p := range rapid.SliceOfDistinct(rapid.SampledFrom(lockProjects), rapid.ID).Draw(t, "projects") {
		docs = append(docs, projectDocument(p, 0))
	}
	return docs
}

func (m *lockMachine) claim(t *rapid.T) {
	h, docs := m.someone(t), someProjects(t)
	projects, whole := Claims(docs), m.only || rapid.Bool().Draw(t, "whole")
	var fences map[string]int64
	var blocked []Blocked
	before := m.step(t, h, func() { fences, blocked = m.l.Claim(h, projects, whole, m.now) })
	if m.l.closed(h) && len(projects) > 0 && len(blocked) == 0 {
		t.Fatalf("T34: %d is closed and was given %v", h.PullRequest, fences)
	}
	for _, key := range keysOf(projects) {
		was := before.find(key)
		switch {
		case len(blocked) == 0 && !m.l.holds(h, key):
			t.Fatalf("granted without %s", key)
		case len(blocked) > 0 && m.l.holds(h, key) && (was == nil || !was.Holder.Is(h)):
			t.Fatalf("not granted, but with %s", key)
		case len(blocked) > 0 && !m.l.closed(h) && m.l.holds(h, key) && !was.used():
			t.Fatalf("waits for %s and holds it", key)
		}
	}
	if len(blocked) > 0 {
		if i := m.l.waiting(h); !m.l.closed(h) && (i < 0 || m.l.placeFor(h, projects) != m.l.Waiters[i].ID) {
			t.Fatalf("%d was not granted and does not wait", h.PullRequest)
		}
		return
	}
	m.checkOrder(t, before, h, before.placeFor(h, projects))
	if m.plans[h] == nil {
		m.plans[h] = map[string]int64{}
	}
	for project, fence := range fences {
		m.plans[h][project] = fence
	}
}

func (m *lockMachine) turns(t *rapid.T) {
	var served []Waiter
	before := m.step(t, Subject{}, func() { served = m.l.Turns(m.now) })
	for _, w := range served {
		m.checkOrder(t, before, w.Holder, w.ID)
		for _, key := range keysOf(w.Projects) {
			if !m.l.holds(w.Holder, key) {
				t.Fatalf("%d had its turn without %s", w.Holder.PullRequest, key)
			}
		}
	}
	if again := m.l.Turns(m.now); len(again) > 0 {
		t.Fatalf("turns were left: %v", again)
	}
}

func (m *lockMachine) begin(t *rapid.T) {
	h, docs := m.someone(t), someProjects(t)
	for i := range docs {
		docs[i].Fence = m.plans[h][docs[i].Project.Name]
	}
	m.nextID++
	id := fmt.Sprint("r", m.nextID)
	var err error
	before := m.step(t, h, func() { err = m.l.Begin(h, id, docs, m.now) })
	if err != nil {
		if d := cmp.Diff(before.Locks, m.l.Locks); d != "" {
			t.Fatalf("refused, but something changed:\n%s", d)
		}
		return
	}
	for _, doc := range docs {
		for _, key := range LockKeys(doc) {
			if was := before.find(key); !was.Holder.Is(h) || was.Busy != "" || m.l.find(key).Busy != id {
				t.Fatalf("began with %+v", was)
			}
		}
	}
	m.runs[id] = h
}

func (m *lockMachine) end(t *rapid.T) {
	m.nextID++
	id := fmt.Sprint("r", rapid.IntRange(1, m.nextID).Draw(t, "run"))
	h := m.runs[id]
	delete(m.runs, id)
	failed := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})).Draw(t, "failed")
	m.step(t, h, func() { m.l.End(id, []string{"a", "b", "c", "d", "e"}, failed, nil, m.now) })
	if slices.ContainsFunc(m.l.Locks, func(l Lock) bool { return l.Busy == id }) {
		t.Fatalf("%s ended and is busy", id)
	}
}

func (m *lockMachine) release(t *rapid.T) {
	h := m.someone(t)
	m.step(t, h, func() { m.l.Release(h, names(Claims(someProjects(t)))) })
}

func (m *lockMachine) closing(t *rapid.T) {
	h, merged := m.someone(t), rapid.Bool().Draw(t, "merged")
	m.step(t, h, func() { m.l.Close(h, merged, m.now) })
	once := copyLocks(m.l)
	m.step(t, h, func() { m.l.Close(h, !merged, m.now) })
	if merged { // what a merge keeps, no later news takes
		if d := cmp.Diff(once.Locks, m.l.Locks); d != "" {
			t.Fatalf("closed twice:\n%s", d)
		}
	}
}

func (m *lockMachine) reopen(t *rapid.T) {
	h := m.someone(t)
	m.step(t, h, func() { m.l.Reopen(h, m.now) })
}

func machine(only bool) *lockMachine {
	return &lockMachine{now: noon, only: only, plans: map[Subject]map[string]int64{}, runs: map[string]Subject{}}
}

func TestWhatAlwaysHoldsOfLocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := machine(false)
		t.Repeat(map[string]func(*rapid.T){
			"claim": m.claim, "claim more": m.claim, "turns": m.turns, "begin": m.begin, "end": m.end,
			"release": m.release, "close": m.closing, "reopen": m.reopen, "idle": m.idle,
		})
	})
}

// TestWhoWaitsHoldsNothing is about plans of whole pull requests before
// anything is applied: no two of them can wait for each other.
func TestWhoWaitsHoldsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := machine(true)
		t.Repeat(map[string]func(*rapid.T){"claim": m.claim, "turns": m.turns, "release": m.release, "close": m.closing, "reopen": m.reopen,
			"idle": m.idle})
	})
}
