package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// recentComments lists the comments of a repository from since on, oldest
// first. It asks for whole hours: the address stays the same that long, and
// while nobody comments the answer is 304, which uses up no rate limit
// (docs.github.com, "Best practices for using the REST API", conditional
// requests).
func recentComments(ctx context.Context, client *github.Client, repo run.Repository, since time.Time) ([]writtenComment, error) {
	query := url.Values{
		"sort": {"created"}, "direction": {"desc"}, "per_page": {"100"},
		"since": {since.UTC().Truncate(time.Hour).Format(time.RFC3339)}, // of the last change, so older comments come, too
	}
	var out []writtenComment
	for page := 1; page > 0 && page <= sweptPages; {
		if page > 1 {
			query.Set("page", strconv.Itoa(page))
		}
		var list []json.RawMessage
		next, err := get(ctx, client, address(repo, "/issues/comments?"+query.Encode()), &list)
		if err != nil {
			return nil, err
		}
		page = next
		for _, raw := range list {
			x := writtenComment{raw: raw}
			if err := json.Unmarshal(raw, &x); err != nil {
				return nil, fmt.Errorf("reading a comment: %w", err)
			}
			if x.CreatedAt.Before(since) {
				page = 0 // the rest is older still
			}
			out = append(out, x)
		}
	}
	slices.Reverse(out)
	return out, nil
}

// number is of the issue or pull request that it is on; 0 when unknown.
func (x writtenComment) number() int {
	n, err := strconv.Atoi(path.Base(x.IssueURL))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// eventOf is the issue_comment event of a comment, of GitHub's own words as far
// as its handler reads them. It is nil when another repository has taken the
// name, or the pull request is gone.
func eventOf(ctx context.Context, client *github.Client, repo run.Repository, x writtenComment) ([]byte, error) {
	var repository, issue json.RawMessage
	_, err := get(ctx, client, address(repo, ""), &repository)
	if err == nil {
		_, err = get(ctx, client, address(repo, fmt.Sprintf("/issues/%d", x.number())), &issue)
	}
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var is struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(repository, &is); err != nil || is.ID != repo.ID {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"action": "created", "comment": x.raw, "sender": x.User, "issue": issue, "repository": repository,
		"installation": map[string]int64{"id": repo.InstallationID},
	})
}

func address(repo run.Repository, rest string) string {
	return "repos/" + url.PathEscape(repo.Owner) + "/" + url.PathEscape(repo.Name) + rest
}

// get reads what is at an address as it is, fields that go-github v60 does not
// know included. next is the next page of a list; 0 when there is none.
func get(ctx context.Context, client *github.Client, address string, to any) (next int, err error) {
	req, err := client.NewRequest("GET", address, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(ctx, req, to)
	if err != nil {
		return 0, err
	}
	return resp.NextPage, nil
}
