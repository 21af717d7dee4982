package run

import (
	"fmt"
	"slices"
	"time"
)

// Asker is one more person who requested what a run does anyway.
type Asker struct {
	Key       string    `json:"key"` // of the run that there would be without
	Trigger   Trigger   `json:"trigger"`
	Actor     string    `json:"actor"`
	CommentID int64     `json:"comment_id,omitempty"`
	Comment   string    `json:"comment,omitempty"` // SHA-256 of its body
	Line      string    `json:"line,omitempty"`
	At        time.Time `json:"at"`
}

// Work says what a plan is about: two with the same would show the same, if they
// began at the same time. It is empty for what is never the same as something
// else: what changes something, what the merge queue asks, and a turn for locks.
func (r *Run) Work() string {
	if r.Kind != KindPlan || !r.OfPull() || r.Trigger == TriggerTurn {
		return ""
	}
	// With all that an event says of the repository: a made-up one must not take in others.
	return fmt.Sprintf("%+v/%d/%q/%q", r.Repository, r.PullRequest, r.Selectors, r.Flags)
}

// CanJoin reports whether another run's result could answer a new run: it is a
// plan that a person requested, of whatever the head is when it is made. A push
// has a run of its own: it is about its own commit.
func (r *Run) CanJoin() bool { return r.Trigger.ByPerson() && r.Work() != "" && r.HeadSHA == "" }

// Joins reports whether r requests what waiting does anyway. One that has been
// prepared has read the pull request before r was requested; it does not count.
// Nor does one that is being prepared, which the caller knows.
func (r *Run) Joins(waiting *Run) bool {
	return r.CanJoin() && waiting.State == StateAccepted && !waiting.Ending() && waiting.Work() == r.Work()
}

// WithAsker is the run with one more who requested it.
func (r Run) WithAsker(other Run) Run {
	r.Joined = append(slices.Clone(r.Joined), Asker{
		Key: other.Key, Trigger: other.Trigger, Actor: other.Actor, CommentID: other.CommentID, Comment: other.Comment, Line: other.Line, At: other.CreatedAt,
	})
	return r
}

// leftOver is the run of the requesters who are not answered by how r ended before
// it began: a refusal may be about the first requester, or about the commit of a
// push. ok is false when there is nobody.
func leftOver(r Run, e Event, now time.Time) (next Run, ok bool) {
	askers := r.Joined
	switch e := e.(type) {
	case Refused:
		if r.Trigger.ByPerson() && general[e.Problem.Code] {
			return Run{}, false
		}
		if !ofComment[e.Problem.Code] {
			askers = slices.DeleteFunc(slices.Clone(askers), func(a Asker) bool { return r.Trigger.ByPerson() && a.Actor == r.Actor })
		}
	case NewerCommit:
	default:
		return Run{}, false
	}
	if r.State != StateAccepted || len(askers) == 0 {
		return Run{}, false
	}
	first := askers[0]
	return Run{
		ID: NewID(now), Key: first.Key, Subject: r.Pull(), Kind: r.Kind,
		Selectors: r.Selectors, Flags: r.Flags, Line: first.Line, Trigger: first.Trigger, Actor: first.Actor, CommentID: first.CommentID, Comment: first.Comment,
		State: StateAccepted, CreatedAt: first.At, Joined: askers[1:],
	}, true
}

// ofComment are the problems of one comment alone, policy's and those of a late one: another
// comment of the same person may be in order.
var ofComment = map[string]bool{"comment_unchanged": true, codeTooOld: true}

// general are the problems that are the same for all requesters.
var general = map[string]bool{codeUnavailable: true, codePreparing: true}
