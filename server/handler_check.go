package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// buttonPlan is the identifier of the "Plan again" button.
const buttonPlan = "plan"

// checkRun plans again when somebody presses a button of one of our check runs
// or "Re-run". GitHub does not check what the presser may do; policy does.
type checkRun struct{ *Base }

func (*checkRun) Handles() []string { return []string{"check_run"} }

func (h *checkRun) Handle(ctx context.Context, eventType, delivery string, payload []byte) error {
	var e github.CheckRunEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(eventType, err)
	}
	repo, ok := h.repository(&e)
	check := e.GetCheckRun()
	if !ok || !person(e.GetSender()) || check.GetApp().GetID() != h.AppID {
		return nil
	}
	pressed := e.GetAction() == "requested_action" && e.GetRequestedAction() != nil && e.GetRequestedAction().Identifier == buttonPlan
	if !pressed && e.GetAction() != "rerequested" {
		return nil
	}
	// The payload's list of pull requests may be empty or hold others; the run
	// that made the check knows its own.
	before, err := h.Store.Run(ctx, check.GetExternalID())
	if errors.Is(err, run.ErrNotFound) || err == nil && before.Repository.ID != repo.ID {
		return nil
	}
	if err != nil {
		return err
	}
	return h.again(ctx, repo, before, e.GetSender().GetLogin(), delivery)
}

// again submits a run like an earlier one, asked for by actor. There is one per
// delivery.
func (b *Base) again(ctx context.Context, repo run.Repository, before run.Run, actor, delivery string) error {
	r := b.newRun(repo, before.PullRequest, run.TriggerButton, actor, fmt.Sprintf("button/%s/%d", delivery, before.PullRequest))
	r.Selectors, r.Flags, r.Line = before.Selectors, before.Flags, before.Line
	_, err := b.Runs.Submit(logged(ctx, repo, before.PullRequest), r)
	return err
}

// checkSuite plans again when somebody presses "Re-run all checks".
type checkSuite struct{ *Base }

func (*checkSuite) Handles() []string { return []string{"check_suite"} }

func (h *checkSuite) Handle(ctx context.Context, eventType, delivery string, payload []byte) error {
	var e github.CheckSuiteEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(eventType, err)
	}
	repo, ok := h.repository(&e)
	suite := e.GetCheckSuite()
	if !ok || suite == nil || e.GetAction() != "rerequested" || !person(e.GetSender()) || suite.GetApp().GetID() != h.AppID {
		return nil
	}
	for _, pr := range suite.PullRequests {
		if pr.GetNumber() <= 0 {
			continue
		}
		if err := h.again(ctx, repo, run.Run{PullRequest: pr.GetNumber()}, e.GetSender().GetLogin(), delivery); err != nil {
			return err
		}
	}
	return nil
}

// ignored takes the events that GitHub sends every App and that need nothing.
type ignored struct{}

func (ignored) Handles() []string {
	return []string{"ping", "installation", "installation_repositories", "push"}
}

func (ignored) Handle(context.Context, string, string, []byte) error { return nil }
