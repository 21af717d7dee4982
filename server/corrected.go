package server

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// configFile is read on the base branch.
const configFile = "lockkeeper.yml"

// listedCommits is how many commits a push lists at most before some may be missing
// (GitHub documentation, "Webhook events and payloads", push).
const listedCommits = 20

// corrected plans the pull requests again that were refused because
// lockkeeper.yml on their base branch has mistakes, when a push to that branch changes the file. One
// that is still not right is reported again.
func (h *push) corrected(ctx context.Context, repo run.Repository, branch, after string, commits []*github.HeadCommit, confirm func() (bool, error)) error {
	if h.Refused == nil || !h.Autoplan || !changesConfig(commits) {
		return nil
	}
	runs, err := h.Refused(ctx, repo.ID, run.CodeConfig)
	if err != nil {
		return err
	}
	runs = slices.DeleteFunc(runs, func(r run.Run) bool { return r.BaseRef != "" && r.BaseRef != branch })
	if len(runs) == 0 {
		return nil
	}
	if h.PlansLimited { // who asked decides what is planned
		if ok, err := confirm(); !ok || err != nil {
			return err
		}
	}
	for _, r := range runs {
		again := h.newRun(repo, r.PullRequest, run.TriggerPush, r.Actor, fmt.Sprintf("corrected/%d/%d/%s", repo.ID, r.PullRequest, after))
		if err := h.autoplan(logged(ctx, repo, r.PullRequest), again, false); err != nil {
			return err
		}
	}
	return nil
}

// changesConfig reports whether commits of a push change lockkeeper.yml, as far as
// they are listed.
func changesConfig(commits []*github.HeadCommit) bool {
	return len(commits) >= listedCommits || slices.ContainsFunc(commits, func(c *github.HeadCommit) bool {
		return slices.Contains(slices.Concat(c.Added, c.Modified, c.Removed), configFile)
	})
}
