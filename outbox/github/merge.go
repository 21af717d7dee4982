package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// NotMergedError means that GitHub refuses to merge a pull request and will not
// do so when called again. Reason is GitHub's own sentence: untrusted.
type NotMergedError struct{ Reason string }

func (e *NotMergedError) Error() string { return "not merged: " + e.Reason }

// MergePull merges a pull request whose head is sha and no other commit. Method
// is merge, squash or rebase. GitHub answers 405 when the pull request cannot be
// merged, also when it is merged already, and 409 when the head is another one
// (REST, "Merge a pull request"): that is a *NotMergedError. It needs the App's
// permission contents: write.
func MergePull(ctx context.Context, client *github.Client, repo run.Repository, number int, sha, method string) error {
	_, _, err := client.PullRequests.Merge(ctx, repo.Owner, repo.Name, number, "", &github.PullRequestOptions{SHA: sha, MergeMethod: method})
	if err == nil {
		return nil
	}
	var refusal *github.ErrorResponse // rate limits are other types
	if errors.As(err, &refusal) && refusal.Response != nil && final(refusal.Response.StatusCode) {
		return &NotMergedError{Reason: refusal.Message}
	}
	return fmt.Errorf("merging %s#%d: %w", repo.FullName(), number, err)
}

// final reports whether GitHub means no, and not later. A 429 and an answer
// about the token are about later.
func final(status int) bool {
	switch status {
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict, http.StatusUnprocessableEntity:
		return true
	}
	return false
}
