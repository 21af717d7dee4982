package github

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"
)

func TestCollaboratorsAreListedByWhatTheyMayDo(t *testing.T) {
	w := newWorld(t)
	must(t, w.SetPermission(testRepo, "erin", "admin"))
	must(t, w.AddUser("ci", "Bot"))
	must(t, w.SetPermission(testRepo, "ci", "write")) // an App is no collaborator
	for filter, want := range map[string]string{
		"": "alice bob carol dave erin", "pull": "alice bob carol dave erin", "triage": "alice carol dave erin",
		"push": "alice carol erin", "maintain": "carol erin", "admin": "erin",
	} {
		users, _, err := w.bot().Repositories.ListCollaborators(ctx, "acme", "infra", &gh.ListCollaboratorsOptions{Permission: filter})
		must(t, err)
		var logins []string
		for _, u := range users {
			logins = append(logins, u.GetLogin())
		}
		if got := strings.Join(logins, " "); got != want {
			t.Errorf("%q: %s, want %s", filter, got, want)
		}
	}
}

func TestPagesMayBeSmallerThanAskedFor(t *testing.T) {
	w := newWorld(t)
	w.Faults().PageSize(2)
	users, response, err := w.bot().Repositories.ListCollaborators(ctx, "acme", "infra", &gh.ListCollaboratorsOptions{ListOptions: gh.ListOptions{PerPage: 100}})
	must(t, err)
	if len(users) != 2 || response.NextPage != 2 || response.LastPage != 2 {
		t.Errorf("%d people, next page %d, last %d", len(users), response.NextPage, response.LastPage)
	}
}

func TestReviewsOutliveTheirAuthor(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	_, err := w.As("carol").Review(testRepo, n, "APPROVE", "")
	must(t, err)
	must(t, w.DeleteUser("carol"))
	reviews, _, err := w.bot().PullRequests.ListReviews(ctx, "acme", "infra", n, nil)
	must(t, err)
	if len(reviews) != 1 || reviews[0].User != nil || reviews[0].GetState() != "APPROVED" {
		t.Errorf("reviews %v", reviews)
	}
	_, _, err = w.bot().Repositories.GetPermissionLevel(ctx, "acme", "infra", "carol")
	wantStatus(t, err, 404)
}

func TestPullRequestsOutliveTheirAuthor(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	pull, _, err := w.bot().PullRequests.Get(ctx, "acme", "infra", n)
	must(t, err)
	must(t, w.DeleteUser(pull.GetUser().GetLogin()))
	pull, _, err = w.bot().PullRequests.Get(ctx, "acme", "infra", n)
	must(t, err)
	if pull.GetUser().GetLogin() != "ghost" {
		t.Errorf("opened by %v, want the user ghost", pull.User)
	}
}

func TestCommitsNameWhomTheyClaim(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	bob, _, err := w.bot().Users.Get(ctx, "bob")
	must(t, err)
	by := Signed{Author: "carol", Committer: fmt.Sprintf("%d+old-name@users.noreply.github.com", bob.GetID())}
	_, err = w.As("alice").PushSigned(testRepo, "feature", "theirs", by, Files{"a/main.tf": "# theirs\n"})
	must(t, err)
	_, err = w.As("alice").PushSigned(testRepo, "feature", "a stranger's", Signed{Author: "eve@example.com"}, Files{"a/main.tf": "# a stranger's\n"})
	must(t, err)
	commits, _, err := w.bot().PullRequests.ListCommits(ctx, "acme", "infra", n, nil)
	must(t, err)
	var got []string
	for _, c := range commits {
		got = append(got, c.GetAuthor().GetLogin()+" "+c.GetCommitter().GetLogin()+" "+c.GetCommit().GetAuthor().GetEmail())
	}
	want := []string{"alice alice alice@users.noreply.github.com", "carol bob carol@users.noreply.github.com", "  eve@example.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChecksOfOtherAppsStandBesideOurs(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	head := w.view(n).HeadSHA
	ci := OtherApp{ID: 15368, Slug: "github-actions"}
	_, err := w.ReportCheck(testRepo, head, ci, "build", "completed", "failure")
	must(t, err)
	_, err = w.ReportCheck(testRepo, head, ci, "build", "completed", "success")
	must(t, err)
	_, err = w.ReportCheck(testRepo, head, ci, "build", "in_progress", "success")
	if err == nil {
		t.Error("a run in progress had a conclusion")
	}
	_, _, err = w.bot().Checks.CreateCheckRun(ctx, "acme", "infra", gh.CreateCheckRunOptions{Name: "build", HeadSHA: head})
	must(t, err)
	list, _, err := w.bot().Checks.ListCheckRunsForRef(ctx, "acme", "infra", head, nil)
	must(t, err)
	got := map[int64]string{}
	for _, c := range list.CheckRuns {
		got[c.GetApp().GetID()] += c.GetStatus() + " " + c.GetConclusion()
	}
	if diff := cmp.Diff(map[int64]string{15368: "completed success", testAppID: "queued "}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	suites, _, err := w.bot().Checks.ListCheckSuitesForRef(ctx, "acme", "infra", head, nil)
	must(t, err)
	if len(suites.CheckSuites) != 2 {
		t.Errorf("%d suites", len(suites.CheckSuites))
	}
}

func TestSomethingHappensRightBeforeACall(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	push := func() {
		_, err := w.As("alice").Push(testRepo, "feature", "in between", Files{"a/main.tf": "# in between\n"})
		must(t, err)
	}
	before := w.view(n).HeadSHA
	w.Faults().BeforeNext("GET /repos/{owner}/{repo}/pulls/{pull_number}", push)
	for range 2 {
		p, _, err := w.bot().PullRequests.Get(ctx, "acme", "infra", n)
		must(t, err)
		if p.GetHead().GetSHA() == before || p.GetHead().GetSHA() != w.view(n).HeadSHA {
			t.Error("the push came too late, or twice")
		}
	}
	lsRemote := func() (string, error) {
		url := strings.Replace(w.url, "://", "://x:"+w.As("alice").Token()+"@", 1) + "/" + testRepo + ".git"
		out, err := exec.CommandContext(t.Context(), "git", "ls-remote", url, "refs/heads/feature").Output()
		return string(out), err
	}
	before = w.view(n).HeadSHA
	w.Faults().BeforeNext("git-upload-pack /"+testRepo+".git", func() {
		_, err := w.As("alice").Push(testRepo, "feature", "again", Files{"a/main.tf": "# again\n"})
		must(t, err)
	})
	if out, err := lsRemote(); err != nil || strings.HasPrefix(out, before) || !strings.HasPrefix(out, w.view(n).HeadSHA) {
		t.Errorf("git says %q, %v", out, err)
	}
	w.Faults().FailGit(1, 502)
	if out, err := lsRemote(); err == nil {
		t.Errorf("git went on: %q", out)
	}
}
