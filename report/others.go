package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// otherLines say what other pull requests have to do with what is shown: who
// applied one of the projects since, whose work a plan would undo, and what they
// left to do.
func otherLines(m view.Model) string {
	h := m.Run.Pull()
	return paragraphs(leftLines(m, h), overtakenLines(m, h), undoLines(m, h), inheritedLines(m, h))
}

// overtakenLines name who applied something since it was planned here.
func overtakenLines(m view.Model, h run.Subject) string {
	holders, projects := m.ByHolder(func(s run.ProjectStatus) (run.Subject, bool) {
		if s.Overtaken == nil {
			return run.Subject{}, false
		}
		return s.Overtaken.By, true
	})
	var lines []string
	for i, who := range holders {
		lines = append(lines, fmt.Sprintf("**%s applied %s since**: what is shown here is from before. `/plan` shows what is left to do.\n",
			reference(who, h), fewNames(projects[i], name)))
	}
	return paragraphs(inOrder(lines, "more pull request")...)
}

// undoLines name whose work a plan would undo: what somebody applied and did not
// merge is in the state, and not in the code that was planned.
func undoLines(m view.Model, h run.Subject) string {
	holders, projects := m.ByHolder(func(s run.ProjectStatus) (run.Subject, bool) {
		last := m.Locks.LastApplied(s.Plan.Document)
		undoes := last.Foreign(h) && s.Apply == nil && s.Plan.State == run.JobSucceeded && (!s.Empty() || s.Overtaken != nil)
		return last.By, undoes
	})
	var lines []string
	for i, who := range holders {
		them, names := reference(who, h), fewNames(projects[i], name)
		if slices.ContainsFunc(m.Locks.Left, func(x run.Left) bool { return x.Holder.Is(who) && !x.Merged }) {
			lines = append(lines, fmt.Sprintf("**%s applied %s and was closed without a merge**: these changes undo what it made.\n", them, names))
			continue
		}
		lines = append(lines, fmt.Sprintf("**%s applied %s and is not merged**: its changes would be undone. Merge %s first, update this branch, then `/plan`.\n",
			them, names, them))
	}
	return paragraphs(inOrder(lines, "more pull request")...)
}

// inheritedLines name who was merged without an apply, so that its changes are in
// this plan, too.
func inheritedLines(m view.Model, h run.Subject) string {
	holders, projects := m.ByHolder(func(s run.ProjectStatus) (run.Subject, bool) {
		for _, x := range m.Locks.LeftOf(run.LockKeys(s.Plan.Document)) {
			if x.Merged && !x.Holder.Is(h) && s.Apply == nil && s.Plan.State == run.JobSucceeded && !s.Empty() {
				return x.Holder, true
			}
		}
		return run.Subject{}, false
	})
	var lines []string
	for i, who := range holders {
		lines = append(lines, fmt.Sprintf("**%s was merged without its apply**: its changes to %s are in this plan, too.\n",
			reference(who, h), fewNames(projects[i], name)))
	}
	return paragraphs(inOrder(lines, "more pull request")...)
}

// leftLines say what a pull request that is over leaves to put right.
func leftLines(m view.Model, h run.Subject) string {
	return paragraphs(
		notKnownLine(m, h),
		sentenceOf("**Merged, but not applied**: %s. The base branch is ahead of what runs.\n", fewNames(m.LeftOf(h, true), name)),
		sentenceOf("**Closed after an apply**: %s. What was applied here still runs and is not on the base branch.\n", fewNames(m.LeftOf(h, false), name)),
	)
}

// notKnownLine says that nobody could find out what was merged.
func notKnownLine(m view.Model, h run.Subject) string {
	if !slices.ContainsFunc(m.Locks.Left, func(x run.Left) bool { return x.Holder.Is(h) && x.Unknown() }) {
		return ""
	}
	return "**Merged, and nobody knows what it changed**: the base branch may be ahead of what runs.\n"
}

// leftStatus lists what pull requests of a repository left to put right.
func leftStatus(l run.Locks, h run.Subject) string {
	var out []string
	for _, x := range l.Left {
		if x.Holder.Repository.ID != h.Repository.ID {
			continue
		}
		if x.Unknown() {
			out = append(out, fmt.Sprintf("%s was merged, and nobody knows whether the base branch is ahead of what runs: when somebody has looked, `/unlock reason=\"…\"` there", reference(x.Holder, h)))
			continue
		}
		what := "applied and closed without a merge"
		if x.Merged {
			what = "merged and not applied"
		}
		out = append(out, fmt.Sprintf("%s: %s, by %s", name(x.Project), what, reference(x.Holder, h)))
	}
	return listOf("To be put right", out)
}

// givenOn says that the locks of a pull request went to somebody else because
// nothing can be applied here.
func givenOn(l run.Locks, h run.Subject) string {
	i := slices.IndexFunc(l.Waiters, func(w run.Waiter) bool { return w.Holder.Is(h) && w.Idle })
	if i < 0 {
		return ""
	}
	var all, who []string
	for _, c := range l.Waiters[i].Projects {
		all = append(all, c.Project)
		for _, lock := range l.Locks {
			if slices.Contains(c.Keys, lock.Key) && !lock.Free() && !slices.Contains(who, reference(lock.Holder, h)) {
				who = append(who, reference(lock.Holder, h))
			}
		}
	}
	has := ""
	if len(who) > 0 {
		has = " " + sentence(inOrder(who, "more pull request")) + " " + plural(len(who), "has", "have") + " it now."
	}
	return fmt.Sprintf("**Lock given on**: %s, because this plan leaves nothing that can be applied.%s It is planned again when the lock is free; "+
		"a push or `/plan` asks for it again, in its old place in the queue.\n", fewNames(all, name), has)
}

// together says which projects nobody holds and are not planned with their locks
// all the same, because they are taken together with others.
func together(l run.Locks, h run.Subject) string {
	i := slices.IndexFunc(l.Waiters, func(w run.Waiter) bool { return w.Holder.Is(h) && !w.Idle })
	if i < 0 {
		return ""
	}
	var free, others []string
	blocked := view.WaitsFor(l, h)
	for _, c := range l.Waiters[i].Projects {
		if !slices.ContainsFunc(blocked, func(w view.Wanted) bool { return w.Project == c.Project }) {
			free = append(free, c.Project)
		}
	}
	for _, w := range blocked {
		others = append(others, w.Project)
	}
	if len(free) == 0 || len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("**Free**: %s, taken together with %s. %s takes %s alone.\n", fewNames(free, name), fewNames(others, name),
		nameCode("/plan "+strings.Join(free[:min(len(free), groupNames)], " ")), plural(min(len(free), groupNames), "it", "them"))
}
