package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// Comment is a comment as it is now.
type Comment struct {
	Login     string // of who wrote it
	Person    bool   // who wrote it is a person, and used no App for it
	SHA256    string // of its body, lower-case hex
	Edited    bool
	CreatedAt time.Time // by GitHub's clock
}

// ReadComment returns a comment of a pull request. One that was deleted, or is on
// another pull request, is ErrNotFound.
func ReadComment(ctx context.Context, client *github.Client, r Request, id int64) (Comment, error) {
	if err := r.check(); err != nil {
		return Comment{}, err
	}
	what := fmt.Sprintf("comment %d of %s/%s#%d", id, r.Owner, r.Name, r.Number)
	req, err := client.NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/issues/comments/%d", r.Owner, r.Name, id), nil)
	if err != nil {
		return Comment{}, readError(what, err)
	}
	var c struct {
		github.IssueComment
		App json.RawMessage `json:"performed_via_github_app"` // go-github v60 does not know it
	}
	if _, err = client.Do(ctx, req, &c); err != nil {
		return Comment{}, readError(what, err)
	}
	repository, number := issueAt(c.GetIssueURL())
	if c.GetID() != id || c.GetUser().GetLogin() == "" || c.Body == nil || c.GetCreatedAt().IsZero() || c.GetUpdatedAt().IsZero() || number == 0 {
		return Comment{}, readError(what, errors.New("GitHub's answer lacks the comment"))
	}
	if number != r.Number || !strings.EqualFold(repository, r.Owner+"/"+r.Name) {
		return Comment{}, readError(what, fmt.Errorf("%w: it is on %s#%d", ErrNotFound, repository, number))
	}
	digest := sha256.Sum256([]byte(c.GetBody()))
	return Comment{
		Login: c.GetUser().GetLogin(), SHA256: hex.EncodeToString(digest[:]),
		Person: c.GetUser().GetType() == "User" && (len(c.App) == 0 || string(c.App) == "null"),
		Edited: !c.GetUpdatedAt().Equal(c.GetCreatedAt()), CreatedAt: c.GetCreatedAt().Time,
	}, nil
}

var issueURL = regexp.MustCompile(`/repos/([^/]+/[^/]+)/issues/([1-9][0-9]{0,8})$`)

// issueAt is the repository and the number in the address of an issue; 0 is of
// none.
func issueAt(url string) (repository string, number int) {
	m := issueURL.FindStringSubmatch(url)
	if m == nil {
		return "", 0
	}
	number, _ = strconv.Atoi(m[2]) // the pattern has only digits, few enough
	return m[1], number
}
