package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/go-github/v60/github"
)

// Comment is a comment as it is now.
type Comment struct {
	Login  string // of who wrote it
	SHA256 string // of its body, lower-case hex
	Edited bool
}

// ReadComment returns a comment of a pull request. One that was deleted is
// ErrNotFound.
func ReadComment(ctx context.Context, client *github.Client, r Request, id int64) (Comment, error) {
	if err := r.check(); err != nil {
		return Comment{}, err
	}
	what := fmt.Sprintf("comment %d of %s/%s#%d", id, r.Owner, r.Name, r.Number)
	c, _, err := client.Issues.GetComment(ctx, r.Owner, r.Name, id)
	if err != nil {
		return Comment{}, readError(what, err)
	}
	if c.GetID() != id || c.GetUser().GetLogin() == "" || c.Body == nil || c.GetCreatedAt().IsZero() || c.GetUpdatedAt().IsZero() {
		return Comment{}, readError(what, errors.New("GitHub's answer lacks the comment"))
	}
	digest := sha256.Sum256([]byte(c.GetBody()))
	return Comment{
		Login: c.GetUser().GetLogin(), SHA256: hex.EncodeToString(digest[:]),
		Edited: !c.GetUpdatedAt().Equal(c.GetCreatedAt()),
	}, nil
}
