package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// statusRuns is how many of the newest runs /status looks at.
const statusRuns = 20

// Status says what runs, waits and was last on a pull request, of the named
// projects or of all.
func (s *Service) Status(ctx context.Context, q Question, names []string) (Answer, error) {
	latest, err := s.Store.PullRuns(ctx, q.Repository.ID, q.PullRequest, statusRuns)
	if err != nil {
		return Answer{}, err
	}
	locks, err := s.Store.Locks(ctx)
	if err != nil {
		return Answer{}, err
	}
	if len(names) > 0 && len(latest) > 0 {
		h := q.holder()
		known := knownProjects(latest, locks, h)
		mine, waiting, _ := lockedItems(locks, h)
		items := slices.Concat(plannedItems(latest), mine, waiting)
		projects, unknown := selected(known, resolved(names, append(items, named(known)...), nil))
		if len(unknown) > 0 {
			return refused(notKnown(unknown, known)), nil
		}
		latest, locks = only(latest, locks, h, projects)
	}
	return informed(s.Describe(q.holder(), latest, locks, s.Now())), nil
}

// knownProjects are those that runs of h are about, or that h holds or waits
// for, by name.
func knownProjects(latest []run.Run, locks run.Locks, h run.Subject) []string {
	var out []string
	for _, r := range latest {
		out = append(out, r.Unchanged...)
		for _, j := range r.Jobs {
			out = append(out, j.Document.Project.Name)
		}
	}
	for _, l := range locks.Held(h) {
		out = append(out, l.Project)
	}
	for _, w := range locks.Waiters {
		for _, p := range w.Projects {
			if w.Holder.Is(h) {
				out = append(out, p.Project)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// selected splits names into projects that are known, and what is not.
func selected(known, names []string) (projects, unknown []string) {
	for _, name := range names {
		if slices.Contains(known, name) {
			projects = append(projects, name)
		} else {
			unknown = append(unknown, name)
		}
	}
	return projects, unknown
}

func notKnown(unknown, known []string) string {
	text := "This pull request has no plan, apply or lock of " + markdown.Quoted(unknown) + "; `/plan` with the name of a project makes a plan of it."
	if len(known) == 0 {
		return text
	}
	const shown = 10
	text += " It has some of " + markdown.Quoted(known[:min(len(known), shown)])
	if rest := len(known) - shown; rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text + "."
}

// only keeps the runs and h's locks that are about the projects.
func only(latest []run.Run, locks run.Locks, h run.Subject, projects []string) ([]run.Run, run.Locks) {
	other := func(name string) bool { return !slices.Contains(projects, name) }
	var runs []run.Run
	for _, r := range latest {
		jobless := len(r.Jobs)+len(r.Unchanged) == 0
		r.Jobs = slices.DeleteFunc(slices.Clone(r.Jobs), func(j run.Job) bool { return other(j.Document.Project.Name) })
		r.Unchanged = slices.DeleteFunc(slices.Clone(r.Unchanged), other)
		if jobless && asksFor(r, projects) || len(r.Jobs)+len(r.Unchanged) > 0 {
			runs = append(runs, r)
		}
	}
	if len(runs) == 0 {
		runs = latest[:1] // only a run before those was, and left a lock
	}
	locks.Locks = slices.DeleteFunc(slices.Clone(locks.Locks), func(l run.Lock) bool { return l.Holder.Is(h) && other(l.Project) })
	locks.Waiters = slices.Clone(locks.Waiters)
	for i, w := range locks.Waiters {
		if w.Holder.Is(h) {
			locks.Waiters[i].Projects = slices.DeleteFunc(slices.Clone(w.Projects), func(c run.Claimed) bool { return other(c.Project) })
		}
	}
	return runs, locks
}

// asksFor reports whether a run was requested for one of the projects, or for
// whatever the pull request changes.
func asksFor(r run.Run, projects []string) bool {
	return len(r.Selectors) == 0 || slices.ContainsFunc(r.Selectors, func(text string) bool {
		return slices.ContainsFunc(resolved([]string{text}, named(projects), nil), func(name string) bool { return slices.Contains(projects, name) })
	})
}
