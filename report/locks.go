package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// shownHolders is how many pull requests are named that hold a lock or wait.
const shownHolders = 6

// ordinary are owners and names as GitHub allows them; anything else is quoted.
var ordinary = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+$`)

// reference writes a pull request so that GitHub links it, as seen from a
// repository.
func reference(h, from run.Subject) string {
	switch full := h.Repository.FullName(); {
	case h.Repository.ID == from.Repository.ID:
		return fmt.Sprintf("#%d", h.PullRequest)
	case ordinary.MatchString(full):
		return fmt.Sprintf("%s#%d", full, h.PullRequest)
	default:
		return nameCode(full) + fmt.Sprintf(" pull request %d", h.PullRequest)
	}
}

// inOrder joins what happened to several pull requests; many are counted.
func inOrder(list []string, one string) []string {
	if n := len(list) - shownHolders; n > 0 {
		return append(slices.Clip(list[:shownHolders]), many(n, one))
	}
	return list
}

// lockLines says who has what this pull request waits for, who waits for what
// it has, and which of its locks stay although they look forgotten.
func lockLines(m view.Model) string {
	h := m.Run.Pull()
	return paragraphs(blockedLines(m, h), releasedLine(m), heldLines(m, h))
}

// blockedLines explains what a pull request cannot have.
func blockedLines(m view.Model, h run.Subject) string {
	if given := givenOn(m.Locks, h); given != "" {
		return given
	}
	return paragraphs(waitingLines(m, h), together(m.Locks, h))
}

func waitingLines(m view.Model, h run.Subject) string {
	lines := standsBefore(view.WaitsFor(m.Locks, h), h)
	switch made := m.Some(run.ProjectStatus.Speculative); {
	case !made && len(lines) == 0:
		return ""
	case !made:
		return "**Waiting for locks**: " + strings.Join(inOrder(lines, "more line"), ". ") + ".\n"
	case len(lines) == 0 && m.Active():
		return "**It is your turn**: the plan is being made again, with the locks.\n"
	case len(lines) == 0:
		return "**Speculative plan**: it was made while others held its locks, so it cannot be applied. `/plan` makes it again.\n"
	case len(lines) == 1:
		return "**Speculative plan**: " + lines[0] + "; this plan will be made again when it is your turn.\n"
	}
	return "**Speculative plan**: others came first, so it cannot be applied. It will be made again when it is your turn.\n\n- " +
		strings.Join(inOrder(lines, "more line"), "\n- ") + "\n"
}

// releasedLine names plans that lost their locks, unless that is because the pull
// request is over.
func releasedLine(m view.Model) string {
	if m.Over() {
		return ""
	}
	var names []string
	for _, s := range m.Projects {
		if m.Status(s) == view.StatusOpen && m.Released(s) {
			names = append(names, s.Project)
		}
	}
	return paragraphs(
		sentenceOf("**Lock released**: %s. What was planned under it cannot be applied any more; `/plan` takes the lock and plans again.\n", fewNames(names, name)),
		sentenceOf("**Lock released**: %s. That is applied and not merged, and whoever takes the lock may undo it. Merge this pull request, or take the lock again with `/plan`.\n",
			fewNames(m.Exposed(), name)),
	)
}

// standsBefore writes what keeps a pull request waiting, projects with the same
// holder and place together.
func standsBefore(list []view.Wanted, h run.Subject) []string {
	var keys []view.Wanted // without their projects
	projects := map[int][]string{}
	for _, w := range list {
		key := view.Wanted{Holder: w.Holder, Place: w.Place}
		at := slices.IndexFunc(keys, func(k view.Wanted) bool { return k.Place == key.Place && k.Holder.Is(key.Holder) })
		if at < 0 {
			at = len(keys)
			keys = append(keys, key)
		}
		projects[at] = append(projects[at], w.Project)
	}
	var out []string
	for i, k := range keys {
		names, place := fewNames(projects[i], name), "you are "+ordinal(k.Place)+" in the queue"
		switch {
		case k.Holder.IsZero():
			out = append(out, "nobody holds "+names+", but "+place)
		case k.Holder.Is(h):
			out = append(out, "an apply of this pull request is changing "+names)
		default:
			out = append(out, reference(k.Holder, h)+" holds "+names+"; "+place)
		}
	}
	return out
}

// heldLines says who waits for what h holds, and what is special about it.
func heldLines(m view.Model, h run.Subject) string {
	locks := view.HeldBy(m.Locks, h)
	var astray, dirty, busy []string
	free := "That is free after a merge, a close or `/unlock`."
	for _, lock := range locks {
		switch {
		case len(lock.Waiting) == 0:
		case lock.Astray:
			free = "That is free after `/unlock`."
		case lock.Dirty:
			free = "That is free when it is applied and merged, or after `/unlock`."
		}
		switch {
		case m.Some(func(s run.ProjectStatus) bool { return s.Project == lock.Project && s.Apply != nil }): // its status says it
		case lock.Busy != "":
			busy = append(busy, lock.Project)
		case lock.Astray:
			astray = append(astray, lock.Project)
		case lock.Dirty:
			dirty = append(dirty, lock.Project)
		}
	}
	return paragraphs(
		sentenceOf("**In line**: %s. "+free+"\n", strings.Join(whoWaits(locks, h), "; ")),
		sentenceOf("**An apply of an earlier commit is under way**: %s. `/status` says how far it is.\n", fewNames(busy, name)),
		sentenceOf("**What an earlier apply made is in no backend**: %s. Nothing is applied there, and the lock stays, until somebody repairs the state and "+
			"comments `/unlock`.\n", fewNames(astray, name)),
		sentenceOf("**An earlier apply did not end well**: %s. The lock stays, also after a merge, until an apply succeeds or somebody "+
			"comments `/unlock`.\n", fewNames(dirty, name)),
	)
}

// whoWaits writes who waits for locks that h holds, in the order of the line.
func whoWaits(locks []view.HeldLock, h run.Subject) []string {
	var line []run.Waiter
	projects := map[int64][]string{}
	for _, lock := range locks {
		for _, w := range lock.Waiting {
			if projects[w.ID] == nil {
				line = append(line, w)
			}
			projects[w.ID] = append(projects[w.ID], lock.Project)
		}
	}
	slices.SortFunc(line, func(a, b run.Waiter) int { return cmp.Compare(a.ID, b.ID) })
	var out []string
	for _, w := range line {
		out = append(out, reference(w.Holder, h)+" waits for "+fewNames(projects[w.ID], name))
	}
	return inOrder(out, "more pull request")
}

func sentenceOf(format, what string) string {
	if what == "" {
		return ""
	}
	return fmt.Sprintf(format, what)
}
