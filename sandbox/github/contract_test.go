package github

import (
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// contract calls operations on a pull request of acme/infra; the checker judges both sides.
type contract struct {
	*world
	n        int
	head     string
	bot, app *gh.Client
}

const o, r = "acme", "infra"

// try fails the test if do fails.
func try(t *testing.T, name string, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// TestEveryOperationKeepsToTheDescription calls each operation once through go-github.
func TestEveryOperationKeepsToTheDescription(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	c := contract{world: w, n: n, head: w.view(n).HeadSHA, bot: w.bot(), app: w.asApp()}
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"app", c.callApp},
		{"repository", c.callRepository},
		{"pull request", c.callPullRequest},
		{"comments", c.callComments},
		{"reviews", c.callReviews},
		{"checks", c.callChecks},
		{"git data", c.callGitData},
		{"deployments", c.callDeployments},
		{"people", c.callPeople},
		{"deliveries", c.callDeliveries},
	} {
		t.Run(part.name, part.run)
	}
	try(t, "merge", func() error { _, _, err := c.bot.PullRequests.Merge(ctx, o, r, n, "", nil); return err })
	w.settle()
	seen := w.Requests()
	for _, route := range newRouter(w.restRoutes()).routes {
		if seen[route.operation] == 0 && !calledElsewhere[route.operation] {
			t.Errorf("%s was not called", route.operation)
		}
	}
}

// calledElsewhere are operations that have a test of their own.
var calledElsewhere = map[string]bool{
	"POST /app-manifests/{code}/conversions":           true,
	"DELETE /installation/token":                       true,
	"POST /app/hook/deliveries/{delivery_id}/attempts": true,
}

func (c contract) callApp(t *testing.T) {
	try(t, "app", func() error { _, _, err := c.app.Apps.Get(ctx, ""); return err })
	try(t, "app by slug", func() error { _, _, err := c.bot.Apps.Get(ctx, "keeper"); return err })
	try(t, "installations", func() error { _, _, err := c.app.Apps.ListInstallations(ctx, nil); return err })
	try(t, "repo installation", func() error { _, _, err := c.app.Apps.FindRepositoryInstallation(ctx, o, r); return err })
	try(t, "org installation", func() error { _, _, err := c.app.Apps.FindOrganizationInstallation(ctx, o); return err })
	must(t, c.AddUser("zoe", "User"))
	must(t, c.AddRepository("zoe", "home", "main"))
	_, err := c.Install("zoe/home")
	must(t, err)
	try(t, "user installation", func() error { _, _, err := c.app.Apps.FindUserInstallation(ctx, "zoe"); return err })
	try(t, "hook config", func() error { _, _, err := c.app.Apps.GetHookConfig(ctx); return err })
	try(t, "installation", func() error {
		i, _, err := c.app.Apps.FindRepositoryInstallation(ctx, o, r)
		must(t, err)
		_, _, err = c.app.Apps.GetInstallation(ctx, i.GetID())
		return err
	})
	try(t, "installation repositories", func() error { _, _, err := c.bot.Apps.ListRepos(ctx, nil); return err })
	try(t, "rate limit", func() error { _, _, err := c.bot.RateLimit.Get(ctx); return err })
}

func (c contract) callRepository(t *testing.T) {
	try(t, "repo", func() error { _, _, err := c.bot.Repositories.Get(ctx, o, r); return err })
	try(t, "branches", func() error { _, _, err := c.bot.Repositories.ListBranches(ctx, o, r, nil); return err })
	try(t, "rules", func() error { _, _, err := c.bot.Repositories.GetRulesForBranch(ctx, o, r, "main"); return err })
	try(t, "permission", func() error { _, _, err := c.bot.Repositories.GetPermissionLevel(ctx, o, r, "alice"); return err })
	try(t, "collaborators", func() error { _, _, err := c.bot.Repositories.ListCollaborators(ctx, o, r, nil); return err })
	try(t, "collaborator", func() error { _, _, err := c.bot.Repositories.IsCollaborator(ctx, o, r, "alice"); return err })
	try(t, "commits", func() error { _, _, err := c.bot.Repositories.ListCommits(ctx, o, r, nil); return err })
	try(t, "commit", func() error { _, _, err := c.bot.Repositories.GetCommit(ctx, o, r, c.head, nil); return err })
	try(t, "commit sha", func() error { _, _, err := c.bot.Repositories.GetCommitSHA1(ctx, o, r, "main", ""); return err })
	try(t, "compare", func() error {
		_, _, err := c.bot.Repositories.CompareCommits(ctx, o, r, "main", c.head, nil)
		return err
	})
	try(t, "file", func() error { _, _, _, err := c.bot.Repositories.GetContents(ctx, o, r, "a/main.tf", nil); return err })
	try(t, "directory", func() error { _, _, _, err := c.bot.Repositories.GetContents(ctx, o, r, "a", nil); return err })
	try(t, "commit pulls", func() error {
		_, _, err := c.bot.PullRequests.ListPullRequestsWithCommit(ctx, o, r, c.head, nil)
		return err
	})
	try(t, "activity", func() error { // go-github v60 does not know it
		req, err := c.bot.NewRequest("GET", "repos/"+testRepo+"/activity?per_page=100", nil)
		must(t, err)
		_, err = c.bot.Do(ctx, req, nil)
		return err
	})
}

func (c contract) callPullRequest(t *testing.T) {
	try(t, "get", func() error { _, _, err := c.bot.PullRequests.Get(ctx, o, r, c.n); return err })
	try(t, "get again", func() error { _, _, err := c.bot.PullRequests.Get(ctx, o, r, c.n); return err })
	try(t, "list", func() error { _, _, err := c.bot.PullRequests.List(ctx, o, r, nil); return err })
	try(t, "files", func() error { _, _, err := c.bot.PullRequests.ListFiles(ctx, o, r, c.n, nil); return err })
	try(t, "commits", func() error { _, _, err := c.bot.PullRequests.ListCommits(ctx, o, r, c.n, nil); return err })
	try(t, "merged", func() error { _, _, err := c.bot.PullRequests.IsMerged(ctx, o, r, c.n); return err })
	try(t, "reviewers", func() error { _, _, err := c.bot.PullRequests.ListReviewers(ctx, o, r, c.n, nil); return err })
	try(t, "line comments", func() error { _, _, err := c.bot.PullRequests.ListComments(ctx, o, r, c.n, nil); return err })
	try(t, "edit", func() error {
		_, _, err := c.bot.PullRequests.Edit(ctx, o, r, c.n, &gh.PullRequest{Title: gh.String("Better")})
		return err
	})
	try(t, "issue", func() error { _, _, err := c.bot.Issues.Get(ctx, o, r, c.n); return err })
	try(t, "issues", func() error { _, _, err := c.bot.Issues.ListByRepo(ctx, o, r, nil); return err })
	try(t, "create pull", func() error {
		_, err := c.Commit(testRepo, "other", "alice", "other", Files{"o.tf": "#\n"})
		must(t, err)
		_, _, err = c.bot.PullRequests.Create(ctx, o, r, &gh.NewPullRequest{
			Title: gh.String("t"), Head: gh.String("other"), Base: gh.String("main"), Body: gh.String("b"),
		})
		return err
	})
}

func (c contract) callComments(t *testing.T) {
	made, _, err := c.bot.Issues.CreateComment(ctx, o, r, c.n, &gh.IssueComment{Body: gh.String("hello")})
	must(t, err)
	id := made.GetID()
	try(t, "get", func() error { _, _, err := c.bot.Issues.GetComment(ctx, o, r, id); return err })
	try(t, "list", func() error { _, _, err := c.bot.Issues.ListComments(ctx, o, r, c.n, nil); return err })
	try(t, "list all", func() error { _, _, err := c.bot.Issues.ListComments(ctx, o, r, 0, nil); return err })
	try(t, "edit", func() error {
		_, _, err := c.bot.Issues.EditComment(ctx, o, r, id, &gh.IssueComment{Body: gh.String("bye")})
		return err
	})
	re, _, err := c.bot.Reactions.CreateIssueCommentReaction(ctx, o, r, id, "eyes")
	must(t, err)
	try(t, "reactions", func() error { _, _, err := c.bot.Reactions.ListIssueCommentReactions(ctx, o, r, id, nil); return err })
	try(t, "unreact", func() error {
		_, err := c.bot.Reactions.DeleteIssueCommentReaction(ctx, o, r, id, re.GetID())
		return err
	})
	try(t, "delete", func() error { _, err := c.bot.Issues.DeleteComment(ctx, o, r, id); return err })
}

func (c contract) callReviews(t *testing.T) {
	v, _, err := c.person("carol").PullRequests.CreateReview(ctx, o, r, c.n, &gh.PullRequestReviewRequest{Event: gh.String("APPROVE")})
	must(t, err)
	try(t, "list", func() error { _, _, err := c.bot.PullRequests.ListReviews(ctx, o, r, c.n, nil); return err })
	try(t, "get", func() error { _, _, err := c.bot.PullRequests.GetReview(ctx, o, r, c.n, v.GetID()); return err })
	try(t, "dismiss", func() error {
		_, _, err := c.bot.PullRequests.DismissReview(ctx, o, r, c.n, v.GetID(), &gh.PullRequestReviewDismissalRequest{Message: gh.String("no")})
		return err
	})
	p, _, err := c.person("carol").PullRequests.CreateReview(ctx, o, r, c.n, &gh.PullRequestReviewRequest{Body: gh.String("hm")})
	must(t, err)
	try(t, "submit", func() error {
		_, _, err := c.person("carol").PullRequests.SubmitReview(ctx, o, r, c.n, p.GetID(), &gh.PullRequestReviewRequest{Event: gh.String("COMMENT")})
		return err
	})
}

func (c contract) callChecks(t *testing.T) {
	run, _, err := c.bot.Checks.CreateCheckRun(ctx, o, r, gh.CreateCheckRunOptions{Name: "plan", HeadSHA: c.head, Status: gh.String("in_progress")})
	must(t, err)
	try(t, "get", func() error { _, _, err := c.bot.Checks.GetCheckRun(ctx, o, r, run.GetID()); return err })
	try(t, "update", func() error {
		_, _, err := c.bot.Checks.UpdateCheckRun(ctx, o, r, run.GetID(), gh.UpdateCheckRunOptions{
			Name: "plan", Conclusion: gh.String("success"), CompletedAt: &gh.Timestamp{Time: time.Now()},
			Output: &gh.CheckRunOutput{Title: gh.String("ok"), Summary: gh.String("fine"), Annotations: []*gh.CheckRunAnnotation{{
				Path: gh.String("a/main.tf"), StartLine: gh.Int(1), EndLine: gh.Int(1), AnnotationLevel: gh.String("notice"), Message: gh.String("m"),
			}}},
			Actions: []*gh.CheckRunAction{{Label: "Apply", Description: "Apply it", Identifier: "apply"}},
		})
		return err
	})
	try(t, "annotations", func() error {
		_, _, err := c.bot.Checks.ListCheckRunAnnotations(ctx, o, r, run.GetID(), nil)
		return err
	})
	try(t, "for ref", func() error { _, _, err := c.bot.Checks.ListCheckRunsForRef(ctx, o, r, "feature", nil); return err })
	suites, _, err := c.bot.Checks.ListCheckSuitesForRef(ctx, o, r, c.head, nil)
	must(t, err)
	suite := suites.CheckSuites[0].GetID()
	try(t, "for suite", func() error { _, _, err := c.bot.Checks.ListCheckRunsCheckSuite(ctx, o, r, suite, nil); return err })
	try(t, "suite", func() error { _, _, err := c.bot.Checks.GetCheckSuite(ctx, o, r, suite); return err })
	try(t, "create suite", func() error {
		_, _, err := c.bot.Checks.CreateCheckSuite(ctx, o, r, gh.CreateCheckSuiteOptions{HeadSHA: c.head})
		return err
	})
	try(t, "rerequest", func() error { _, err := c.bot.Checks.ReRequestCheckRun(ctx, o, r, run.GetID()); return err })
	try(t, "rerequest suite", func() error { _, err := c.bot.Checks.ReRequestCheckSuite(ctx, o, r, suite); return err })
	must(t, c.As("alice").Press(testRepo, run.GetID(), "apply"))
}

func (c contract) callGitData(t *testing.T) {
	blob, _, err := c.bot.Git.CreateBlob(ctx, o, r, &gh.Blob{Content: gh.String("note"), Encoding: gh.String("utf-8")})
	must(t, err)
	try(t, "blob", func() error { _, _, err := c.bot.Git.GetBlob(ctx, o, r, blob.GetSHA()); return err })
	tree, _, err := c.bot.Git.CreateTree(ctx, o, r, "", []*gh.TreeEntry{{Path: gh.String("x/n.json"), Mode: gh.String("100644"), Type: gh.String("blob"), SHA: blob.SHA}})
	must(t, err)
	try(t, "tree", func() error { _, _, err := c.bot.Git.GetTree(ctx, o, r, tree.GetSHA(), true); return err })
	commit, _, err := c.bot.Git.CreateCommit(ctx, o, r, &gh.Commit{Message: gh.String("note"), Tree: tree, Parents: []*gh.Commit{}}, nil)
	must(t, err)
	try(t, "commit", func() error { _, _, err := c.bot.Git.GetCommit(ctx, o, r, commit.GetSHA()); return err })
	try(t, "create ref", func() error {
		_, _, err := c.bot.Git.CreateRef(ctx, o, r, &gh.Reference{Ref: gh.String("refs/notes/audit"), Object: &gh.GitObject{SHA: commit.SHA}})
		return err
	})
	try(t, "get ref", func() error { _, _, err := c.bot.Git.GetRef(ctx, o, r, "notes/audit"); return err })
	try(t, "matching refs", func() error {
		_, _, err := c.bot.Git.ListMatchingRefs(ctx, o, r, &gh.ReferenceListOptions{Ref: "heads/f"})
		return err
	})
	try(t, "update ref", func() error {
		_, _, err := c.bot.Git.UpdateRef(ctx, o, r, &gh.Reference{Ref: gh.String("refs/notes/audit"), Object: &gh.GitObject{SHA: gh.String(c.head)}}, true)
		return err
	})
	try(t, "delete ref", func() error { _, err := c.bot.Git.DeleteRef(ctx, o, r, "notes/audit"); return err })
}

func (c contract) callDeployments(t *testing.T) {
	x, _, err := c.bot.Repositories.CreateDeployment(ctx, o, r, &gh.DeploymentRequest{
		Ref: gh.String(c.head), Environment: gh.String("prod"), AutoMerge: gh.Bool(false), RequiredContexts: &[]string{}, Description: gh.String("d"),
	})
	must(t, err)
	s, _, err := c.bot.Repositories.CreateDeploymentStatus(ctx, o, r, x.GetID(), &gh.DeploymentStatusRequest{State: gh.String("success")})
	must(t, err)
	try(t, "get", func() error { _, _, err := c.bot.Repositories.GetDeployment(ctx, o, r, x.GetID()); return err })
	try(t, "list", func() error { _, _, err := c.bot.Repositories.ListDeployments(ctx, o, r, nil); return err })
	try(t, "statuses", func() error {
		_, _, err := c.bot.Repositories.ListDeploymentStatuses(ctx, o, r, x.GetID(), nil)
		return err
	})
	try(t, "status", func() error {
		_, _, err := c.bot.Repositories.GetDeploymentStatus(ctx, o, r, x.GetID(), s.GetID())
		return err
	})
	try(t, "delete", func() error { _, err := c.bot.Repositories.DeleteDeployment(ctx, o, r, x.GetID()); return err })
}

func (c contract) callPeople(t *testing.T) {
	try(t, "user", func() error { _, _, err := c.bot.Users.Get(ctx, "alice"); return err })
	try(t, "myself", func() error { _, _, err := c.person("alice").Users.Get(ctx, ""); return err })
	try(t, "teams", func() error { _, _, err := c.bot.Teams.ListTeams(ctx, o, nil); return err })
	try(t, "team", func() error { _, _, err := c.bot.Teams.GetTeamBySlug(ctx, o, "platform"); return err })
	try(t, "team members", func() error { _, _, err := c.bot.Teams.ListTeamMembersBySlug(ctx, o, "platform", nil); return err })
	try(t, "team membership", func() error {
		_, _, err := c.bot.Teams.GetTeamMembershipBySlug(ctx, o, "platform", "alice")
		return err
	})
}

func (c contract) callDeliveries(t *testing.T) {
	c.Ping()
	c.settle()
	list, _, err := c.app.Apps.ListHookDeliveries(ctx, nil)
	must(t, err)
	try(t, "get", func() error { _, _, err := c.app.Apps.GetHookDelivery(ctx, list[0].GetID()); return err })
}
