package github

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// shown notes when the comment first showed how plans ended: an approval that was
// given before is not of them.
func (d delivery) shown(ctx context.Context, m view.Model, at time.Time) error {
	for _, id := range m.ShownWhole() {
		_, err := d.Store.UpdateRun(ctx, id, func(r *run.Run) ([]run.Notice, error) {
			if r.ShownAt.IsZero() {
				r.ShownAt = at.UTC().Truncate(time.Second) // as GitHub tells when a review was given
			}
			return nil, nil
		})
		if err != nil && !errors.Is(err, run.ErrNotFound) {
			return storeError(fmt.Errorf("noting when a plan was shown: %w", err))
		}
	}
	return nil
}

// atGitHub is when GitHub says that a comment became what it is.
func (d delivery) atGitHub(c *github.IssueComment) time.Time {
	if at := c.GetUpdatedAt().Time; !at.IsZero() {
		return at
	}
	return d.Now()
}
