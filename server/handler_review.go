package server

import (
	"context"
	"encoding/json"

	"github.com/google/go-github/v60/github"
)

// review has the gate's line in the comment brought up to date when a review is
// given, changed or dismissed. It decides nothing: an apply reads all reviews
// again.
type review struct{ *Base }

func (*review) Handles() []string { return []string{"pull_request_review"} }

func (h *review) Handle(ctx context.Context, eventType, _ string, payload []byte) error {
	var e github.PullRequestReviewEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(eventType, err)
	}
	repo, ok := h.repository(&e)
	number := e.GetPullRequest().GetNumber()
	if !ok || number <= 0 {
		return nil
	}
	switch e.GetAction() {
	case "submitted", "edited", "dismissed":
		return h.Runs.Judge(logged(ctx, repo, number), repo.ID, number)
	}
	return nil
}
