package run

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper/fair"
)

// How many runs are prepared at once. Most of it is waiting for GitHub and git,
// so there are many; what is slow there cannot have all of them.
var preparing = fair.Limits{All: 32, Installation: 12, Repository: 6}

// line is the runs that wait to be prepared, and what decides whose turn it is.
// It is in memory alone, made of runs as they are stored. Its methods are for one
// goroutine at a time; none of them waits.
type line struct {
	shares  *fair.Shares
	waiting []inLine            // in the order of their ids, which is that of their making
	at      map[string]fair.Key // runs that are being prepared
	under   map[string]string   // the work of plans that have been prepared and are not over, by run id
	works   map[string]int      // how many plans of one work are being prepared or under way
	busy    map[string]string   // the work of plans that are being prepared, by run id
	applies map[string]Run      // that are not over, by run id
}

type inLine struct {
	id      string
	key     fair.Key
	work    string
	asked   bool
	retryAt time.Time
	plan    Run // of what a person asked to plan: it may stand behind an apply
}

func newLine() *line {
	return &line{shares: fair.New(preparing), at: map[string]fair.Key{}, under: map[string]string{}, works: map[string]int{}, busy: map[string]string{}, applies: map[string]Run{}}
}

// saw takes note of a run as it was saved last.
func (l *line) saw(r Run) {
	i, found := slices.BinarySearchFunc(l.waiting, r.ID, func(w inLine, id string) int { return cmp.Compare(w.id, id) })
	w := inLine{id: r.ID, key: r.Whose().Key(), work: r.work(), asked: r.Trigger.Asked(), retryAt: r.RetryAt}
	if w.asked && r.Kind == KindPlan {
		w.plan = r
	}
	switch {
	case r.State != StateAccepted && found:
		l.waiting = slices.Delete(l.waiting, i, i+1)
	case r.State == StateAccepted && found:
		l.waiting[i] = w
	case r.State == StateAccepted:
		l.waiting = slices.Insert(l.waiting, i, w)
	}
	delete(l.applies, r.ID)
	if r.Kind.Mutating() && !r.State.Final() {
		l.applies[r.ID] = r
	}
	l.mark(l.under, r.ID, "")
	if r.State == StateRunning && !r.Ending() {
		l.mark(l.under, r.ID, r.work())
	}
}

// mark notes the work of a run in one of the maps, and counts it; empty ends that.
func (l *line) mark(in map[string]string, id, work string) {
	if before := in[id]; before != "" {
		if l.works[before]--; l.works[before] == 0 {
			delete(l.works, before)
		}
		delete(in, id)
	}
	if work != "" {
		in[id] = work
		l.works[work]++
	}
}

// next takes the run out of those that may be prepared whose turn it is.
//
// A plan that a person asked for waits while one of the same work is under way:
// who asks meanwhile joins the one that waits, and so a hundred who ask cost two. It
// waits, too, while an apply changes what it would show.
func (l *line) next(now time.Time) (id string, ok bool) {
	var keys []fair.Key
	var may []inLine
	for _, w := range l.waiting {
		_, at := l.at[w.id]
		if !at && !w.retryAt.After(now) && !(w.asked && l.works[w.work] > 0) && !l.behindApply(w.plan) {
			keys, may = append(keys, w.key), append(may, w)
		}
	}
	i := l.shares.Next(keys)
	if i < 0 {
		return "", false
	}
	w := may[i]
	l.shares.Take(w.key)
	l.at[w.id] = w.key
	l.mark(l.busy, w.id, w.work)
	return w.id, true
}

// behindApply reports whether a plan waits until an apply is over.
func (l *line) behindApply(plan Run) bool {
	for _, apply := range l.applies {
		if plan.standsBehind(&apply) {
			return true
		}
	}
	return false
}

// done takes the turn of a run back.
func (l *line) done(id string) {
	l.shares.Give(l.at[id])
	delete(l.at, id)
	l.mark(l.busy, id, "")
}

// putOff lets a run wait longer than its stored state says.
func (l *line) putOff(id string, until time.Time) {
	for i, w := range l.waiting {
		if w.id == id {
			l.waiting[i].retryAt = until
		}
	}
}

// isAt reports whether a run is being prepared.
func (l *line) isAt(id string) bool {
	_, at := l.at[id]
	return at
}

// wait is how long until one that was put off may go on, at most most.
func (l *line) wait(now time.Time, most time.Duration) time.Duration {
	for _, w := range l.waiting {
		if w.retryAt.After(now) {
			most = min(most, w.retryAt.Sub(now))
		}
	}
	return most
}
