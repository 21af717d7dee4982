package github

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockkeeper/lockkeeper/run"
)

// reaction puts an emoji on a comment. GitHub answers a second one of the same
// App with the first. Without room in the budget it is left out: later it would be
// of no use.
func (d delivery) reaction(ctx context.Context) error {
	if err := d.spend(ctx, mayDrop); err != nil {
		if _, later := errors.AsType[*run.NotBeforeError](err); later {
			return nil
		}
		return err
	}
	n := d.notice
	_, _, err := d.client.Reactions.CreateIssueCommentReaction(ctx, n.Repository.Owner, n.Repository.Name, n.CommentID, n.Content)
	if err != nil {
		return fmt.Errorf("reacting to comment %d: %w", n.CommentID, err)
	}
	return nil
}
