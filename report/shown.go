package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// shown notes when the comment first showed how plans ended: an approval that was
// given before is not of them. A run that goes on is not shown whole, nor is one whose
// losses are known by their counts alone.
func (d delivery) shown(ctx context.Context, v View, p picked, at time.Time) error {
	noted := map[string]bool{}
	for _, s := range p.standings {
		counts := jobCounts(s.Plan)
		if _, there := v.Summaries[s.Plan.ID]; !there && counts.Destroy+counts.Replace > 0 {
			noted[s.PlanRun.ID] = true
		}
	}
	for _, s := range p.standings {
		r := s.PlanRun
		if noted[r.ID] || !r.State.Final() || !r.ShownAt.IsZero() {
			continue
		}
		noted[r.ID] = true
		_, err := d.Store.UpdateRun(ctx, r.ID, func(r *run.Run) ([]run.Notice, error) {
			if r.ShownAt.IsZero() {
				r.ShownAt = at.UTC().Truncate(time.Second) // as GitHub tells when a review was given
			}
			return nil, nil
		})
		if err != nil && !errors.Is(err, run.ErrNotFound) {
			return storeError{fmt.Errorf("noting when a plan was shown: %w", err)}
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
