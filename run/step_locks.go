package run

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
)

// Options are what the server's config decides about locks and merges.
type Options struct {
	NoApply     map[string]bool // names of environments in which pull requests apply nothing
	LockAtApply bool            // plans take no locks
	Merge       bool            // a pull request is merged when everything is applied
}

// StepWithLocks is Step together with the locks that the event takes or gives
// back. Like Step it is pure, but for l and the ids of new runs, and takes every event in every state.
func StepWithLocks(r Run, e Event, l *Locks, o Options, now time.Time) (Next, Saved) {
	before := l.view()
	e = r.onBaseNow(e)
	_, prepared := e.(Prepared)
	if prepared && r.State == StateAccepted && !l.Reopen(r.Pull(), r.CreatedAt) {
		e, prepared = PullClosed{At: now}, false // while it was prepared
	}
	next := Step(r, e)
	if prepared && r.State == StateAccepted && r.Kind == KindPlan && r.Trigger.ByPerson() && l.changing(r.Pull(), Claims(documents(next.Run.Jobs))) {
		return Next{Run: r}, Saved{} // it stays in line and is prepared again when that apply is over
	}
	left := l.Left
	switch {
	case next.Run.Kind == KindPlan:
		if prepared && r.State == StateAccepted {
			l.claim(&next, o, now)
		}
		if next.Run.State.Final() && !r.State.Final() {
			l.planned(&next.Run)
		}
	case prepared && r.State == StateAccepted:
		if problem := l.begin(&next, o, now); problem != nil {
			next = Step(r, Refused{At: now, Problem: *problem, HeadSHA: next.Run.HeadSHA})
		}
	case next.Run.Kind.Traits().Locks && next.Run.State.Final() && !r.State.Final():
		l.End(r.ID, next.Run.applied(), next.Run.halfDone(), next.Run.astray(), now)
		next.Notices = append(next.Notices, l.applied(&next.Run)...)
		if o.Merge && next.Run.State == StateSucceeded && next.Run.Objection == "" {
			next.Notices = append(next.Notices, MergePull(next.Run))
		}
	}
	saved := l.turnRuns(now)
	if other, ok := leftOver(r, e, now.UTC()); ok && next.Run.State.Final() {
		saved.Runs = append(saved.Runs, other)
	}
	next.Notices = append(next.Notices, leftNotices(left, l.Left, nil)...)
	next.Notices = append(next.Notices, affected(before, l.view(), r.Pull())...)
	return next, Saved{Notices: append(next.Notices, saved.Notices...), Runs: saved.Runs}
}

// claim takes the locks of a plan's projects, or puts the pull request in line.
// What the merge queue asks about belongs to nobody yet.
func (l *Locks) claim(next *Next, o Options, now time.Time) {
	r := &next.Run
	if o.LockAtApply || !r.OfPull() || r.State == StateRefused {
		return
	}
	fences, blocked := l.Claim(r.Pull(), Claims(documents(r.Jobs)), len(r.Selectors) == 0, now)
	r.Blocked = blocked
	r.fence(fences)
	if len(blocked) == 0 {
		l.planning(r.Pull(), r.ID, keysOf(Claims(documents(r.Jobs))))
	}
}

// begin gives the jobs of an apply their plans and their locks, all or none.
func (l *Locks) begin(next *Next, o Options, now time.Time) *Problem {
	r := &next.Run
	if o.LockAtApply {
		fences, blocked := l.Claim(r.Pull(), Claims(documents(r.Jobs)), false, now)
		if len(blocked) > 0 {
			return lockedBy(blocked)
		}
		r.fence(fences)
	}
	if err := l.Begin(r.Pull(), r.ID, documents(r.Jobs), now); errors.Is(err, ErrSameState) {
		return &Problem{Code: "same_state", Message: "Two of the projects have the same state, so one apply cannot change both. Comment " +
			"`/apply` with the name of one, then `/plan` and `/apply` with the name of the other."}
	} else if err != nil {
		return &Problem{Code: "lock_lost", Message: "The locks are not held any more as they were when the plan was made, or another " +
			"apply is under way, so nothing was applied. `/status` says which; then comment `/plan`, and `/apply` when it is shown."}
	}
	for _, j := range r.Jobs {
		if p := j.Document.Plan; p != nil {
			l.Consumed = append(l.Consumed, Consumed{PlanJob: p.JobID, ApplyJob: j.ID})
		}
	}
	return nil
}

func lockedBy(blocked []Blocked) *Problem {
	var b strings.Builder
	b.WriteString("Nothing was applied, because somebody else holds what it needs:\n")
	for _, x := range blocked {
		fmt.Fprintf(&b, "\n- %s is held by #%d", markdown.Quote(x.Project), x.Holder.PullRequest)
	}
	b.WriteString("\n\nThis pull request is in the queue and gets the locks when they are free.")
	return &Problem{Code: "locked", Message: b.String()}
}

// PlanUsed is the refusal of an apply whose plan was taken by another one.
func PlanUsed() Problem {
	return Problem{Code: "plan_used", Message: "Another apply has taken this plan already, and a plan is applied once. Comment `/plan` " +
		"to see what is left to do."}
}

// fence puts the fences of projects into the documents of their jobs. Jobs are
// copied: Step's result may share them with nobody, but its caller's run does.
func (r *Run) fence(fences map[string]int64) {
	r.Jobs = slices.Clone(r.Jobs)
	for i := range r.Jobs {
		if f, ok := fences[r.Jobs[i].Document.Project.Name]; ok {
			r.Jobs[i].Document.Fence = f
		}
	}
}

// applied are the projects of jobs that succeeded.
func (r *Run) applied() []string {
	return r.projects(func(j Job) bool { return j.State == JobSucceeded })
}

// halfDone are the projects of jobs that may have changed something and did not
// succeed.
func (r *Run) halfDone() []string {
	return r.projects(func(j Job) bool { return j.State != JobSucceeded && j.Result != nil && j.Result.Began })
}

// astray are those of them whose state is in no backend.
func (r *Run) astray() []string { return r.projects(Job.Astray) }

func (r *Run) projects(is func(Job) bool) []string {
	var out []string
	for _, j := range r.Jobs {
		if is(j) {
			out = append(out, j.Document.Project.Name)
		}
	}
	return out
}

func documents(jobs []Job) []JobDocument {
	out := make([]JobDocument, len(jobs))
	for i, j := range jobs {
		out[i] = j.Document
	}
	return out
}

// turnRuns makes a plan for each pull request that has waited long enough.
func (l *Locks) turnRuns(now time.Time) Saved {
	var s Saved
	now = now.UTC()
	for _, t := range l.Turns(now) {
		r := Run{
			ID: NewID(now), Key: fmt.Sprintf("turn/%d/%d/%d/%d", t.Holder.Repository.ID, t.Holder.PullRequest, t.ID, l.fence(keysOf(t.Projects))),
			Subject: Subject{Repository: t.Holder.Repository, PullRequest: t.Holder.PullRequest}, Kind: KindPlan,
			Trigger: TriggerTurn, State: StateAccepted, CreatedAt: now,
		}
		for _, p := range t.Projects {
			r.Selectors = append(r.Selectors, p.Project)
		}
		s.Runs = append(s.Runs, r)
	}
	return s
}

// lockView is what people are shown of the locks, by key: who holds one, and
// who waits for it in which order.
type lockView map[string][]Subject

func (l *Locks) view() lockView {
	v := lockView{}
	for _, k := range l.Locks {
		if !k.Free() {
			v[k.Key] = append(v[k.Key], k.Holder)
		}
	}
	waiters := slices.Clone(l.Waiters)
	slices.SortFunc(waiters, func(a, b Waiter) int { return cmp.Compare(a.ID, b.ID) })
	for _, waiter := range waiters {
		for _, p := range waiter.Projects {
			for _, key := range p.Keys {
				v[key] = append(v[key], waiter.Holder)
			}
		}
	}
	return v
}

// affected refreshes the comments of every pull request that is shown something
// else now, but for the one whose own run says so anyway.
func affected(before, after lockView, but Subject) []Notice {
	var shown []Subject
	for _, one := range []struct{ a, b lockView }{{before, after}, {after, before}} {
		for key, holders := range one.a {
			if slices.EqualFunc(holders, one.b[key], Subject.Is) {
				continue
			}
			for _, h := range holders {
				if !h.Is(but) && !slices.ContainsFunc(shown, h.Is) {
					shown = append(shown, h)
				}
			}
		}
	}
	slices.SortFunc(shown, func(a, b Subject) int {
		return cmp.Or(cmp.Compare(a.Repository.ID, b.Repository.ID), cmp.Compare(a.PullRequest, b.PullRequest))
	})
	out := make([]Notice, len(shown))
	for i, h := range shown {
		out[i] = RefreshComment(h.Repository, h.PullRequest)
	}
	return out
}

// UpdateLocks changes locks, gives those that became free to who waits, and brings
// every comment up to date that shows one of them.
func UpdateLocks(l *Locks, now time.Time, change func(*Locks) []Notice) Saved {
	before := l.view()
	notices := change(l)
	saved := l.turnRuns(now)
	saved.Notices = append(notices, affected(before, l.view(), Subject{})...)
	return saved
}

// NeedsLocks reports whether an event may take or give back locks, or leave
// someone behind who gets a run of their own, which is saved in the same way: then
// StepWithLocks decides, and Step else.
func NeedsLocks(r Run, e Event, now time.Time) bool {
	if _, ok := leftOver(r, e, now); ok {
		return true
	}
	if r.Kind.Traits().Locks {
		return !r.State.Final()
	}
	if r.Kind != KindPlan || !r.OfPull() {
		return false
	}
	if m, ok := e.(Messaged); ok {
		return m.Message.Kind == MessageFinished && !r.State.Final() && Step(r, e).Run.State.Final()
	}
	_, prepared := e.(Prepared)
	return prepared
}
