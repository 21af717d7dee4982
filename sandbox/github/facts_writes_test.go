package github

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"
)

func TestCommentIsRefusedBeyond65536Characters(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	bot := w.bot()
	_, _, err := bot.Issues.CreateComment(ctx, "acme", "infra", n, &gh.IssueComment{Body: gh.String(strings.Repeat("é", 65536))})
	must(t, err)
	_, err = w.As("alice").Comment(testRepo, n, strings.Repeat("x", 65537))
	if err == nil || !strings.Contains(err.Error(), "Body is too long (maximum is 65536 characters)") {
		t.Errorf("error %v", err)
	}
}

func TestOwnCommentsComeBackMarked(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	_, _, err := w.bot().Issues.CreateComment(ctx, "acme", "infra", n, &gh.IssueComment{Body: gh.String("hello")})
	must(t, err)
	p := w.last("issue_comment.created")
	sender := p["sender"].(map[string]any)
	if p["comment"].(map[string]any)["performed_via_github_app"] == nil || sender["type"] != "Bot" || sender["login"] != "keeper[bot]" {
		t.Errorf("sender %v", sender["login"])
	}
}

func TestEditedCommentTellsTheOldBody(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	id, err := w.As("bob").Comment(testRepo, n, "old")
	must(t, err)
	if err := w.As("dave").EditComment(testRepo, id, "mine"); err == nil {
		t.Error("someone without write access edited another's comment")
	}
	must(t, w.As("alice").EditComment(testRepo, id, "new"))
	p := w.last("issue_comment.edited")
	if from := p["changes"].(map[string]any)["body"].(map[string]any)["from"]; from != "old" || p["sender"].(map[string]any)["login"] != "alice" {
		t.Errorf("from %v by %v", from, p["sender"])
	}
}

func TestReactionTwiceIsOne(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	id, err := w.As("bob").Comment(testRepo, n, "/plan")
	must(t, err)
	bot := w.bot()
	first, resp, err := bot.Reactions.CreateIssueCommentReaction(ctx, "acme", "infra", id, "eyes")
	must(t, err)
	again, resp2, err := bot.Reactions.CreateIssueCommentReaction(ctx, "acme", "infra", id, "eyes")
	must(t, err)
	if resp.StatusCode != 201 || resp2.StatusCode != 200 || first.GetID() != again.GetID() {
		t.Errorf("status %d then %d, ids %d %d", resp.StatusCode, resp2.StatusCode, first.GetID(), again.GetID())
	}
}

func TestAuthorsCannotApproveThemselves(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	_, _, err := w.person("alice").PullRequests.CreateReview(ctx, "acme", "infra", n, &gh.PullRequestReviewRequest{Event: gh.String("APPROVE")})
	wantStatus(t, err, 422)
	if _, err := w.As("alice").Review(testRepo, n, "APPROVE", ""); err == nil || !strings.Contains(err.Error(), "Can not approve your own pull request") {
		t.Errorf("error %v", err)
	}
	_, err = w.As("alice").Review(testRepo, n, "COMMENT", "see above")
	must(t, err)
}

func TestReviewsStayOnTheirCommitInOrder(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	old := w.view(n).HeadSHA
	id, err := w.As("carol").Review(testRepo, n, "APPROVE", "")
	must(t, err)
	_, err = w.As("alice").Push(testRepo, "feature", "more", Files{"c.tf": "#\n"})
	must(t, err)
	_, err = w.As("bob").Review(testRepo, n, "REQUEST_CHANGES", "no")
	must(t, err)
	must(t, w.As("carol").DismissReview(testRepo, n, id))
	reviews, _, err := w.bot().PullRequests.ListReviews(ctx, "acme", "infra", n, nil)
	must(t, err)
	var got []string
	for _, v := range reviews {
		got = append(got, fmt.Sprintf("%s %s %v", v.User.GetLogin(), v.GetState(), v.GetCommitID() == old))
	}
	if diff := cmp.Diff([]string{"carol DISMISSED true", "bob CHANGES_REQUESTED false"}, got); diff != "" {
		t.Errorf("reviews (-want +got):\n%s", diff)
	}
	if state := w.last("pull_request_review.dismissed")["review"].(map[string]any)["state"]; state != "dismissed" {
		t.Errorf("webhook state %v", state)
	}
	if err := w.As("bob").DismissReview(testRepo, n, reviews[1].GetID()); err == nil {
		t.Error("a reader dismissed a review")
	}
}

func TestPendingReviewsAreTheirAuthorsAlone(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	_, _, err := w.person("carol").PullRequests.CreateReview(ctx, "acme", "infra", n, &gh.PullRequestReviewRequest{Body: gh.String("draft")})
	must(t, err)
	for login, want := range map[string]int{"carol": 1, "alice": 0} {
		reviews, _, err := w.person(login).PullRequests.ListReviews(ctx, "acme", "infra", n, nil)
		must(t, err)
		if len(reviews) != want {
			t.Errorf("%s sees %d reviews, want %d", login, len(reviews), want)
		}
	}
}

func (w *world) run(head string, opts gh.CreateCheckRunOptions) *gh.CheckRun {
	w.t.Helper()
	opts.HeadSHA = head
	if opts.Name == "" {
		opts.Name = "plan"
	}
	run, _, err := w.bot().Checks.CreateCheckRun(ctx, "acme", "infra", opts)
	must(w.t, err)
	return run
}

func TestCheckRunLimits(t *testing.T) {
	w := newWorld(t)
	head := w.view(w.open()).HeadSHA
	long := func(n int) string { return strings.Repeat("x", n) }
	action := &gh.CheckRunAction{Label: "a", Description: "b", Identifier: "c"}
	output := func(summary, text string) *gh.CheckRunOutput {
		return &gh.CheckRunOutput{Title: gh.String("t"), Summary: &summary, Text: &text}
	}
	many := output("s", "t")
	for range 51 {
		many.Annotations = append(many.Annotations, &gh.CheckRunAnnotation{})
	}
	w.checkOff()
	for name, opts := range map[string]gh.CreateCheckRunOptions{
		"four actions":                 {Actions: []*gh.CheckRunAction{action, action, action, action}},
		"long label":                   {Actions: []*gh.CheckRunAction{{Label: long(21), Description: "b", Identifier: "c"}}},
		"long description":             {Actions: []*gh.CheckRunAction{{Label: "a", Description: long(41), Identifier: "c"}}},
		"long identifier":              {Actions: []*gh.CheckRunAction{{Label: "a", Description: "b", Identifier: long(21)}}},
		"long summary":                 {Output: output(long(65536), "")},
		"long text":                    {Output: output("s", long(65536))},
		"51 annotations":               {Output: many},
		"completed without conclusion": {Status: gh.String("completed")},
		"unknown status":               {Status: gh.String("running")},
		"unknown conclusion":           {Conclusion: gh.String("great")},
		"unknown commit":               {HeadSHA: strings.Repeat("a", 40)},
	} {
		t.Run(name, func(t *testing.T) {
			opts.Name = "plan"
			if opts.HeadSHA == "" {
				opts.HeadSHA = head
			}
			_, _, err := w.bot().Checks.CreateCheckRun(ctx, "acme", "infra", opts)
			wantStatus(t, err, 422)
		})
	}
}

func TestAnnotationsAppend(t *testing.T) {
	w := newWorld(t)
	head := w.view(w.open()).HeadSHA
	note := func() *gh.CheckRunOutput {
		return &gh.CheckRunOutput{Title: gh.String("t"), Summary: gh.String("s"), Annotations: []*gh.CheckRunAnnotation{{
			Path: gh.String("a/main.tf"), StartLine: gh.Int(1), EndLine: gh.Int(1), AnnotationLevel: gh.String("warning"), Message: gh.String("m"),
		}}}
	}
	run := w.run(head, gh.CreateCheckRunOptions{Output: note()})
	run, _, err := w.bot().Checks.UpdateCheckRun(ctx, "acme", "infra", run.GetID(), gh.UpdateCheckRunOptions{Name: "plan", Output: note()})
	must(t, err)
	if n := run.Output.GetAnnotationsCount(); n != 2 {
		t.Errorf("%d annotations, want 2", n)
	}
}

func TestButtonsOfCompletedRunsTellWhoPressed(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	run := w.run(w.view(n).HeadSHA, gh.CreateCheckRunOptions{
		Status: gh.String("in_progress"), Actions: []*gh.CheckRunAction{{Label: "Apply", Description: "Apply it", Identifier: "apply"}},
	})
	if err := w.As("bob").Press(testRepo, run.GetID(), "apply"); err == nil {
		t.Error("a running check has buttons")
	}
	_, _, err := w.bot().Checks.UpdateCheckRun(ctx, "acme", "infra", run.GetID(), gh.UpdateCheckRunOptions{Name: "plan", Conclusion: gh.String("success")})
	must(t, err)
	must(t, w.As("bob").Press(testRepo, run.GetID(), "apply"))
	p := w.last("check_run.requested_action")
	if id := p["requested_action"].(map[string]any)["identifier"]; id != "apply" || p["sender"].(map[string]any)["login"] != "bob" {
		t.Errorf("identifier %v by %v", id, p["sender"])
	}
	if len(w.view(n).Checks[0].Actions) != 1 {
		t.Error("the view lost the button")
	}
}

func TestRerequestQueuesTheSuiteAndLeavesTheRun(t *testing.T) {
	w := newWorld(t)
	head := w.view(w.open()).HeadSHA
	run := w.run(head, gh.CreateCheckRunOptions{Conclusion: gh.String("failure")})
	suite := func() string {
		s, _, err := w.bot().Checks.GetCheckSuite(ctx, "acme", "infra", run.CheckSuite.GetID())
		must(t, err)
		return s.GetStatus() + " " + s.GetConclusion()
	}
	if got := suite(); got != "completed failure" {
		t.Errorf("suite is %q", got)
	}
	must(t, w.As("alice").RerequestCheck(testRepo, run.GetID()))
	again, _, err := w.bot().Checks.GetCheckRun(ctx, "acme", "infra", run.GetID())
	must(t, err)
	if got := suite(); got != "queued " || again.GetStatus() != "completed" {
		t.Errorf("suite is %q, run is %s", got, again.GetStatus())
	}
	w.last("check_run.rerequested")
}

func TestSuiteShowsItsMostImportantRun(t *testing.T) {
	w := newWorld(t)
	head := w.view(w.open()).HeadSHA
	for name, conclusion := range map[string]string{"a": "success", "b": "cancelled", "c": "neutral"} {
		w.run(head, gh.CreateCheckRunOptions{Name: name, Conclusion: gh.String(conclusion)})
	}
	suites, _, err := w.bot().Checks.ListCheckSuitesForRef(ctx, "acme", "infra", head, nil)
	must(t, err)
	if s := suites.CheckSuites; len(s) != 1 || s[0].GetConclusion() != "cancelled" {
		t.Errorf("%d suites, conclusion %s", len(s), s[0].GetConclusion())
	}
}

func TestChecksListTheNewestOfEachName(t *testing.T) {
	w := newWorld(t)
	head := w.view(w.open()).HeadSHA
	w.run(head, gh.CreateCheckRunOptions{Conclusion: gh.String("failure")})
	w.run(head, gh.CreateCheckRunOptions{Conclusion: gh.String("success")})
	for filter, want := range map[string]int{"latest": 1, "all": 2} {
		list, _, err := w.bot().Checks.ListCheckRunsForRef(ctx, "acme", "infra", head, &gh.ListCheckRunsOptions{Filter: &filter})
		must(t, err)
		if list.GetTotal() != want {
			t.Errorf("filter %s: %d runs, want %d", filter, list.GetTotal(), want)
		}
	}
}

func TestPersonsCannotMakeCheckRuns(t *testing.T) {
	w := newWorld(t)
	head := w.view(w.open()).HeadSHA
	_, _, err := w.person("carol").Checks.CreateCheckRun(ctx, "acme", "infra", gh.CreateCheckRunOptions{Name: "x", HeadSHA: head})
	wantStatus(t, err, 403)
}

func TestDeploymentDefaultsBite(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	head := w.view(n).HeadSHA
	bot := w.bot()
	w.run(head, gh.CreateCheckRunOptions{Name: "build", Status: gh.String("in_progress")})
	_, _, err := bot.Repositories.CreateDeployment(ctx, "acme", "infra", &gh.DeploymentRequest{Ref: &head})
	wantStatus(t, err, 409)
	_, err = w.Commit(testRepo, "main", "carol", "ahead", Files{"m.tf": "#\n"})
	must(t, err)
	_, resp, err := bot.Repositories.CreateDeployment(ctx, "acme", "infra", &gh.DeploymentRequest{Ref: gh.String("feature")})
	if resp == nil || resp.StatusCode != 202 || w.view(n).HeadSHA == head {
		t.Errorf("auto_merge: %v; the head is still %v", err, w.view(n).HeadSHA == head)
	}
	x, _, err := bot.Repositories.CreateDeployment(ctx, "acme", "infra", &gh.DeploymentRequest{
		Ref: &head, AutoMerge: gh.Bool(false), RequiredContexts: &[]string{},
	})
	must(t, err)
	if x.GetEnvironment() != "production" {
		t.Errorf("environment %s", x.GetEnvironment())
	}
}

func TestDeploymentSuccessMakesOlderOnesInactive(t *testing.T) {
	w := newWorld(t)
	head := w.view(w.open()).HeadSHA
	bot := w.bot()
	deploy := func() int64 {
		x, _, err := bot.Repositories.CreateDeployment(ctx, "acme", "infra", &gh.DeploymentRequest{
			Ref: &head, Environment: gh.String("dev"), AutoMerge: gh.Bool(false), RequiredContexts: &[]string{},
		})
		must(t, err)
		_, _, err = bot.Repositories.CreateDeploymentStatus(ctx, "acme", "infra", x.GetID(), &gh.DeploymentStatusRequest{State: gh.String("success")})
		must(t, err)
		return x.GetID()
	}
	old := deploy()
	deploy()
	statuses, _, err := bot.Repositories.ListDeploymentStatuses(ctx, "acme", "infra", old, nil)
	must(t, err)
	if statuses[0].GetState() != "inactive" {
		t.Errorf("the older deployment is %s", statuses[0].GetState())
	}
	w.last("deployment_status.created")
}

func TestClockIsTheDoublesOwn(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	before := time.Now()
	w.Faults().Advance(48 * time.Hour)
	_, err := w.As("bob").Comment(testRepo, n, "late")
	must(t, err)
	v := w.view(n)
	if at := v.Timeline[len(v.Timeline)-1].At; at.Before(before.Add(48 * time.Hour)) {
		t.Errorf("commented at %s", at)
	}
}

func TestForgottenRunsBecomeStale(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	w.run(w.view(n).HeadSHA, gh.CreateCheckRunOptions{Status: gh.String("in_progress")})
	w.Faults().Advance(14*24*time.Hour - time.Minute)
	if c := w.view(n).Checks[0]; c.Status != "in_progress" {
		t.Errorf("before 14 days: %s", c.Status)
	}
	w.Faults().Advance(2 * time.Minute)
	if c := w.view(n).Checks[0]; c.Conclusion != "stale" {
		t.Errorf("after 14 days: %s %s", c.Status, c.Conclusion)
	}
}

func TestSuitesForgetOldRunsOfTheSameName(t *testing.T) {
	r := &repository{checks: map[int64]*checkRun{}}
	s := &checkSuite{repo: r}
	for id := range int64(1002) {
		run := &checkRun{id: id, name: "plan"}
		if id == 0 {
			run.name = "other"
		}
		r.checks[id] = run
		s.add(run)
	}
	if len(s.runs) != 1001 || r.checks[0] == nil || r.checks[1] != nil {
		t.Errorf("%d runs are left", len(s.runs))
	}
}
