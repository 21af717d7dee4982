package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lockkeeper/lockkeeper/run"
)

// CommitRuns implements run.Store. Few pull requests have more than the newest runs;
// only then the others are looked at, and of those that do not count nothing is kept.
func (s *Store) CommitRuns(ctx context.Context, repositoryID int64, pullRequest int, sha string) ([]run.Run, error) {
	runs, err := s.PullRuns(ctx, repositoryID, pullRequest, run.RecentRuns)
	if err != nil || len(runs) < run.RecentRuns {
		return runs, err
	}
	if sha == "" {
		if sha, err = s.plannedCommit(ctx, repositoryID, pullRequest); err != nil || sha == "" {
			return runs, err
		}
	}
	var counted run.Counted
	for _, r := range runs {
		if r.HeadSHA == sha {
			counted.Add(r)
		}
	}
	rows, err := s.read.QueryContext(ctx, `SELECT `+runColumns+` FROM runs WHERE repository_id = ? AND pull_request = ? AND id < ?
		AND document ->> '$.head_sha' = ? ORDER BY id DESC`, repositoryID, pullRequest, runs[len(runs)-1].ID, sha)
	if err != nil {
		return nil, fmt.Errorf("listing runs of commit %s: %w", sha, err)
	}
	defer rows.Close()
	for !counted.Complete() && rows.Next() {
		r, err := oneRun(rows)
		if err != nil {
			return nil, fmt.Errorf("listing runs of commit %s: %w", sha, err)
		}
		if counted.Add(r) {
			runs = append(runs, r)
		}
	}
	return runs, rows.Err()
}

// plannedCommit is the commit of the newest plan that knows its own; empty when none does.
func (s *Store) plannedCommit(ctx context.Context, repositoryID int64, pullRequest int) (sha string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT document ->> '$.head_sha' FROM runs WHERE repository_id = ? AND pull_request = ?
		AND document ->> '$.kind' = ? AND document ->> '$.branch' IS NULL AND document ->> '$.head_sha' <> '' ORDER BY id DESC LIMIT 1`,
		repositoryID, pullRequest, string(run.KindPlan)).Scan(&sha)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for the commit of the newest plan: %w", err)
	}
	return sha, nil
}
