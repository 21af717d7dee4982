package server

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// review stops applies that have not begun when an approval is dismissed or
// changes are requested, and has the gate's line in the comment brought up to
// date. It allows nothing: an apply reads all reviews again.
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
	ctx = logged(ctx, repo, number)
	switch e.GetAction() {
	case "submitted", "edited", "dismissed":
		if err := h.objection(ctx, repo, number, e.GetAction(), e.GetReview()); err != nil {
			return err
		}
		return h.Runs.Judge(ctx, repo.ID, number)
	}
	return nil
}

// objection stops what has not begun, if the event is one. The payload does not
// say what a dismissed review was, so a request for changes that is dismissed
// stops an apply, too; one that counted would not have let it begin.
func (h *review) objection(ctx context.Context, repo run.Repository, number int, action string, v *github.PullRequestReview) error {
	switch {
	case action == "dismissed":
		return h.Runs.Object(ctx, repo.ID, number, run.ObjectionDismissed, v.GetCommitID())
	case action == "submitted" && strings.EqualFold(v.GetState(), "changes_requested") && h.heard(ctx, repo, number, v.GetUser().GetLogin()):
		return h.Runs.Object(ctx, repo.ID, number, run.ObjectionChanges, "")
	}
	return nil
}

// heard reports whether a person's request for changes counts; when nobody can
// say, it does. Whoever may only read stops nothing.
func (h *review) heard(ctx context.Context, repo run.Repository, number int, login string) bool {
	facts, err := h.Facts(ctx, repo, number, login)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("reading what a reviewer may do")
		return true
	}
	return policy.Heard(facts.Permission)
}
