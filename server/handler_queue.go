package server

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// mergeGroup plans what GitHub's merge queue is about to merge, so that a
// required check is answered on the group's commit.
type mergeGroup struct{ *Base }

func (*mergeGroup) Handles() []string { return []string{"merge_group"} }

// groupRef is the branch of a group. It is the only thing in the payload that
// says which pull request is merged, the last one when there are several
// (GitHub documentation, "Managing a merge queue").
var groupRef = regexp.MustCompile(`^(?:refs/heads/)?gh-readonly-queue/.+/pr-([1-9][0-9]{0,8})-[0-9a-f]{40,64}$`)

func (h *mergeGroup) Handle(ctx context.Context, eventType, delivery string, payload []byte) error {
	var e github.MergeGroupEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(eventType, err)
	}
	repo, ok := h.repository(&e)
	group := e.GetMergeGroup()
	pull := pullOfGroup(group.GetHeadRef())
	if !ok || pull == 0 || group.GetHeadSHA() == "" || e.GetSender().GetLogin() == "" {
		return nil
	}
	ctx = logged(ctx, repo, pull)
	// The event alone says which commits the queue is about, and those get green
	// checks without an apply.
	if ok, err := h.sent(ctx, eventType, delivery, payload); !ok || err != nil {
		return err
	}
	switch e.GetAction() {
	case "checks_requested":
		return h.plan(ctx, repo, pull, group, e.GetSender().GetLogin())
	case "destroyed":
		return h.forget(ctx, repo, pull, group.GetHeadSHA(), e.GetSender().GetLogin())
	}
	return nil
}

// pullOfGroup is 0 when the branch is not of a merge group.
func pullOfGroup(ref string) int {
	match := groupRef.FindStringSubmatch(ref)
	if match == nil {
		return 0
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		return 0
	}
	return n
}

func (h *mergeGroup) plan(ctx context.Context, repo run.Repository, pull int, group *github.MergeGroup, actor string) error {
	base := strings.TrimPrefix(group.GetBaseRef(), "refs/heads/")
	if base == "" || group.GetBaseSHA() == "" {
		return nil
	}
	r := h.newRun(repo, pull, run.TriggerQueue, actor, fmt.Sprintf("queue/%d/%d/%s", repo.ID, pull, group.GetHeadSHA()))
	r.Branch = strings.TrimPrefix(group.GetHeadRef(), "refs/heads/")
	r.HeadSHA, r.BaseRef, r.BaseSHA = group.GetHeadSHA(), base, group.GetBaseSHA()
	_, err := h.Runs.Submit(ctx, r)
	return err
}

// forget ends the plans of a group that is gone. What else runs on the pull
// request goes on.
func (h *mergeGroup) forget(ctx context.Context, repo run.Repository, pull int, head, actor string) error {
	latest, err := h.Store.CommitRuns(ctx, repo.ID, pull, head)
	if err != nil {
		return err
	}
	for _, r := range latest {
		if r.OfPull() || r.HeadSHA != head || r.State.Final() {
			continue
		}
		if err := h.Runs.CancelRun(ctx, r.ID, actor); err != nil {
			return err
		}
	}
	return nil
}
