package run

import (
	"fmt"
	"time"
)

// NotKnown notes that nobody could find out what a pull request changed that was
// merged: GitHub or git did not answer. Doing it again changes nothing. It ends when
// somebody finds out, or a person says that it may stay so (Accept, with the name of no
// project or an empty one).
func (l *Locks) NotKnown(h Holder, now time.Time) []Notice {
	before := len(l.Left)
	if l.LeaveBehind(h, Claimed{}, true, now); len(l.Left) == before {
		return nil
	}
	key := fmt.Sprintf("left/%d/%d/unknown", h.Repository.ID, h.PullRequest)
	return []Notice{ReplyTo(h.Repository, h.PullRequest, key, "**Merged, and nobody knows what it changed**: Lockkeeper could not find out which projects this pull "+
		"request changed, so nobody knows whether the base branch is ahead of what runs. `/plan` of those projects from another pull request shows what is missing.\n\n"+
		"Comment `/unlock reason=\"…\"` here when somebody has looked. Until then `/status` shows it.")}
}
