package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// shownHolders is how many pull requests are named that hold a lock or wait.
const shownHolders = 6

// hold is a lock of a pull request and who waits for it, in order.
type hold struct {
	run.Lock
	waiting []run.Waiter
}

// held lists what h holds, by project.
func held(l run.Locks, h run.Holder) []hold {
	var out []hold
	for _, lock := range l.Held(h) {
		var keys []string
		for _, o := range l.Locks {
			if o.Holder.Is(h) && o.Project == lock.Project {
				keys = append(keys, o.Key)
			}
		}
		waiting := slices.DeleteFunc(slices.Clone(l.Waiters), func(w run.Waiter) bool { return w.Holder.Is(h) || !wants(w, keys) })
		out = append(out, hold{Lock: lock, waiting: waiting})
	}
	return out
}

// wants reports whether w waits for one of the keys.
func wants(w run.Waiter, keys []string) bool {
	return slices.ContainsFunc(w.Projects, func(c run.Claimed) bool {
		return slices.ContainsFunc(c.Keys, func(key string) bool { return slices.Contains(keys, key) })
	})
}

// wanted is a project that a pull request waits for.
type wanted struct {
	project string
	holder  run.Holder // zero when nobody holds it now
	place   int        // in the line, counted from 1
}

// waitsFor lists what h waits for and cannot have now, in the order of its
// claim. Its own lock is one of those while an apply is under way.
func waitsFor(l run.Locks, h run.Holder) []wanted {
	at := slices.IndexFunc(l.Waiters, func(w run.Waiter) bool { return w.Holder.Is(h) })
	if at < 0 {
		return nil
	}
	var out []wanted
	for _, c := range l.Waiters[at].Projects {
		w := wanted{project: c.Project, place: l.Place(h, c.Project)}
		for _, lock := range l.Locks {
			if slices.Contains(c.Keys, lock.Key) && !lock.Free() && !lock.Yields() && (!lock.Holder.Is(h) || lock.Busy != "") {
				w.holder = lock.Holder
			}
		}
		if w.holder.PullRequest != 0 || w.place > 1 {
			out = append(out, w)
		}
	}
	return out
}

// ordinary are owners and names as GitHub allows them; anything else is quoted.
var ordinary = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+$`)

// reference writes a pull request so that GitHub links it, as seen from a
// repository.
func reference(h, from run.Holder) string {
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
func (v View) lockLines(p picked) string {
	h := p.run.Holder()
	return paragraphs(v.blockedLines(p, h), v.releasedLine(p), v.heldLines(p, h))
}

// blockedLines explains what a pull request cannot have.
func (v View) blockedLines(p picked, h run.Holder) string {
	if given := givenOn(v.Locks, h); given != "" {
		return given
	}
	return paragraphs(v.waitingLines(p, h), together(v.Locks, h))
}

func (v View) waitingLines(p picked, h run.Holder) string {
	lines := standsBefore(waitsFor(v.Locks, h), h)
	switch made := p.some(run.Standing.Speculative); {
	case !made && len(lines) == 0:
		return ""
	case !made:
		return "**Waiting for locks**: " + strings.Join(inOrder(lines, "more line"), ". ") + ".\n"
	case len(lines) == 0 && p.active():
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
func (v View) releasedLine(p picked) string {
	if v.over(p) {
		return ""
	}
	var names []string
	for _, s := range p.standings {
		if p.status(s) == statusOpen && p.released(s) {
			names = append(names, s.Project)
		}
	}
	return paragraphs(
		sentenceOf("**Lock released**: %s. What was planned under it cannot be applied any more; `/plan` takes the lock and plans again.\n", fewNames(names, name)),
		sentenceOf("**Lock released**: %s. That is applied and not merged, and whoever takes the lock may undo it. Merge this pull request, or take the lock again with `/plan`.\n",
			fewNames(v.exposed(p), name)),
	)
}

// exposed are the projects that are applied and not merged, as far as is known, and whose
// locks somebody gave back.
func (v View) exposed(p picked) []string {
	return p.namesOf(func(s run.Standing) bool {
		last := v.Locks.LastApplied(s.Plan.Document)
		return p.status(s) == statusApplied && p.released(s) && !v.over(p) && last.By.Is(p.run.Holder()) && !last.Merged
	})
}

// over reports whether the pull request was merged or closed not long ago.
func (v View) over(p picked) bool {
	return slices.ContainsFunc(v.Locks.Closed, func(c run.Closed) bool { return c.Holder.Is(p.run.Holder()) })
}

// standsBefore writes what keeps a pull request waiting, projects with the same
// holder and place together.
func standsBefore(list []wanted, h run.Holder) []string {
	var keys []wanted // without their projects
	projects := map[int][]string{}
	for _, w := range list {
		key := wanted{holder: w.holder, place: w.place}
		at := slices.IndexFunc(keys, func(k wanted) bool { return k.place == key.place && k.holder.Is(key.holder) })
		if at < 0 {
			at = len(keys)
			keys = append(keys, key)
		}
		projects[at] = append(projects[at], w.project)
	}
	var out []string
	for i, k := range keys {
		names, place := fewNames(projects[i], name), "you are "+ordinal(k.place)+" in the queue"
		switch {
		case k.holder.PullRequest == 0:
			out = append(out, "nobody holds "+names+", but "+place)
		case k.holder.Is(h):
			out = append(out, "an apply of this pull request is changing "+names)
		default:
			out = append(out, reference(k.holder, h)+" holds "+names+"; "+place)
		}
	}
	return out
}

// heldLines says who waits for what h holds, and what is special about it.
func (v View) heldLines(p picked, h run.Holder) string {
	locks := held(v.Locks, h)
	var astray, dirty, busy []string
	free := "That is free after a merge, a close or `/unlock`."
	for _, lock := range locks {
		switch {
		case len(lock.waiting) == 0:
		case lock.Astray:
			free = "That is free after `/unlock`."
		case lock.Dirty:
			free = "That is free when it is applied and merged, or after `/unlock`."
		}
		switch {
		case p.some(func(s run.Standing) bool { return s.Project == lock.Project && s.Apply != nil }): // its status says it
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
func whoWaits(locks []hold, h run.Holder) []string {
	var line []run.Waiter
	projects := map[int64][]string{}
	for _, lock := range locks {
		for _, w := range lock.waiting {
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
