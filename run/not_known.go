package run

import (
	"fmt"
	"slices"
	"time"
)

// NotKnown notes that nobody could find out what a pull request changed that was
// merged: GitHub or git did not answer. Doing it again changes nothing. It ends when
// someone finds out, or a person says that it may stay so (Accept, with the name of no
// project or an empty one).
// why is a sentence for people; empty: GitHub or git did not answer.
func (l *Locks) NotKnown(h Subject, why string, now time.Time) []Notice {
	before := len(l.Left)
	if l.LeaveBehind(h, Claimed{}, true, now); len(l.Left) == before {
		return nil
	}
	if why == "" {
		why = "GitHub or git did not answer."
	}
	return []Notice{ReplyTo(h.Repository, h.PullRequest, unknownKey(h), "**Merged, and nobody knows what it changed**: Lockkeeper could not find out which projects this pull "+
		"request changed, so nobody knows whether the base branch is ahead of what runs. "+why+"\n\nLook at the files that it changed: `/plan` of their projects from another pull request shows "+
		"what is missing. Then comment `/unlock reason=\"…\"` here. Until then `/status` shows it. Lockkeeper looks again for a day, and says here what it finds.")}
}

func unknownKey(h Subject) string {
	return fmt.Sprintf("left/%d/%d/unknown", h.Repository.ID, h.PullRequest)
}

// Known ends that nobody knows what a pull request changed: what it left is noted by
// project now.
func (l *Locks) Known(h Subject) []Notice {
	left := len(l.Left)
	if l.Accept(h, []string{""}); len(l.Left) == left {
		return nil
	}
	text := "Found out now: nothing is left to apply of what this pull request changed."
	if slices.ContainsFunc(l.Left, func(x Left) bool { return x.Holder.Is(h) }) {
		text = "Found out now what this pull request changed: `/status` shows what is left to apply."
	}
	return []Notice{ReplyTo(h.Repository, h.PullRequest, unknownKey(h)+"/known", text)}
}
