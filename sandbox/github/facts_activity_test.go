package github

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"
)

func TestActivityTellsWhoMovedABranch(t *testing.T) {
	w := newWorld(t)
	first, err := w.As("alice").Push(testRepo, "moves", "1", Files{"a": "1"})
	must(t, err)
	_, err = w.As("carol").Push(testRepo, "moves", "2", Files{"a": "2"})
	must(t, err)
	must(t, w.As("alice").MoveBranch(testRepo, "moves", first))
	client := w.bot()
	read := func(query string) (out []string, next string) {
		t.Helper()
		req, err := client.NewRequest(http.MethodGet, "repos/"+testRepo+"/activity?"+query, nil)
		must(t, err)
		var list []struct {
			Type  string   `json:"activity_type"`
			After string   `json:"after"`
			Actor *gh.User `json:"actor"`
		}
		resp, err := client.Do(context.Background(), req, &list)
		must(t, err)
		for _, a := range list {
			out = append(out, a.Type+" "+a.Actor.GetLogin())
		}
		return out, resp.Header.Get("Link")
	}
	got, _ := read("ref=moves")
	if diff := cmp.Diff([]string{"force_push alice", "push carol", "branch_creation alice"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, next := read("ref=refs/heads/moves&per_page=2")
	if len(got) != 2 || !strings.Contains(next, `rel="next"`) {
		t.Errorf("a page of two: %v, %s", got, next)
	}
	must(t, w.ForgetActivity(testRepo))
	if got, _ := read("ref=moves"); len(got) != 0 {
		t.Errorf("after it was forgotten: %v", got)
	}
}

// A push to a closed pull request is told as a push alone; the pull request has
// it when it is opened again, and cannot be after its branch was rewritten.
func TestAClosedPullRequestFollowsItsBranchWhenItIsOpenedAgain(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	view, err := w.Pull(testRepo, n)
	must(t, err)
	must(t, w.As("alice").ClosePull(testRepo, n))
	w.arrived()
	sha, err := w.As("alice").Push(testRepo, view.HeadRef, "while closed", Files{"closed": "1"})
	must(t, err)
	must(t, w.As("alice").ReopenPull(testRepo, n))
	var events []string
	for _, x := range w.arrived() {
		var e struct {
			Action string `json:"action"`
			PR     struct {
				Head struct {
					SHA string `json:"sha"`
				} `json:"head"`
			} `json:"pull_request"`
		}
		must(t, json.Unmarshal(x.body, &e))
		if event := x.header.Get("X-GitHub-Event"); event == "push" || event == "pull_request" {
			events = append(events, event+" "+e.Action+" "+e.PR.Head.SHA)
		}
	}
	if diff := cmp.Diff([]string{"push  ", "pull_request reopened " + sha}, events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(t, w.As("alice").ClosePull(testRepo, n))
	_, err = w.As("alice").ForcePush(testRepo, view.HeadRef, "rewritten", Files{"closed": "2"})
	must(t, err)
	if err := w.As("alice").ReopenPull(testRepo, n); err == nil {
		t.Error("it was opened again after a forced push")
	}
}
