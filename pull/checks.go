package pull

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"
)

// Check is the newest check run of one name and one App.
type Check struct {
	Name       string
	AppID      int64
	Status     string // queued, in_progress, completed, or another word of GitHub's
	Conclusion string // of completed ones, such as success
}

// Checks returns the check runs of a commit, by name. Commit statuses are not
// among them: anyone who may write can set any of those (T20).
func Checks(ctx context.Context, client *github.Client, r Request, sha string) ([]Check, error) {
	if err := errors.Join(r.check(), checkSHA(sha)); err != nil {
		return nil, fmt.Errorf("reading check runs: %w", err)
	}
	what := fmt.Sprintf("check runs of %s in %s/%s", sha, r.Owner, r.Name)
	listed, err := pages(what, func(o github.ListOptions) ([]*github.CheckRun, *github.Response, error) {
		answer, response, err := client.Checks.ListCheckRunsForRef(ctx, r.Owner, r.Name, sha,
			&github.ListCheckRunsOptions{Filter: github.String("latest"), ListOptions: o})
		if err != nil || answer == nil {
			return nil, response, err
		}
		return answer.CheckRuns, response, nil
	})
	if err != nil {
		return nil, err
	}
	return newestChecks(what, listed)
}

// newestChecks keeps one run of each name and App: "latest" is the latest of a
// check suite, and an App can have several suites on one commit.
func newestChecks(what string, listed []*github.CheckRun) ([]Check, error) {
	type key struct {
		name string
		app  int64
	}
	newest := map[key]*github.CheckRun{}
	for _, c := range listed {
		if c.GetName() == "" || c.GetStatus() == "" || c.GetID() == 0 {
			return nil, readError(what, errors.New("GitHub's answer has a check run without a name, status or id"))
		}
		k := key{c.GetName(), c.GetApp().GetID()}
		if before := newest[k]; before == nil || before.GetID() < c.GetID() {
			newest[k] = c
		}
	}
	checks := make([]Check, 0, len(newest))
	for k, c := range newest {
		checks = append(checks, Check{Name: k.name, AppID: k.app, Status: c.GetStatus(), Conclusion: c.GetConclusion()})
	}
	slices.SortFunc(checks, func(a, b Check) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(a.AppID - b.AppID)
	})
	return checks, nil
}
