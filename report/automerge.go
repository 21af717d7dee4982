package report

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// Merger merges pull requests whose plans are all applied.
type Merger struct {
	Store interface {
		Run(ctx context.Context, id string) (run.Run, error)
		PullRuns(ctx context.Context, repositoryID int64, pullRequest, limit int) ([]run.Run, error)
		Locks(ctx context.Context) (run.Locks, error)
		UpdateRun(ctx context.Context, id string, change func(*run.Run) ([]run.Notice, error)) (run.Run, error)
		PutNotices(ctx context.Context, notices []run.Notice) error
	}
	Client  func(installationID int64) (*github.Client, error)
	NoApply map[string]bool // environments in which pull requests apply nothing
	Method  string          // merge, squash or rebase
	Notify  func()          // called after notices were written
}

// mergedRuns is how many of the newest runs decide whether everything is applied.
const mergedRuns = 100

// Merge merges the pull request of a notice at the commit of its apply, when the
// check lockkeeper/apply is green there. What GitHub refuses is said once and
// never tried again by itself: a person decides.
func (m Merger) Merge(ctx context.Context, n run.Notice) error {
	r, err := m.Store.Run(ctx, n.RunID)
	if errors.Is(err, run.ErrNotFound) || err == nil && r.Merged {
		return nil
	}
	if err != nil {
		return err
	}
	runs, err := m.Store.PullRuns(ctx, r.Repository.ID, r.PullRequest, mergedRuns)
	if err != nil {
		return err
	}
	locks, err := m.Store.Locks(ctx)
	if err != nil {
		return err
	}
	check, ok := ApplyCheck(CheckView{View: View{Runs: runs, Locks: locks, NoApply: m.NoApply}, HeadSHA: r.HeadSHA})
	if !ok || check.Conclusion != "success" {
		return nil
	}
	client, err := m.Client(r.Repository.InstallationID)
	if err != nil {
		return fmt.Errorf("getting a client for installation %d: %w", r.Repository.InstallationID, err)
	}
	err = MergePull(ctx, client, r.Repository, r.PullRequest, r.HeadSHA, m.Method)
	var refused *NotMergedError
	switch {
	case errors.As(err, &refused):
		return m.refused(ctx, client, r, refused.Reason)
	case err != nil:
		return err
	}
	_, err = m.Store.UpdateRun(ctx, r.ID, func(r *run.Run) ([]run.Notice, error) {
		r.Merged = true
		return []run.Notice{run.RefreshComment(r.Repository, r.PullRequest)}, nil
	})
	m.Notify()
	return err
}

// refused tells people, unless the pull request is merged after all: by an
// earlier attempt whose answer was lost, or by somebody.
func (m Merger) refused(ctx context.Context, client *github.Client, r run.Run, reason string) error {
	pr, _, err := client.PullRequests.Get(ctx, r.Repository.Owner, r.Repository.Name, r.PullRequest)
	if err != nil {
		return fmt.Errorf("reading whether %s#%d is merged: %w", r.Repository.FullName(), r.PullRequest, err)
	}
	if pr.GetState() != "open" {
		return nil
	}
	err = m.Store.PutNotices(ctx, []run.Notice{run.ReplyTo(r.Repository, r.PullRequest, "merge/"+r.ID, "Everything is applied, but GitHub did not merge "+
		"this pull request: "+markdown.Quote(reason)+". Merge it by hand when that is fixed; Lockkeeper does not try again.")})
	m.Notify()
	return err
}
