package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// minimizeOlder folds the reply that this one takes the place of: the one before about
// the same on the pull request. The results of applies are about nothing that a later one
// replaces (run.Notice.About), so they stay. It is a convenience: whatever goes wrong is
// logged, unless the server stops, and the reply was sent before.
func (d delivery) minimizeOlder(ctx context.Context, node string) {
	if err := d.replaceReply(ctx, node); err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("minimizing an older reply")
	}
}

func (d delivery) replaceReply(ctx context.Context, node string) error {
	n := d.notice
	name := fmt.Sprintf("replies/%d/%d/%s", n.Repository.ID, n.PullRequest, n.About)
	older, err := d.Store.Posted(ctx, name)
	if err != nil && !errors.Is(err, run.ErrNotFound) {
		return err
	}
	if err := d.Store.PutPosted(ctx, run.Posted{Name: name, Digest: node}); err != nil {
		return err
	}
	if older.Digest == "" || older.Digest == node {
		return nil
	}
	return d.minimize(ctx, older.Digest)
}

// minimization is what REST cannot do
// (https://docs.github.com/graphql/reference/mutations#minimizecomment).
const minimization = `mutation($input: MinimizeCommentInput!) { minimizeComment(input: $input) { minimizedComment { isMinimized } } }`

func (d delivery) minimize(ctx context.Context, node string) error {
	if err := d.spend(ctx, mayDrop); err != nil {
		return err
	}
	request, err := d.client.NewRequest(http.MethodPost, graphQL(d.client.BaseURL.Path), map[string]any{
		"query": minimization, "variables": map[string]any{"input": map[string]string{"subjectId": node, "classifier": "OUTDATED"}},
	})
	if err != nil {
		return err
	}
	var answer struct{ Errors []struct{ Message string } }
	if _, err := d.client.Do(ctx, request, &answer); err != nil {
		return err
	}
	if len(answer.Errors) > 0 {
		return errors.New(answer.Errors[0].Message)
	}
	return nil
}

// graphQL is where GraphQL is when REST has that path: beside /api/v3 of an Enterprise
// Server, and at the root of api.github.com.
func graphQL(rest string) string {
	return strings.TrimSuffix(rest, "v3/") + "graphql"
}
