package pull

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-github/v60/github"
)

// Review is one review of a pull request.
type Review struct {
	Login  string // of the reviewer; empty when the account is gone
	ID     int64  // of the reviewer; 0 when the account is gone
	Bot    bool   // an App, or another account that is no person's
	State  string // APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED or PENDING
	Commit string // that was reviewed; empty when GitHub does not know it any more
	At     time.Time
}

// Reviews returns all reviews of a pull request in the order in which they were
// given (REST, "List reviews for a pull request": "chronological order").
func Reviews(ctx context.Context, client *github.Client, r Request) ([]Review, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("reviews of %s/%s#%d", r.Owner, r.Name, r.Number)
	listed, err := pages(what, func(o github.ListOptions) ([]*github.PullRequestReview, *github.Response, error) {
		return client.PullRequests.ListReviews(ctx, r.Owner, r.Name, r.Number, &o)
	})
	if err != nil {
		return nil, err
	}
	reviews := make([]Review, len(listed))
	for i, v := range listed {
		switch v.GetState() {
		case "APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING":
		default:
			return nil, readError(what, fmt.Errorf("GitHub's answer %.80q is not the state of a review", v.GetState()))
		}
		reviews[i] = Review{
			Login: v.GetUser().GetLogin(), ID: v.GetUser().GetID(), State: v.GetState(), Commit: v.GetCommitID(),
			At: v.GetSubmittedAt().Time,
			// "Organization" accounts cannot review; whatever is not a person's is no person's.
			Bot: v.GetUser() != nil && v.GetUser().GetType() != "User",
		}
	}
	return reviews, nil
}
