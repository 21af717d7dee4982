package worker

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockkeeper/lockkeeper/fair"
	"github.com/lockkeeper/lockkeeper/run"
)

// How many runs are prepared at once. Most of it is waiting for GitHub and git,
// so there are many; what is slow there cannot have all of them.
var preparing = fair.Limits{All: 32, Installation: 12, Repository: 6}

// queue is the runs that wait to be prepared, and what decides whose turn it is.
// It is in memory alone, made of runs as they are stored. Its methods are for one
// goroutine at a time; none of them waits.
type queue struct {
	shares  *fair.Shares
	waiting []waiter            // in the order of their ids, which is that of their making
	at      map[string]fair.Key // runs that are being prepared
	under   map[string]string   // the work of plans that have been prepared and are not over, by run id
	works   map[string]int      // how many plans of one work are being prepared or under way
	busy    map[string]string   // the work of plans that are being prepared, by run id
	applies map[string]run.Run  // that are not over, by run id
}

type waiter struct {
	id       string
	key      fair.Key
	work     string
	byPerson bool
	retryAt  time.Time
	plan     run.Run // of what a person requested to plan: it may stand behind an apply
}

func newQueue() *queue {
	return &queue{shares: fair.New(preparing), at: map[string]fair.Key{}, under: map[string]string{}, works: map[string]int{}, busy: map[string]string{}, applies: map[string]run.Run{}}
}

// observe takes note of a run as it was saved last.
func (q *queue) observe(r run.Run) {
	i, found := slices.BinarySearchFunc(q.waiting, r.ID, func(w waiter, id string) int { return cmp.Compare(w.id, id) })
	w := waiter{id: r.ID, key: r.Whose().Key(), work: r.Work(), byPerson: r.Trigger.ByPerson(), retryAt: r.RetryAt}
	if w.byPerson && r.Kind == run.KindPlan {
		w.plan = r
	}
	switch {
	case r.State != run.StateAccepted && found:
		q.waiting = slices.Delete(q.waiting, i, i+1)
	case r.State == run.StateAccepted && found:
		q.waiting[i] = w
	case r.State == run.StateAccepted:
		q.waiting = slices.Insert(q.waiting, i, w)
	}
	delete(q.applies, r.ID)
	if r.Kind.Traits().Locks && !r.State.Final() {
		q.applies[r.ID] = r
	}
	q.mark(q.under, r.ID, "")
	if r.State == run.StateRunning && !r.Ending() {
		q.mark(q.under, r.ID, r.Work())
	}
}

// mark notes the work of a run in one of the maps, and counts it; empty ends that.
func (q *queue) mark(in map[string]string, id, work string) {
	if before := in[id]; before != "" {
		if q.works[before]--; q.works[before] == 0 {
			delete(q.works, before)
		}
		delete(in, id)
	}
	if work != "" {
		in[id] = work
		q.works[work]++
	}
}

// next takes the run out of those that may be prepared whose turn it is.
//
// A plan that a person requested waits while one of the same work is under way:
// who asks meanwhile joins the one that waits, and so a hundred who ask cost two. It
// waits, too, while an apply changes what it would show.
func (q *queue) next(now time.Time) (id string, ok bool) {
	var keys []fair.Key
	var may []waiter
	for _, w := range q.waiting {
		_, at := q.at[w.id]
		if !at && !w.retryAt.After(now) && !(w.byPerson && q.works[w.work] > 0) && !q.behindApply(w.plan) {
			keys, may = append(keys, w.key), append(may, w)
		}
	}
	i := q.shares.Next(keys)
	if i < 0 {
		return "", false
	}
	w := may[i]
	q.shares.Take(w.key)
	q.at[w.id] = w.key
	q.mark(q.busy, w.id, w.work)
	return w.id, true
}

// behindApply reports whether a plan waits until an apply is over.
func (q *queue) behindApply(plan run.Run) bool {
	for _, apply := range q.applies {
		if plan.WaitsBehind(&apply) {
			return true
		}
	}
	return false
}

// done takes the turn of a run back.
func (q *queue) done(id string) {
	q.shares.Give(q.at[id])
	delete(q.at, id)
	q.mark(q.busy, id, "")
}

// putOff lets a run wait longer than its stored state says.
func (q *queue) putOff(id string, until time.Time) {
	for i, w := range q.waiting {
		if w.id == id {
			q.waiting[i].retryAt = until
		}
	}
}

// isAt reports whether a run is being prepared.
func (q *queue) isAt(id string) bool {
	_, at := q.at[id]
	return at
}

// wait is how long until one that was put off may go on, at most most.
func (q *queue) wait(now time.Time, most time.Duration) time.Duration {
	for _, w := range q.waiting {
		if w.retryAt.After(now) {
			most = min(most, w.retryAt.Sub(now))
		}
	}
	return most
}
