package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// pullRequest plans what people push and ends what is out of date or over.
type pullRequest struct{ *Base }

func (*pullRequest) Handles() []string { return []string{"pull_request"} }

func (h *pullRequest) Handle(ctx context.Context, eventType, delivery string, payload []byte) error {
	var e github.PullRequestEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(eventType, err)
	}
	repo, ok := h.repository(&e)
	pr := e.GetPullRequest()
	sha := pr.GetHead().GetSHA()
	if !ok || pr.GetNumber() <= 0 || sha == "" || e.GetSender().GetLogin() == "" {
		return nil
	}
	ctx = logged(ctx, repo, pr.GetNumber())
	if e.GetAction() == "synchronize" && pr.GetHead().GetRef() != "" && !fork(pr) {
		if err := h.pushed(ctx, repo, "refs/heads/"+pr.GetHead().GetRef(), e.GetSender(), run.Push{SHA: sha}); err != nil {
			return err
		}
	}
	asksPlan, again, err := h.happened(ctx, repo, pr, &e)
	if err != nil || !asksPlan {
		return err
	}
	if fork(pr) {
		return nil // T07: nothing runs, and nobody requested it
	}
	if !again && !h.plansItself(pr.GetDraft()) {
		return h.older(ctx, repo, pr)
	}
	if h.Autoplan && h.PlansLimited || again { // who did it decides what is planned
		if ok, err := h.sent(ctx, eventType, delivery, payload); !ok || err != nil {
			return err
		}
	}
	// Two deliveries of one event are one run, whatever their GUIDs (T26); a
	// branch that goes back to an old commit is planned again. GitHub's clock has
	// seconds, and a base that is changed and changed back within one is two events.
	key := fmt.Sprintf("pull/%d/%d/%s/%s/%s", repo.ID, pr.GetNumber(), e.GetAction(), sha, pr.GetUpdatedAt().UTC().Format(time.RFC3339))
	if e.GetAction() == "edited" {
		key += "/" + delivery
	}
	r := h.newRun(repo, pr.GetNumber(), run.TriggerPush, e.GetSender().GetLogin(), key)
	r.HeadSHA = sha
	if again {
		_, err := h.Runs.Submit(ctx, r)
		return err
	}
	return h.autoplan(ctx, r, pr.GetDraft())
}

// happened does what follows at once from an event, and says whether a plan follows,
// too. again is that one does although nothing is planned by itself, because what is
// green would not be true.
func (h *pullRequest) happened(ctx context.Context, repo run.Repository, pr *github.PullRequest, e *github.PullRequestEvent) (asksPlan, again bool, err error) {
	switch e.GetAction() {
	case "opened", "reopened", "ready_for_review":
		return true, false, nil
	case "synchronize":
		return true, false, h.supersede(ctx, repo, pr)
	case "edited":
		if e.GetChanges().GetBase() == nil {
			return false, false, nil
		}
		if err := h.rebased(ctx, repo, pr); err != nil {
			return false, false, err
		}
		runs, err := h.Store.PullRuns(ctx, repo.ID, pr.GetNumber(), 1)
		return true, len(runs) > 0 && (!h.Autoplan || pr.GetDraft()), err
	case "closed":
		return false, false, h.closed(ctx, repo, pr)
	}
	return false, false, nil
}

// closed ends what GitHub confirms to be over. While GitHub does not answer, nothing is
// released, and the sweep of the locks looks again.
func (h *pullRequest) closed(ctx context.Context, repo run.Repository, pr *github.PullRequest) error {
	now, ok, err := h.confirm(ctx, repo, pr)
	switch {
	case err == nil && now.Unanswered:
		return errors.New("GitHub does not say how the pull request ended")
	case err != nil || !ok || !now.Closed:
		return err
	}
	return end(ctx, h.Runs, repo, pr.GetNumber(), now.over(), lastTry(ctx))
}

// confirm asks GitHub how the pull request of an event stands.
func (h *pullRequest) confirm(ctx context.Context, repo run.Repository, pr *github.PullRequest) (PullNow, bool, error) {
	return h.PullNow(ctx, repo, pr.GetNumber(), pr.GetUpdatedAt().Time, received(ctx))
}

// supersede ends what is of an older commit. When there is nothing, nothing is
// asked: most pushes end nothing.
func (h *pullRequest) supersede(ctx context.Context, repo run.Repository, pr *github.PullRequest) error {
	older, err := h.active(ctx, repo, pr, func(r run.Run) bool { return r.HeadSHA != "" && r.HeadSHA != pr.GetHead().GetSHA() })
	if err != nil || !older {
		return err
	}
	now, ok, err := h.confirm(ctx, repo, pr)
	if err == nil && ok {
		_, err = h.Runs.Supersede(ctx, repo.ID, pr.GetNumber(), now.HeadSHA)
	}
	return err
}

// older lets the comment say that it is of an older commit, where nothing plans the new
// one by itself. When nothing was planned, nothing is asked.
func (h *pullRequest) older(ctx context.Context, repo run.Repository, pr *github.PullRequest) error {
	runs, err := h.Store.PullRuns(ctx, repo.ID, pr.GetNumber(), 1)
	if err != nil || len(runs) == 0 {
		return err
	}
	now, ok, err := h.confirm(ctx, repo, pr)
	if err != nil || !ok || now.Closed {
		return err
	}
	return h.Runs.Pushed(ctx, repo, pr.GetNumber(), now.HeadSHA)
}

// rebased stops what was approved for another base. A run that is judged now has
// read none or an older one; it is notified.
func (h *pullRequest) rebased(ctx context.Context, repo run.Repository, pr *github.PullRequest) error {
	changing, err := h.active(ctx, repo, pr, func(r run.Run) bool { return r.Kind.Traits().Changes })
	if err != nil || !changing {
		return err
	}
	now, ok, err := h.confirm(ctx, repo, pr)
	if err != nil || !ok {
		return err
	}
	other, err := h.active(ctx, repo, pr, func(r run.Run) bool { return r.Kind.Traits().Changes && r.BaseRef != now.BaseRef })
	if err != nil || !other {
		return err
	}
	return h.Runs.Object(ctx, repo.ID, pr.GetNumber(), run.ObjectionBase, now.BaseRef)
}

// active reports whether the pull request of an event has such a run that is not
// final.
func (h *pullRequest) active(ctx context.Context, repo run.Repository, pr *github.PullRequest, such func(run.Run) bool) (bool, error) {
	runs, err := h.Store.ActiveRuns(ctx)
	return slices.ContainsFunc(runs, func(r run.Run) bool {
		return r.Repository.ID == repo.ID && r.PullRequest == pr.GetNumber() && such(r)
	}), err
}

// fork compares ids, because names change (T07). A head repository that is gone
// counts as a fork.
func fork(pr *github.PullRequest) bool {
	head, base := pr.GetHead().GetRepo().GetID(), pr.GetBase().GetRepo().GetID()
	return head == 0 || head != base
}
