package run

import (
	"slices"
	"time"
)

// Over says how a pull request ended, as GitHub shows it.
type Over struct {
	Merged           bool
	HeadSHA, BaseRef string    // that it ended with; empty when that is not known
	MergedAt         time.Time // by GitHub's clock; zero when that is not known

	// Unplanned are, of one that was merged, the projects that it changed, where not all
	// of them were planned at HeadSHA.
	Unplanned []JobDocument
}

// EndPull notes in the locks that a pull request is over, from its newest runs, newest
// first. Doing it again only adds what was not known the first time.
func (l *Locks) EndPull(h Subject, over Over, runs []Run, o Options, now time.Time) []Notice {
	left, known := l.Left, l.closed(h)
	switch {
	case known:
	case over.Merged:
		l.merged(h, runs, over, o, now)
	default:
		l.leaveApplied(h, runs, now)
	}
	never := l.unplanned(h, runs, over, o, now)
	l.Close(h, over.Merged, now)
	notices := leftNotices(left, l.Left, never)
	if len(notices) > 0 && len(runs) > 0 {
		notices = append(notices, RefreshComment(h.Repository, h.PullRequest))
	}
	if !known {
		notices = append(notices, RefreshNewest(h)) // its buttons
	}
	return append(notices, heirs(l, h)...)
}

// merged notes what a pull request that was merged leaves to do: projects that it
// changes and that are not applied. Those that are, at a head that has all of the
// base branch, are as the base branch says. What is being applied is known later, but
// for what was planned of another commit or for another base than what was merged:
// nobody knows what that changes.
func (l *Locks) merged(h Subject, runs []Run, over Over, o Options, now time.Time) {
	runs = ofPull(runs)
	known, unknown := over.statuses(runs)
	for _, s := range l.Overtake(known) {
		doc := s.Plan.Document
		keys := LockKeys(doc)
		busy := slices.ContainsFunc(keys, func(key string) bool {
			lock := l.find(key)
			return lock != nil && lock.Holder.Is(h) && lock.Busy != ""
		})
		switch {
		case o.notByApply(s), busy:
		case !s.Applied():
			l.LeaveBehind(h, Claimed{Project: s.Project, Keys: keys}, true, now)
		case s.PlanRun.Behind == 0:
			l.settled(keys, s.PlanRun.CreatedAt)
		}
	}
	for _, s := range unknown {
		if !o.notByApply(s) {
			l.LeaveBehind(h, Claimed{Project: s.Project, Keys: LockKeys(s.Plan.Document)}, true, now)
		}
	}
}

// ofPull leaves out runs about other commits than the pull request's own.
func ofPull(runs []Run) []Run {
	return slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return !r.OfPull() })
}

// notByApply reports whether a project is not for /apply from the pull request.
func (o Options) notByApply(s ProjectStatus) bool {
	return s.Untouched() || o.notApplied(s.Plan.Document)
}

// notApplied is the same of every pull request.
func (o Options) notApplied(doc JobDocument) bool {
	return doc.Project.AfterMerge || o.NoApply[doc.Environment.Name]
}

// statuses reads from the runs of a pull request, newest first, how far its projects
// are at the commit and for the base that it ended with, and which were planned for
// others only.
func (o Over) statuses(runs []Run) (known, unknown []ProjectStatus) {
	head, before, whole := o.heads(runs)
	for _, s := range StatusAt(runs, head) {
		if o.BaseRef != "" && s.PlanRun.BaseRef != "" && s.PlanRun.BaseRef != o.BaseRef {
			unknown = append(unknown, s)
		} else {
			known = append(known, s)
		}
	}
	if whole {
		return known, unknown
	}
	for _, s := range StatusAt(runs, before) {
		same := func(x ProjectStatus) bool { return x.Project == s.Project }
		if before != "" && !slices.ContainsFunc(known, same) && !slices.ContainsFunc(unknown, same) {
			unknown = append(unknown, s)
		}
	}
	return known, unknown
}

// heads are the commit that a pull request ended with, the newest other one that was
// planned, and whether everything that the first one changes was planned.
func (o Over) heads(runs []Run) (head, before string, whole bool) {
	head = o.HeadSHA
	for _, r := range runs { // newest first
		planned := r.Kind == KindPlan && !r.PreparedAt.IsZero()
		switch {
		case head == "" && r.Kind == KindPlan && (planned || r.Trigger == TriggerPush):
			head, whole = r.HeadSHA, r.AllProjects()
		case planned && r.HeadSHA == head:
			whole = whole || r.AllProjects()
		case planned && before == "":
			before = r.HeadSHA
		}
	}
	return head, before, whole
}

// PlannedWhole reports whether everything that a pull request changed was planned at the
// commit, and for the base, that it ended with.
func (o Over) PlannedWhole(runs []Run) bool {
	runs = ofPull(runs)
	head, _, whole := o.heads(runs)
	return whole && (o.BaseRef == "" || slices.ContainsFunc(runs, func(r Run) bool {
		return r.Kind == KindPlan && r.HeadSHA == head && r.AllProjects() && (r.BaseRef == o.BaseRef || r.BaseRef == "")
	}))
}

// unplanned notes that a pull request was merged with projects that were not planned
// before, and returns their names. What is found late, and was put right meanwhile by
// someone else, is nothing to do.
func (l *Locks) unplanned(h Subject, runs []Run, over Over, o Options, now time.Time) (projects []string) {
	known, unknown := over.statuses(ofPull(runs))
	for _, doc := range over.Unplanned {
		planned := func(s ProjectStatus) bool { return s.Project == doc.Project.Name }
		// One that another commit did not change, or another base, says nothing of this one.
		elsewhere := func(s ProjectStatus) bool { return planned(s) && !s.Untouched() }
		if o.notApplied(doc) || l.settledSince(LockKeys(doc), over.MergedAt) || slices.ContainsFunc(known, planned) || slices.ContainsFunc(unknown, elsewhere) {
			continue
		}
		l.LeaveBehind(h, Claimed{Project: doc.Project.Name, Keys: LockKeys(doc)}, true, now)
		projects = append(projects, doc.Project.Name)
	}
	return projects
}
