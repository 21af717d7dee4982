package service

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// unexplained says why a pull request's own locks are not released without a reason:
// it applied something that is not merged, or left something to put right. Empty:
// they are.
func unexplained(locks run.Locks, own []held) string {
	var applied, left []string
	unknown := false
	for _, x := range own {
		switch {
		case isLeft(locks, x) && x.project == "":
			unknown = true
		case isLeft(locks, x):
			left = append(left, x.project)
		case isApplied(locks, x):
			applied = append(applied, x.project)
		}
	}
	command := func(projects []string) string {
		return markdown.Quote("/unlock " + strings.Join(projects[:min(len(projects), 5)], " ") + " reason=\"…\"")
	}
	switch {
	case len(applied) > 0:
		return fmt.Sprintf("This pull request applied %s and is not merged: whoever plans that next would undo what it made. Merge it, which frees the lock; or say why "+
			"the lock should go now, in a comment: %s. Nothing was released.", markdown.Quoted(applied), command(applied))
	case len(left) == 0 && unknown:
		return "This pull request was merged, and nobody knows what it changed. When somebody has looked, say so in a comment: `/unlock reason=\"…\"`. Nothing was done."
	case len(left) > 0:
		return fmt.Sprintf("What this pull request left of %s has to be put right. If it may stay so, say why, in a comment: %s. "+
			"Nothing was done.", markdown.Quoted(left), command(left))
	}
	return ""
}

// isApplied reports whether something was applied under the lock and is not merged.
func isApplied(locks run.Locks, x held) bool {
	return slices.ContainsFunc(locks.Locks, func(l run.Lock) bool { return l.Holder.Is(x.holder) && l.Project == x.project && l.Applied })
}

func isLeft(locks run.Locks, x held) bool {
	return slices.ContainsFunc(locks.Left, func(l run.Left) bool { return l.Holder.Is(x.holder) && l.Project == x.project })
}

// meaning says what follows from a release, beyond the lock.
func meaning(locks run.Locks, released []held) []string {
	var applied, left []string
	var out []string
	for _, x := range released {
		switch {
		case isLeft(locks, x) && x.project == "":
			out = append(out, "That nobody knows what this pull request changed is no longer on the list of what has to be put right.")
		case isLeft(locks, x):
			left = append(left, x.project)
		}
		if isApplied(locks, x) {
			applied = append(applied, x.project)
		}
	}
	if len(applied) > 0 {
		out = append(out, fmt.Sprintf("What was applied of %s is not merged: the next plan of it by another pull request would undo it, and says so.", markdown.Quoted(applied)))
	}
	if len(left) > 0 {
		out = append(out, fmt.Sprintf("%s is no longer on the list of what has to be put right.", markdown.Quoted(left)))
	}
	return out
}
