package github

import (
	"net/http"
	"time"
)

// Review states as REST spells them.
const (
	reviewApproved  = "APPROVED"
	reviewChanges   = "CHANGES_REQUESTED"
	reviewCommented = "COMMENTED"
	reviewDismissed = "DISMISSED"
	reviewPending   = "PENDING"
)

// reviewStates maps the event of a new review to its state.
var reviewStates = map[string]string{
	"APPROVE": reviewApproved, "REQUEST_CHANGES": reviewChanges, "COMMENT": reviewCommented,
}

type review struct {
	id        int64
	pull      *pull
	author    *account
	body      string
	state     string
	commit    string
	submitted time.Time // zero while pending
}

// addReview reviews the head, or commit if that is not empty; without an event it stays pending. Callers hold d.mu.
func (d *Double) addReview(p *pull, by actor, event, body, commit string) (*review, error) {
	if commit == "" {
		commit = p.headSHA
	}
	v := &review{pull: p, author: by.account, body: body, state: reviewPending, commit: commit}
	if event != "" {
		if err := v.refuse(event, body); err != nil {
			return nil, err
		}
	}
	v.id = d.id()
	p.reviews = append(p.reviews, v)
	if event == "" {
		return v, nil
	}
	return v, d.submit(v, by, event, body)
}

// refuse says why a review cannot be submitted so.
func (v *review) refuse(event, body string) error {
	state, known := reviewStates[event]
	own := v.pull.author == v.author
	refused := func(message string) error {
		return &Error{Status: http.StatusUnprocessableEntity, Message: "Unprocessable Entity", Errors: []any{message}}
	}
	switch {
	case !known:
		return errValidation("PullRequestReview", "invalid", "event", "")
	case v.state != reviewPending:
		return refused("Can not submit a review that is not pending")
	case own && state == reviewApproved:
		return refused("Can not approve your own pull request")
	case own && state == reviewChanges:
		return refused("Can not request changes on your own pull request")
	case body == "" && state != reviewApproved:
		return errValidation("PullRequestReview", "custom", "body", "Body can't be blank")
	case body != "":
		return checkBody("PullRequestReview", body)
	}
	return nil
}

// submit submits a pending review. Callers hold d.mu.
func (d *Double) submit(v *review, by actor, event, body string) error {
	if body == "" {
		body = v.body
	}
	if err := v.refuse(event, body); err != nil {
		return err
	}
	d.read(v.pull)
	v.body, v.state, v.submitted = body, reviewStates[event], d.now()
	d.record(v.pull, by, moment{kind: "reviewed", review: v, sha: v.commit})
	d.emitReview(v, by, "submitted")
	return nil
}

// dismissReview takes an approval or a request for changes back. Callers hold d.mu.
func (d *Double) dismissReview(v *review, by actor) error {
	if v.state != reviewApproved && v.state != reviewChanges {
		return errUnprocessable("Can not dismiss a %s pull request review", map[string]string{
			reviewCommented: "commented", reviewDismissed: "dismissed", reviewPending: "pending",
		}[v.state])
	}
	v.state = reviewDismissed
	d.record(v.pull, by, moment{kind: "review_dismissed", review: v})
	d.emitReview(v, by, "dismissed")
	return nil
}

// review finds a review of a pull request; nil if unknown. Callers hold d.mu.
func (p *pull) review(id int64) *review {
	for _, v := range p.reviews {
		if v.id == id {
			return v
		}
	}
	return nil
}
