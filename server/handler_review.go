package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/commands"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/service"
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
		if err := h.commandInside(ctx, repo, number, e); err != nil {
			return err
		}
		return h.Runs.Judge(ctx, repo.ID, number)
	}
	return nil
}

// commandInside replies to a person whose review begins with a command that it is not
// carried out. GitHub shows a review's text like a comment, and has no reaction to it.
func (h *review) commandInside(ctx context.Context, repo run.Repository, number int, e github.PullRequestReviewEvent) error {
	v := e.GetReview()
	if e.GetAction() != "submitted" || !person(e.GetSender()) || v.GetUser().GetLogin() != e.GetSender().GetLogin() || commands.Parse(v.GetBody(), h.AppName()).Ignored() {
		return nil
	}
	inv := invocation{repo: repo, pull: number, actor: v.GetUser().GetLogin(), key: fmt.Sprintf("review/%d/%d", repo.ID, v.GetID()), command: "hint"}
	if flooding, err := h.flooding(ctx, inv); flooding || err != nil {
		return err
	}
	return h.answer(ctx, inv, refused, "Nothing was done: a command in the text of a review is not carried out. Write it in a comment of its own.")
}

// objection stops what has not begun, if the event is one and GitHub shows the
// review so; while GitHub does not answer, it does. The payload does not
// say what a dismissed review was, so a request for changes that is dismissed
// stops an apply, too; one that counted would not have let it begin.
func (h *review) objection(ctx context.Context, repo run.Repository, number int, action string, v *github.PullRequestReview) error {
	state := strings.ToUpper(v.GetState())
	if action != "dismissed" && (action != "submitted" || state != "CHANGES_REQUESTED") {
		return nil
	}
	now, stands, err := h.current(ctx, repo, number, v, state)
	switch {
	case err != nil || !stands:
		return err
	case action == "dismissed":
		return h.Runs.Object(ctx, repo.ID, number, run.ObjectionDismissed, now.Commit)
	case h.Service.Heard(ctx, service.Question{Repository: repo, PullRequest: number, Actor: now.Login}):
		return h.Runs.Object(ctx, repo.ID, number, run.ObjectionChanges, "")
	}
	return nil
}

// current returns a review as GitHub has it, and whether that is in the state that an
// event says, when that matters: something could be stopped.
func (h *review) current(ctx context.Context, repo run.Repository, number int, v *github.PullRequestReview, state string) (now ReviewNow, stands bool, err error) {
	runs, err := h.Store.ActiveRuns(ctx)
	if err != nil || !slices.ContainsFunc(runs, func(r run.Run) bool {
		return r.Repository.ID == repo.ID && r.PullRequest == number && r.Kind.Traits().Changes
	}) {
		return ReviewNow{}, false, err
	}
	now, stands, err = h.Reviewed(ctx, repo, number, v.GetID(), state)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("reading a review that may stop an apply")
		return ReviewNow{Login: v.GetUser().GetLogin(), Commit: v.GetCommitID()}, true, nil
	}
	return now, stands, nil
}
