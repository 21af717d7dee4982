package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// pullRequest plans what people push and ends what is out of date or over.
type pullRequest struct{ *Base }

func (*pullRequest) Handles() []string { return []string{"pull_request"} }

func (h *pullRequest) Handle(ctx context.Context, eventType, _ string, payload []byte) error {
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
	switch e.GetAction() {
	case "opened", "reopened", "ready_for_review":
	case "synchronize":
		if _, err := h.Runs.Supersede(ctx, repo.ID, pr.GetNumber(), sha); err != nil {
			return err
		}
	case "edited":
		if e.GetChanges().GetBase() == nil {
			return nil
		}
		if err := h.Runs.Object(ctx, repo.ID, pr.GetNumber(), run.ObjectionBase, ""); err != nil {
			return err
		}
	case "closed":
		if pr.Merged == nil {
			return nil // the sweep of the locks finds out
		}
		return h.Runs.Close(ctx, repo, pr.GetNumber(), pr.GetMerged())
	default:
		return nil
	}
	if fork(pr) {
		return nil // T07: nothing runs, and nobody asked
	}
	// Two deliveries of one event are one run, whatever their GUIDs (T26); a
	// branch that goes back to an old commit is planned again.
	r := h.newRun(repo, pr.GetNumber(), run.TriggerPush, e.GetSender().GetLogin(),
		fmt.Sprintf("pull/%d/%d/%s/%s/%s", repo.ID, pr.GetNumber(), e.GetAction(), sha, pr.GetUpdatedAt().UTC().Format(time.RFC3339)))
	r.HeadSHA = sha
	return h.autoplan(ctx, r, pr.GetDraft())
}

// fork compares ids, because names change (T07). A head repository that is gone
// counts as a fork.
func fork(pr *github.PullRequest) bool {
	head, base := pr.GetHead().GetRepo().GetID(), pr.GetBase().GetRepo().GetID()
	return head == 0 || head != base
}
