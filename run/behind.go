package run

import (
	"path"
	"slices"
	"strings"
)

// A plan that a person requests while an apply of the same pull request changes one
// of its projects would show a state that is half applied, and its report would
// take the place of the apply's. So it waits, accepted, and runs when that ends.

// WaitsBehind reports whether r waits until an apply of the same pull request is over:
// one that changes something now, or that was requested before r.
func (r *Run) WaitsBehind(apply *Run) bool {
	if r.Kind != KindPlan || !r.Trigger.ByPerson() || !apply.Kind.Traits().Locks || !r.Pull().Is(apply.Pull()) {
		return false
	}
	switch apply.State {
	case StateAccepted:
		return apply.ID < r.ID
	case StateRunning:
		return len(r.Selectors) == 0 || slices.ContainsFunc(apply.Jobs, func(j Job) bool {
			return slices.ContainsFunc(r.Selectors, selects(j.Document.Project))
		})
	}
	return false
}

// selects reports which selectors may be about a project: its name or directory, a pattern
// of one, or a directory above. It says more than package selector does, which knows the
// other projects: a plan that waits in vain begins a little later.
func selects(p JobProject) func(selector string) bool {
	return func(selector string) bool {
		byName, _ := path.Match(selector, p.Name) // a broken pattern matches nothing
		byDir, _ := path.Match(path.Clean(selector), p.Dir)
		return selector == p.Name || byName || byDir || strings.HasPrefix(p.Dir+"/", path.Clean(selector)+"/")
	}
}

// WaitsFor is the oldest of the applies that a plan waits for; nil when it waits for
// none. The runs may be of any pull request.
func (r *Run) WaitsFor(runs []Run) *Run {
	var oldest *Run
	if r.State != StateAccepted {
		return nil
	}
	for i := range runs {
		if r.WaitsBehind(&runs[i]) && (oldest == nil || runs[i].ID < oldest.ID) {
			oldest = &runs[i]
		}
	}
	return oldest
}

// changing reports whether an apply of h changes one of the projects right now. The
// line of those who wait learns of that apply a moment later.
func (l *Locks) changing(h Subject, projects []Claimed) bool {
	return slices.ContainsFunc(keysOf(projects), func(key string) bool {
		lock := l.find(key)
		return lock != nil && lock.Holder.Is(h) && lock.Busy != ""
	})
}
