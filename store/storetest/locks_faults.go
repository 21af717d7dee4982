package storetest

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/lockkeeper/lockkeeper/run"
)

// lockFaults are ways in which locks could be wrong. Each is made for one
// history and may remember something of it.
var lockFaults = map[string]func() lockFault{
	"a fence does not grow": only("claim turns", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		shift := func(by int64) {
			for i := range l.Locks {
				if l.Locks[i].Free() && l.Locks[i].Fence > 0 {
					l.Locks[i].Fence += by
				}
			}
		}
		shift(-1)
		do(in)
		shift(1)
	}),
	"a busy lock is given away": only("claim", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		freeIf(l, func(k run.Lock) bool { return wanted(in, k.Key) && k.Busy != "" && !k.Holder.Is(modelHolder(in.pull)) })
		do(in)
	}),
	"a held lock is given away": only("claim", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		freeIf(l, func(k run.Lock) bool { return wanted(in, k.Key) && k.Busy == "" && !k.Holder.Is(modelHolder(in.pull)) })
		do(in)
	}),
	"anybody releases": only("release", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		for pull := range modelPulls {
			in.pull = int8(pull + 1)
			if out := do(in); out.released != 0 {
				return
			}
		}
	}),
	"a release frees what is busy": only("release", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		for i := range l.Locks {
			if l.Locks[i].Holder.Is(modelHolder(in.pull)) {
				l.Locks[i].Busy = ""
			}
		}
		do(in)
	}),
	"a part is given": only("claim", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		if out := do(in); out.blocked == [modelProjects]modelBlocked{} {
			return
		}
		for i := range l.Locks {
			if k := &l.Locks[i]; k.Free() && wanted(in, k.Key) {
				*k = run.Lock{Key: k.Key, Fence: k.Fence + 1, Holder: modelHolder(in.pull), Project: "p0", TakenAt: Noon}
			}
		}
	}),
	"a claim jumps the queue": only("claim", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		before := l.Clone()
		others := hide(l, func(w run.Waiter) bool { return !w.Holder.Is(modelHolder(in.pull)) })
		if out := do(in); out.blocked == [modelProjects]modelBlocked{} {
			show(l, others)
			return
		}
		*l = before
		do(in)
	}),
	"a turn jumps the queue": only("turns", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		last := l.LastWaiter
		for _, w := range l.Waiters {
			last = w.ID
		}
		others := hide(l, func(w run.Waiter) bool { return w.ID != last })
		do(in)
		show(l, others)
	}),
	"somebody who waits is lost": only("claim", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		if out := do(in); out.blocked != [modelProjects]modelBlocked{} {
			hide(l, func(w run.Waiter) bool { return w.Holder.Is(modelHolder(in.pull)) })
		}
	}),
	"a plan is given twice": only("consume", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		do(in)
		l.Consumed = nil
	}),
	"an old plan begins": only("begin", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		m := modelOf(*l)
		for p := range modelProjects {
			in.fences[p] = m.fence(p)
		}
		do(in)
	}),
	"an end is lost": only("end", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {}),
	"an end forgets failure": only("end", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		in.dirty = 0
		do(in)
	}),
	"what is closed takes locks": only("claim", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		closed := l.Closed
		l.Closed = nil
		do(in)
		l.Closed = closed
	}),
	"time takes a lock away": only("turns", func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
		freeIf(l, func(k run.Lock) bool { return k.Busy == "" && k.Fence%5 == 0 })
		do(in)
	}),
	"an update is lost": func() lockFault {
		var last run.Locks // as the operation before loaded it
		return func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
			if in.op == "read" {
				do(in)
				return
			}
			now := l.Clone()
			if in.op == "end" && len(last.Locks) == len(l.Locks) {
				*l = last
			}
			last = now
			do(in)
		}
	},
	"a read is old": func() lockFault {
		var last atomic.Pointer[run.Locks]
		return func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
			if in.op != "read" {
				do(in)
				return
			}
			now := l.Clone()
			if old := last.Swap(&now); old != nil {
				*l = *old
			}
			do(in)
		}
	},
}

// only is a fault of some operations, which are named with blanks between.
func only(ops string, fault lockFault) func() lockFault {
	return func() lockFault {
		return func(in modelInput, l *run.Locks, do func(modelInput) modelOutput) {
			if !slices.Contains(strings.Fields(ops), in.op) {
				do(in)
				return
			}
			fault(in, l, do)
		}
	}
}

func wanted(in modelInput, key string) bool {
	for _, p := range run.Claims(modelDocuments(in)) {
		if slices.Contains(p.Keys, key) {
			return true
		}
	}
	return false
}

func freeIf(l *run.Locks, so func(run.Lock) bool) {
	for i, k := range l.Locks {
		if !k.Free() && so(k) {
			l.Locks[i] = run.Lock{Key: k.Key, Fence: k.Fence}
		}
	}
}

// hide takes waiters out of the line and returns them; show puts them back.
func hide(l *run.Locks, so func(run.Waiter) bool) (hidden []run.Waiter) {
	var left []run.Waiter
	for _, w := range l.Waiters {
		if so(w) {
			hidden = append(hidden, w)
		} else {
			left = append(left, w)
		}
	}
	l.Waiters = left
	return hidden
}

func show(l *run.Locks, hidden []run.Waiter) {
	l.Waiters = append(l.Waiters, hidden...)
	slices.SortFunc(l.Waiters, func(a, b run.Waiter) int { return int(a.ID - b.ID) })
}

// TestTheCheckerSeesFaults is what TestLocksAreLinearizable is worth: locks that
// are wrong in any of these ways do not pass it.
func (u suite) TestTheCheckerSeesFaults(t *testing.T) {
	for name, fault := range lockFaults {
		t.Run(name, func(t *testing.T) {
			// A fault shows when clients meet, which some histories lack.
			result, seed := porcupine.Ok, uint64(0)
			for history := 0; history < 5 && result == porcupine.Ok; history++ {
				h := u.newHistory(t, fault())
				for len(h.ops) < 4000 && result == porcupine.Ok {
					h.record(t.Context(), seed, 400)
					result = h.check(t)
					seed++
				}
			}
			if result != porcupine.Illegal {
				t.Errorf("5 histories: %s, want Illegal", result)
			}
		})
	}
}
