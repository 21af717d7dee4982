package github

import "time"

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
	"APPROVE": reviewApproved, "REQUEST_CHANGES": reviewChanges, "COMMENT": reviewCommented, "": reviewPending,
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

// addReview submits a review of the head, or of commit if that is not empty. Callers hold d.mu.
func (d *Double) addReview(p *pull, by actor, event, body, commit string) (*review, error) {
	state, known := reviewStates[event]
	own := p.author == by.account
	switch {
	case !known:
		return nil, errValidation("PullRequestReview", "invalid", "event", "")
	case own && state == reviewApproved:
		return nil, &Error{Status: 422, Message: "Unprocessable Entity", Errors: []object{{"message": "Can not approve your own pull request"}}}
	case own && state == reviewChanges:
		return nil, &Error{Status: 422, Message: "Unprocessable Entity", Errors: []object{{"message": "Can not request changes on your own pull request"}}}
	case body == "" && (state == reviewChanges || state == reviewCommented):
		return nil, errValidation("PullRequestReview", "custom", "body", "Body can't be blank")
	}
	if body != "" {
		if err := checkBody("PullRequestReview", body); err != nil {
			return nil, err
		}
	}
	if commit == "" {
		commit = p.headSHA
	}
	v := &review{id: d.id(), pull: p, author: by.account, body: body, state: state, commit: commit}
	p.reviews = append(p.reviews, v)
	if state == reviewPending {
		return v, nil
	}
	v.submitted = d.now()
	d.record(p, by, moment{kind: "reviewed", review: v, sha: commit})
	d.emitReview(v, by, "submitted")
	return v, nil
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
