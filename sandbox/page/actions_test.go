package page

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"
	"golang.org/x/net/html"

	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// last gives the newest entry of the timeline.
func last(pull github.PullView) github.Moment { return pull.Timeline[len(pull.Timeline)-1] }

func TestEveryFormActs(t *testing.T) {
	tests := map[string]struct {
		as, path string
		form     url.Values
		done     func(pull github.PullView) bool
	}{
		"comment": {demo.Outsider, "/comment", url.Values{"body": {"/plan\r\nplease"}}, func(p github.PullView) bool {
			return last(p).Actor == demo.Outsider && last(p).Comment.Body == "/plan\nplease"
		}},
		"approve": {demo.Reviewer, "/review", url.Values{"event": {"APPROVE"}, "body": {"good"}}, func(p github.PullView) bool {
			return last(p).Review.State == "APPROVED" && last(p).Review.Commit == p.HeadSHA
		}},
		"request changes": {demo.Reviewer, "/review", url.Values{"event": {"REQUEST_CHANGES"}, "body": {"why?"}}, func(p github.PullView) bool {
			return last(p).Review.State == "CHANGES_REQUESTED"
		}},
		"review comment": {demo.Author, "/review", url.Values{"event": {"COMMENT"}, "body": {"note"}}, func(p github.PullView) bool {
			return last(p).Review.State == "COMMENTED"
		}},
		"push a new file": {demo.Author, "/edit", url.Values{"path": {"README.md"}, "new": {"live/dev/cache/main.tf"}, "content": {"locals {}\r\n"}, "message": {"cache"}}, func(p github.PullView) bool {
			return hasFile(p, "live/dev/cache/main.tf", "added") && !hasFile(p, "README.md", "")
		}},
		"push a deletion": {demo.Author, "/edit", url.Values{"path": {"README.md"}, "delete": {"1"}, "content": {"x"}, "message": {"gone"}}, func(p github.PullView) bool {
			return hasFile(p, "README.md", "removed")
		}},
		"push an edit": {demo.Author, "/edit", url.Values{"path": {"live/dev/orders/dev.tfvars"}, "content": {"replicas = 2\r\n"}, "message": {"two"}}, func(p github.PullView) bool {
			return len(p.Commits) == 2 && p.Commits[1].Message == "two" && last(p).Kind == "pushed"
		}},
		"close": {demo.Author, "/close", nil, func(p github.PullView) bool { return p.State == "closed" && !p.Merged }},
		"merge": {demo.Reviewer, "/merge", url.Values{"method": {"squash"}}, func(p github.PullView) bool { return p.Merged }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.be(test.as)
			if status, page := w.post(pullAt+test.path, test.form); status != http.StatusOK {
				t.Fatalf("status %d: %s", status, text(byID(page, "flash")))
			}
			if pull := w.pull(); !test.done(pull) {
				t.Errorf("the form had no effect: state %s, last moment %+v", pull.State, last(pull))
			}
		})
	}
}

func TestAReviewCanBeDismissed(t *testing.T) {
	w := newWorld(t)
	id, err := w.As(demo.Reviewer).Review(repo, 1, "APPROVE", "")
	must(t, err)
	_, page := w.get(pullAt)
	wantText(t, byID(page, "sidebar"), "Dismiss")
	if status, page := w.post(fmt.Sprintf("%s/dismiss/%d", pullAt, id+1), nil); status != http.StatusNotFound {
		t.Errorf("an unknown review: status %d: %s", status, text(page))
	}
	status, page := w.post(fmt.Sprintf("%s/dismiss/%d", pullAt, id), nil)
	if state := last(w.pull()).Kind; status != http.StatusOK || state != "review_dismissed" {
		t.Errorf("status %d, last moment %s", status, state)
	}
	if strings.Contains(text(byID(page, "sidebar")), "Dismiss") {
		t.Error("what is dismissed can be dismissed again")
	}
}

func TestABranchThatIsBehindCanBeUpdated(t *testing.T) {
	w := newWorld(t)
	offered := func(page *html.Node) bool { return strings.Contains(text(byID(page, "merge")), "Update branch") }
	if _, page := w.get(pullAt); offered(page) {
		t.Error("a branch that is current can be updated")
	}
	_, err := w.Commit(repo, demo.DefaultBranch, demo.Reviewer, "Elsewhere", github.Files{"NOTES.md": "x\n"})
	must(t, err)
	if _, page := w.get(pullAt); !offered(page) {
		t.Errorf("not offered: %s", text(byID(page, "merge")))
	}
	status, page := w.post(pullAt+"/update", nil)
	if pull := w.pull(); status != http.StatusOK || offered(page) || pull.Behind != 0 || len(pull.Commits) != 2 {
		t.Errorf("status %d, behind %d, %d commits", status, pull.Behind, len(pull.Commits))
	}
}

func TestAnEditBecomesAPullRequestOfItsOwn(t *testing.T) {
	w := newWorld(t)
	edit := func(content string) url.Values {
		return url.Values{"path": {"live/prod/orders/prod.tfvars"}, "content": {content}, "message": {"Fewer replicas\n\nWhy."}}
	}
	for _, want := range []string{"#2", "#3"} {
		status, page := w.post(pullAt+"/propose", edit("replicas = 1"+want+"\n"))
		if status != http.StatusOK {
			t.Fatalf("status %d: %s", status, text(page))
		}
		wantText(t, byID(page, "title"), "Fewer replicas", want, "1 commit", demo.DefaultBranch)
	}
	if first := w.pull(); len(first.Commits) != 1 {
		t.Errorf("the first pull request has %d commits now", len(first.Commits))
	}
	w.be(demo.Outsider)
	status, page := w.post(pullAt+"/propose", edit("replicas = 9\n"))
	wantText(t, page, "GitHub refuses", "replicas = 9")
	if numbers, err := w.PullNumbers(repo); status != http.StatusForbidden || err != nil || len(numbers) != 3 {
		t.Errorf("an outsider: status %d, pull requests %v, error %v", status, numbers, err)
	}
}

func TestReopenAndReadyForReview(t *testing.T) {
	w := newWorld(t)
	must(t, w.As(demo.Author).ClosePull(repo, 1))
	_, page := w.post(pullAt+"/reopen", nil)
	wantText(t, byID(page, "title"), "Open")
	must(t, w.As(demo.Author).ConvertToDraft(repo, 1))
	_, page = w.get(pullAt)
	wantText(t, byID(page, "merge"), "still a draft", "Ready for review")
	w.post(pullAt+"/ready", nil)
	if w.pull().Draft {
		t.Error("still a draft")
	}
}

func TestCheckButtonsReachTheApp(t *testing.T) {
	w := newWorld(t)
	w.SetWebhook("http://127.0.0.1:9", "a webhook secret of thirty-two b")
	id := w.check(gh.CreateCheckRunOptions{
		Name: "lockkeeper/plan", Status: gh.String("completed"), Conclusion: gh.String("success"),
		Actions: []*gh.CheckRunAction{{Label: "Plan again", Description: "Plan again", Identifier: "plan"}},
	})
	if status, page := w.post(fmt.Sprintf("%s/checks/%d/press", pullAt, id), url.Values{"identifier": {"plan"}}); status != http.StatusOK {
		t.Fatalf("press: status %d: %s", status, text(page))
	}
	if status, page := w.post(fmt.Sprintf("%s/checks/%d/rerun", pullAt, id), nil); status != http.StatusOK {
		t.Fatalf("re-run: status %d: %s", status, text(page))
	}
	seen := ""
	for _, delivery := range w.Deliveries() {
		seen += delivery.Event + "." + delivery.Action + " "
	}
	for _, want := range []string{"check_run.requested_action", "check_run.rerequested"} {
		if !strings.Contains(seen, want) {
			t.Errorf("want %s among the webhooks %s", want, seen)
		}
	}
	status, page := w.post(fmt.Sprintf("%s/checks/%d/press", pullAt, id), url.Values{"identifier": {"other"}})
	if status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown button: status %d", status)
	}
	wantText(t, byID(page, "flash"), "GitHub refuses", "no button")
}

func TestRefusalsAreShownAndLoseNothing(t *testing.T) {
	tests := map[string]struct {
		as, path string
		form     url.Values
		status   int
		want     []string // seen on the page
	}{
		"an author approves":         {demo.Author, "/review", url.Values{"event": {"APPROVE"}}, 422, []string{"GitHub refuses"}},
		"an empty comment":           {demo.Author, "/comment", url.Values{"body": {""}}, 422, []string{"GitHub refuses"}},
		"a comment too long":         {demo.Author, "/comment", url.Values{"body": {"keep this " + strings.Repeat("x", 65536)}}, 422, []string{"too long", "keep this xxx"}},
		"an outsider pushes":         {demo.Outsider, "/edit", url.Values{"path": {"README.md"}, "content": {"my own text"}, "message": {"m"}}, 403, []string{"GitHub refuses", "my own text"}},
		"an outsider merges":         {demo.Outsider, "/merge", url.Values{"method": {"merge"}}, 403, []string{"GitHub refuses"}},
		"an outsider closes":         {demo.Outsider, "/close", nil, 403, []string{"GitHub refuses"}},
		"an edit of no file":         {demo.Author, "/propose", url.Values{"path": {"../x"}, "content": {"x"}, "message": {"m"}}, 422, []string{"no file of this name"}},
		"a path out of the tree":     {demo.Author, "/edit", url.Values{"path": {"../../etc/passwd"}, "content": {"x"}, "message": {"m"}}, 422, []string{"no file of this name"}},
		"git's own directory":        {demo.Author, "/edit", url.Values{"path": {".git/config"}, "content": {"x"}, "message": {"m"}}, 422, []string{"no file of this name"}},
		"a new path out of the tree": {demo.Author, "/edit", url.Values{"path": {"README.md"}, "new": {"../x"}, "content": {"x"}, "message": {"m"}}, 422, []string{"needs a path of its own"}},
		"a new path in git's":        {demo.Author, "/edit", url.Values{"path": {"README.md"}, "new": {"a/.GIT/config"}, "content": {"x"}, "message": {"m"}}, 422, []string{"needs a path of its own"}},
		"a new path that is there":   {demo.Author, "/edit", url.Values{"path": {"README.md"}, "new": {"live"}, "content": {"x"}, "message": {"m"}}, 422, []string{"needs a path of its own"}},
		"a new path below a file":    {demo.Author, "/edit", url.Values{"path": {"README.md"}, "new": {"README.md/x"}, "content": {"x"}, "message": {"m"}}, 422, []string{"needs a path of its own"}},
		"a link in disguise":         {demo.Author, "/edit", url.Values{"path": {"README.md"}, "content": {"\x00symlink:/etc/passwd"}, "message": {"m"}}, 422, []string{"Only text files"}},
		"a commit with no reason":    {demo.Author, "/edit", url.Values{"path": {"README.md"}, "content": {"kept"}, "message": {" "}}, 422, []string{"needs a message", "kept"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.pull()
			w.be(test.as)
			status, page := w.post(pullAt+test.path, test.form)
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			wantText(t, page, test.want...)
			if after := w.pull(); len(after.Timeline) != len(before.Timeline) || after.HeadSHA != before.HeadSHA || after.State != before.State {
				t.Error("the refused form changed the pull request")
			}
		})
	}
}

// hasFile reports that a pull request changes a file; an empty status is any.
func hasFile(p github.PullView, path, status string) bool {
	return slices.ContainsFunc(p.Files, func(f github.FileView) bool { return f.Path == path && (status == "" || f.Status == status) })
}
