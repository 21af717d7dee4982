package gate

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// pushesBy are the pushes of a pull request's commits that the activity of its
// branch tells of, newest first. whole says that GitHub keeps no more of it; it
// is not enough when what it keeps further back may tell of one of the commits.
//
// An entry names the last commit of a push; the others are those that it has and
// the one before has not. What was pushed to the branch and thrown away may have
// brought a commit first that no entry names, so its people count there, too.
func pushesBy(activity []pull.Activity, whole bool, brought []pull.Commit, head string) (pushes []run.Push, enough bool) {
	h := history{}
	for _, c := range brought {
		h[c.SHA] = c.Parents
	}
	by, named := h.pushedBy(activity)
	gone := h.thrownAway(activity)
	for _, c := range brought {
		who := by[c.SHA]
		switch {
		case c.SHA == head || named[c.SHA]:
		case len(who) > 0:
			who = slices.Concat(who, gone)
		case whole:
			who = activity
		}
		if len(who) == 0 && !whole {
			return nil, false
		}
		pushes = append(pushes, pushesOf(c.SHA, who, c.SHA == head)...)
	}
	return pushes, true
}

// pushesOf are the pushes of a commit, each person once. An account that is gone
// may be there again under another name: then nobody knows who pushed the head.
func pushesOf(sha string, who []pull.Activity, head bool) (out []run.Push) {
	known := func(a pull.Activity) bool { return a.Login != "" && a.UserID != 0 }
	if head && slices.ContainsFunc(who, func(a pull.Activity) bool { return !known(a) }) {
		return nil
	}
	for _, a := range who {
		if known(a) && !slices.ContainsFunc(out, func(p run.Push) bool { return p.UserID == a.UserID }) {
			out = append(out, run.Push{SHA: sha, Login: a.Login, UserID: a.UserID})
		}
	}
	return out
}

// history is the parents of the commits that a pull request brings.
type history map[string][]string

// with are a commit and those before it, of the ones that are brought.
func (h history) with(sha string) map[string]bool {
	found, left := map[string]bool{}, []string{sha}
	for len(left) > 0 {
		sha, left = left[len(left)-1], left[:len(left)-1]
		if parents, brought := h[sha]; brought && !found[sha] {
			found[sha] = true
			left = append(left, parents...)
		}
	}
	return found
}

// pushedBy are the entries that brought each commit to the branch, and the
// commits that are the last one of some push.
func (h history) pushedBy(activity []pull.Activity) (by map[string][]pull.Activity, named map[string]bool) {
	by, named = map[string][]pull.Activity{}, map[string]bool{}
	for _, a := range activity {
		before := h.with(a.Before)
		for sha := range h.with(a.After) {
			if sha == a.After || !before[sha] {
				by[sha] = append(by[sha], a)
			}
		}
		named[a.After] = true
	}
	return by, named
}

// thrownAway are the entries whose commits a later one, with force, took off the
// branch.
func (h history) thrownAway(activity []pull.Activity) (out []pull.Activity) {
	lost := map[string]bool{}
	for _, a := range activity {
		_, brought := h[a.After]
		if !brought && lost[a.After] {
			out = append(out, a)
		}
		if _, brought := h[a.Before]; !brought && (a.Forced || lost[a.After]) && strings.Trim(a.Before, "0") != "" {
			lost[a.Before] = true
		}
	}
	return out
}
