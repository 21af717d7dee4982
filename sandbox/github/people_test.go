package github

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names lists deliveries as "event.action".
func names(deliveries []Delivery) []string {
	var list []string
	for _, x := range deliveries {
		name := x.Event
		if x.Action != "" {
			name += "." + x.Action
		}
		list = append(list, name)
	}
	return list
}

func TestPullRequestLifeSendsGitHubsEvents(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	alice, carol := w.As("alice"), w.As("carol")
	id, err := alice.Comment(testRepo, n, "/plan")
	must(t, err)
	must(t, alice.EditComment(testRepo, id, "/plan all"))
	_, err = carol.Review(testRepo, n, "APPROVE", "")
	must(t, err)
	_, err = alice.Push(testRepo, "feature", "more", Files{"c/main.tf": "#\n", "b/main.tf": Deleted})
	must(t, err)
	must(t, alice.ConvertToDraft(testRepo, n))
	must(t, alice.ReadyForReview(testRepo, n))
	must(t, alice.ClosePull(testRepo, n))
	must(t, alice.ReopenPull(testRepo, n))
	must(t, alice.DeleteComment(testRepo, id))
	_, err = carol.MergePull(testRepo, n, "squash")
	must(t, err)
	want := []string{
		"installation.created",
		"push", "check_suite.requested", "pull_request.opened",
		"issue_comment.created", "issue_comment.edited", "pull_request_review.submitted",
		"push", "check_suite.requested", "pull_request.synchronize",
		"pull_request.converted_to_draft", "pull_request.ready_for_review", "pull_request.closed", "pull_request.reopened",
		"issue_comment.deleted",
		"pull_request.closed", "push", "check_suite.requested",
	}
	if diff := cmp.Diff(want, names(w.settle())); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}
