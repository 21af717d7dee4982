package server

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// push records who pushed what, to any branch and whatever else is planned or
// not: nobody approves what they pushed.
type push struct{ *Base }

func (*push) Handles() []string { return []string{"push"} }

func (h *push) Handle(ctx context.Context, eventType, delivery string, payload []byte) error {
	var e struct {
		github.PushEvent
		Repository *github.Repository `json:"repository"` // PushEvent has a type of its own
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(eventType, err)
	}
	repo, ok := h.repository(repositoryEvent{e.Repository, e.GetInstallation(), e.GetSender()})
	head := e.GetHeadCommit()
	if !ok || !strings.HasPrefix(e.GetRef(), "refs/heads/") || e.GetAfter() == "" || head.GetID() != e.GetAfter() || head.Distinct == nil {
		return nil // also of a branch that was deleted
	}
	pushes := []run.Push{{SHA: head.GetID(), New: head.GetDistinct()}}
	for _, c := range e.Commits {
		if c.GetDistinct() && c.GetID() != "" {
			pushes = append(pushes, run.Push{SHA: c.GetID(), New: true})
		}
	}
	if err := h.pushed(ctx, repo, e.GetRef(), e.GetSender(), pushes...); err != nil {
		return err
	}
	return h.corrected(ctx, repo, strings.TrimPrefix(e.GetRef(), "refs/heads/"), e.GetAfter(), e.Commits, func() (bool, error) {
		return h.sent(ctx, eventType, delivery, payload)
	})
}

// repositoryEvent names what every event has.
type repositoryEvent struct {
	repo         *github.Repository
	installation *github.Installation
	sender       *github.User
}

func (e repositoryEvent) GetRepo() *github.Repository           { return e.repo }
func (e repositoryEvent) GetInstallation() *github.Installation { return e.installation }
func (e repositoryEvent) GetSender() *github.User               { return e.sender }

// pushed records who pushed commits. Who opened or reopened a pull request pushed
// nothing by that.
func (b *Base) pushed(ctx context.Context, repo run.Repository, ref string, by *github.User, pushes ...run.Push) error {
	if by.GetLogin() == "" || by.GetID() == 0 {
		return nil // nobody knows
	}
	for i := range pushes {
		p := &pushes[i]
		p.RepositoryID, p.Ref, p.Login, p.UserID, p.At = repo.ID, ref, by.GetLogin(), by.GetID(), b.Now().UTC()
	}
	return b.Store.PutPushes(ctx, pushes)
}
