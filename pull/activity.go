package pull

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-github/v60/github"
)

// Activity is one entry of GitHub's record of a branch: who moved it, from
// where to where.
type Activity struct {
	Before, After string
	Login         string // of who did; empty when the account is gone
	UserID        int64  // of the account; survives renames
	Forced        bool   // After does not contain Before
	At            time.Time
}

// activityPage is the most that GitHub gives at once.
const activityPage = 100

// BranchActivity returns a page of the entries of a branch, the newest first,
// from one REST call (REST, "List repository activities"). It needs to read
// contents. An empty cursor asks for the first page, and is next of the last.
func BranchActivity(ctx context.Context, client *github.Client, r Request, branch, cursor string) (page []Activity, next string, err error) {
	if err := r.check(); err != nil {
		return nil, "", err
	}
	what := fmt.Sprintf("activity of branch %q of %s/%s", branch, r.Owner, r.Name)
	query := url.Values{"ref": {"refs/heads/" + branch}, "per_page": {fmt.Sprint(activityPage)}}
	if cursor != "" {
		query.Set("after", cursor)
	}
	// go-github v60 does not know this call.
	req, err := client.NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/activity?%s", r.Owner, r.Name, query.Encode()), nil)
	if err != nil {
		return nil, "", readError(what, err)
	}
	var entries []struct {
		Ref       string       `json:"ref"`
		Before    string       `json:"before"`
		After     string       `json:"after"`
		Type      string       `json:"activity_type"`
		Timestamp time.Time    `json:"timestamp"`
		Actor     *github.User `json:"actor"`
	}
	resp, err := client.Do(ctx, req, &entries)
	if err != nil {
		return nil, "", readError(what, err)
	}
	if entries == nil {
		return nil, "", readError(what, errNoList)
	}
	for _, e := range entries {
		if e.Ref != "refs/heads/"+branch {
			return nil, "", readError(what, fmt.Errorf("GitHub's answer is about %.80q", e.Ref))
		}
		page = append(page, Activity{
			Before: e.Before, After: e.After, Forced: e.Type == "force_push", Login: e.Actor.GetLogin(), UserID: e.Actor.GetID(), At: e.Timestamp,
		})
	}
	return page, resp.After, nil
}
