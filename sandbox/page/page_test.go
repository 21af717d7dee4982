package page

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestListShowsEveryPullRequest(t *testing.T) {
	w := newWorld(t)
	status, page := w.get("/")
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	wantText(t, page, repo, "1 pull request", "Orders: more capacity for the season", "opened now by ana-author", "runs on this machine only")
}

func TestConversationShowsWhatHappened(t *testing.T) {
	w := newWorld(t)
	_, _, err := w.app().Issues.CreateComment(t.Context(), demo.Owner, demo.Repository, 1, &gh.IssueComment{
		Body: gh.String("### Plan\n\n> [!CAUTION]\n> **database-prod** replaces `x`\n\n<details><summary>diff</summary>\n\n```diff\n- a\n```\n\n</details>"),
	})
	must(t, err)
	_, err = w.As(demo.Reviewer).Review(repo, 1, "APPROVE", "fine by me")
	must(t, err)
	_, err = w.As(demo.Author).Push(repo, branch, "Say why", github.Files{"README.md": "why\n"})
	must(t, err)

	_, page := w.get(pullAt)
	wantText(t, byID(page, "title"), "Orders: more capacity for the season #1", "Open", "wants to merge 2 commits into main from orders-more-capacity")
	wantText(t, byID(page, "timeline"), "The season starts in three weeks", "lockkeeper[bot] commented", "bot", "Caution", "approved these changes", "fine by me", "pushed 1 commit", "Say why")
	wantText(t, byID(page, "merge"), "Approval is for an older commit", "No checks yet")
	wantText(t, byID(page, "tabs"), "Conversation 1", "Commits 2", "Files changed 6")
	wantText(t, page, "You are ana-author", "Lockkeeper runs Terraform from pull requests", "/plan", "/apply", "/why")
}

func TestTabs(t *testing.T) {
	w := newWorld(t)
	w.check(gh.CreateCheckRunOptions{
		Name: "lockkeeper/plan", Status: gh.String("completed"), Conclusion: gh.String("success"),
		Output:  &gh.CheckRunOutput{Title: gh.String("2 to add"), Summary: gh.String("**all** stored")},
		Actions: []*gh.CheckRunAction{{Label: "Plan again", Description: "Plan again", Identifier: "plan"}},
	})
	w.check(gh.CreateCheckRunOptions{Name: "lockkeeper/apply", Status: gh.String("in_progress")})

	_, page := w.get(pullAt + "/checks")
	wantText(t, byID(page, "check-list"), "lockkeeper/plan 2 to add success", "all stored", "Plan again", "lockkeeper/apply in progress")
	_, page = w.get(pullAt + "/files")
	wantText(t, byID(page, "files"), "live/prod/database/prod.tfvars modified +2 −2", `+engine_version = "16.4"`)
	_, page = w.get(pullAt + "/commits")
	wantText(t, byID(page, "commits"), "Orders: more capacity for the season")
	_, page = w.get(pullAt + "/edit?path=README.md")
	wantText(t, page, "Everything Acme runs", "Commit and push")
	_, page = w.get(pullAt)
	wantText(t, byID(page, "merge"), "Some checks haven't completed yet", "1 of 2 done", "No conflicts with main")
}

func TestWhatIsNotThereSaysSo(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/nobody", pullAt + "0", "/acme/other/pull/1", "/acme/infrastructure/pull/x", "/acme/infrastructure/runs/1", "/acme/infrastructure/runs/x", pullAt + "/edit?path=no-such-file", "/-/assets/none.js"} {
		status, page := w.get(path)
		if status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, status)
		}
		if !strings.HasPrefix(path, "/-/") {
			wantText(t, page, "There is nothing here")
		}
	}
}

func TestTheAddressOfACheckRunLeadsToItsTab(t *testing.T) {
	w := newWorld(t)
	id := w.check(gh.CreateCheckRunOptions{Name: "lockkeeper/plan", Status: gh.String("in_progress")})
	leads := func(name string) {
		t.Helper()
		status, page := w.get(fmt.Sprintf("/%s/runs/%d", repo, id))
		if status != http.StatusOK || byID(page, "check-list") == nil {
			t.Errorf("%s: status %d, %s", name, status, text(page))
		}
	}
	leads("of the newest commit")
	_, err := w.As(demo.Author).Push(repo, branch, "more", github.Files{"README.md": "more\n"})
	must(t, err)
	leads("of an older commit")
}

func TestASuggestionFillsTheCommentBoxWithoutScript(t *testing.T) {
	w := newWorld(t)
	_, page := w.get(pullAt + "?comment=" + url.QueryEscape("/plan network-prod"))
	if got := text(byID(page, "comment")); !strings.HasPrefix(got, "/plan network-prod") {
		t.Errorf("the comment box holds %q", got)
	}
}

func TestSwitchingThePerson(t *testing.T) {
	w := newWorld(t)
	status, page := w.post("/-/person", url.Values{"login": {demo.Reviewer}, "back": {pullAt}})
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	wantText(t, page, "You are rui-reviewer", "Orders: more capacity")
	if status, _ = w.post("/-/person", url.Values{"login": {"somebody"}}); status != http.StatusBadRequest {
		t.Errorf("an unknown person: status %d, want 400", status)
	}
}

func TestComingBackNeverLeavesTheSandbox(t *testing.T) {
	tests := map[string]string{
		"/a/b/pull/1":        "/a/b/pull/1",
		"https://evil.test/": "/",
		"//evil.test/":       "/",
		`/\evil.test`:        "/",
		"evil":               "/",
		"":                   "/",
		"javascript:alert()": "/",
		"/%2f/evil.test":     "/",
	}
	for target, want := range tests {
		if got := localPath(target); got != want {
			t.Errorf("localPath(%q) = %q, want %q", target, got, want)
		}
	}
}

func TestAMergedPullRequestOffersNoMoreToDo(t *testing.T) {
	w := newWorld(t)
	_, err := w.As(demo.Reviewer).MergePull(repo, 1, "merge")
	must(t, err)
	_, page := w.get(pullAt)
	wantText(t, byID(page, "title"), "Merged", "ana-author merged 1 commit into main")
	if box := text(byID(page, "merge")); box != "Merged The commits are in main now." {
		t.Errorf("the box says %q", box)
	}
	_, page = w.get(pullAt + "/files")
	if strings.Contains(text(byID(page, "files")), "Edit") {
		t.Error("files can still be edited")
	}
}
