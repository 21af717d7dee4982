package run

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
)

// planning notes that a plan run has the locks of keys, which h holds.
func (l *Locks) planning(h Subject, runID string, keys []string) {
	for _, key := range keys {
		if lock := l.find(key); lock != nil && lock.Holder.Is(h) {
			lock.Plan = runID
		}
	}
}

// makeIdle notes that nothing can be applied under locks that a plan run claimed
// last.
func (l *Locks) makeIdle(runID string, keys []string) {
	for _, key := range keys {
		if lock := l.find(key); lock != nil && runID != "" && lock.Plan == runID {
			lock.Idle = true
		}
	}
}

// planned notes what follows from a plan run that is over: locks under which nothing
// can be applied are given on when someone wants them.
func (l *Locks) planned(r *Run) {
	if !r.OfPull() || r.PreparedAt.IsZero() || l.closed(r.Pull()) || r.Closed {
		return
	}
	var idle, needed []string // keys
	for _, j := range r.Jobs {
		s := ProjectStatus{Project: j.Document.Project.Name, PlanRun: *r, Plan: j}
		keys := LockKeys(j.Document)
		if j.State != JobSucceeded || s.Empty() || slices.Contains(r.Drafts, s.Project) || s.PlanOnly() {
			idle = append(idle, keys...)
		} else {
			needed = append(needed, keys...)
		}
		done := s.Applied()
		l.count(r.Pull(), keys, done)
		if done && s.Untouched() && r.Behind == 0 {
			l.settled(keys, r.CreatedAt)
		}
	}
	if r.SupersededBy == "" { // else another plan is on its way
		l.makeIdle(r.ID, slices.DeleteFunc(idle, func(key string) bool { return slices.Contains(needed, key) }))
	}
}

// applied notes what follows from an apply that is over, for other pull requests,
// and returns what they have to be shown.
func (l *Locks) applied(r *Run) []Notice {
	var out []Notice
	h := r.Pull()
	done, half := r.applied(), r.halfDone()
	for _, j := range r.Jobs {
		name, keys := j.Document.Project.Name, LockKeys(j.Document)
		ok, part := slices.Contains(done, name), slices.Contains(r.Parts, name)
		if !ok && !slices.Contains(half, name) {
			continue
		}
		for _, other := range l.outdate(h, keys) {
			out = append(out, RefreshNewest(other), RefreshComment(other.Repository, other.PullRequest))
		}
		for _, w := range l.Waiters {
			if !w.Holder.Is(h) && w.wants(func(key string) bool { return slices.Contains(keys, key) }) {
				out = append(out, RefreshComment(w.Holder.Repository, w.Holder.PullRequest))
			}
		}
		if l.closed(h) {
			continue
		}
		l.count(h, keys, ok && !part)
		if ok && !part {
			l.settle(keys, func(x Left) bool { return !x.Merged || r.Behind == 0 && x.At.Before(r.CreatedAt) })
			if r.Behind == 0 {
				l.asBase(keys, r.CreatedAt)
			}
		}
	}
	return distinct(out)
}

func distinct(notices []Notice) []Notice {
	var out []Notice
	for _, n := range notices {
		if !slices.ContainsFunc(out, func(o Notice) bool { return o.Kind == n.Kind && o.Key == n.Key }) {
			out = append(out, n)
		}
	}
	return out
}

// leaveApplied notes what a pull request that is closed applied and whose lock it
// gave back, unless someone has changed that since.
func (l *Locks) leaveApplied(h Subject, runs []Run, now time.Time) {
	for _, r := range runs {
		if !r.Kind.Traits().Locks {
			continue
		}
		changed := append(r.applied(), r.halfDone()...)
		for _, j := range r.Jobs {
			keys := LockKeys(j.Document)
			still := slices.ContainsFunc(keys, func(key string) bool {
				lock := l.find(key)
				return lock != nil && lock.Last.By.Is(h) && !lock.Last.Merged && !lock.Holder.Is(h)
			})
			if still && slices.Contains(changed, j.Document.Project.Name) {
				l.LeaveBehind(h, Claimed{Project: j.Document.Project.Name, Keys: keys}, false, now)
			}
		}
	}
}

// leftNotices notify pull requests of what they leave behind, once each; never are the names
// of projects that were not planned.
func leftNotices(before, after []Left, never []string) []Notice {
	var out []Notice
	for i, x := range after {
		if x.Unknown() {
			continue // NotKnown has reported it
		}
		same := func(o Left) bool { return o.Holder.Is(x.Holder) && o.Merged == x.Merged }
		known, earlier := false, 0
		for _, o := range before {
			if same(o) {
				known, earlier = known || o.Project == x.Project, earlier+1
			}
		}
		key := leftKey(x)
		if earlier > 0 {
			key += fmt.Sprintf("/and%d", earlier) // what was said before stays
		}
		if known || slices.ContainsFunc(out, func(n Notice) bool { return n.Key == key }) {
			continue
		}
		var projects []string
		for _, o := range after[i:] {
			if same(o) {
				projects = append(projects, o.Project)
			}
		}
		out = append(out, ReplyTo(x.Holder.Repository, x.Holder.PullRequest, key, leftText(x, projects, never)))
	}
	return out
}

func leftKey(x Left) string {
	return fmt.Sprintf("left/%d/%d/%v", x.Holder.Repository.ID, x.Holder.PullRequest, x.Merged)
}

// shownLeft is how many projects one sentence names.
const shownLeft = 5

func leftText(x Left, projects, never []string) string {
	names, accept := leftNames(projects), leftAccept(projects[0])
	switch shows := "its plan shows what is missing, and its `/apply` makes it.\n\n" + accept; {
	case x.Merged && len(never) == len(projects):
		return "**Merged without a plan**: " + names + ". Nobody knows whether the base branch is ahead of what runs. Open a pull request that changes the project, or reverts this one: " + shows
	case x.Merged:
		unknown := ""
		if len(never) > 0 {
			names = leftNames(slices.DeleteFunc(slices.Clone(projects), func(p string) bool { return slices.Contains(never, p) }))
			unknown = " Merged without a plan: " + leftNames(never) + "."
		}
		return "**Merged, but not applied**: " + names + ". The base branch is ahead of what runs." + unknown + " Open a pull request that changes the project, or reverts this one: " + shows
	}
	return "**Closed after an apply**: " + names + ". What was applied here still runs and is not on the base branch, so the next apply of another pull request " +
		"undoes it. Reopen and merge this one to keep it, or `/apply` from another one to undo it.\n\n" + accept
}

func leftNames(projects []string) string {
	var quoted []string
	for _, p := range projects[:min(len(projects), shownLeft)] {
		quoted = append(quoted, markdown.Quote(p))
	}
	names := strings.Join(quoted, ", ")
	if rest := len(projects) - shownLeft; rest > 0 {
		names += fmt.Sprintf(" and %d more", rest)
	}
	return names
}

func leftAccept(project string) string {
	return "Comment `/unlock " + codeName(project) + " reason=…` here when that may stay so. Until then `/status` shows it."
}

// codeName is a project's name for a line that is inside of backquotes.
func codeName(project string) string {
	if strings.ContainsAny(project, "`\n\r") {
		return "project"
	}
	return project
}

// heirs refreshes the comments of those that hold or wait for what h applied last:
// they say whether that is merged.
func heirs(l *Locks, h Subject) []Notice {
	var out []Notice
	for _, lock := range l.Locks {
		if !lock.Last.By.Is(h) || lock.Last.By.IsZero() {
			continue
		}
		if !lock.Free() && !lock.Holder.Is(h) {
			out = append(out, RefreshComment(lock.Holder.Repository, lock.Holder.PullRequest))
		}
		for _, w := range l.Waiters {
			if !w.Holder.Is(h) && w.wants(func(key string) bool { return key == lock.Key }) {
				out = append(out, RefreshComment(w.Holder.Repository, w.Holder.PullRequest))
			}
		}
	}
	return distinct(out)
}
