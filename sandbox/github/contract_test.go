package github

import (
	"context"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// TestEveryOperationKeepsToTheDescription calls each operation once through go-github; the checker judges both sides.
func TestEveryOperationKeepsToTheDescription(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	ctx, bot, app := context.Background(), w.bot(), w.asApp()
	head := func() string { v, err := w.Pull(testRepo, n); must(t, err); return v.HeadSHA }()
	const o, r = "acme", "infra"
	call := func(name string, do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Run("app", func(t *testing.T) {
		call("app", func() error { _, _, err := app.Apps.Get(ctx, ""); return err })
		call("app by slug", func() error { _, _, err := bot.Apps.Get(ctx, "keeper"); return err })
		call("installations", func() error { _, _, err := app.Apps.ListInstallations(ctx, nil); return err })
		call("repo installation", func() error { _, _, err := app.Apps.FindRepositoryInstallation(ctx, o, r); return err })
		call("org installation", func() error { _, _, err := app.Apps.FindOrganizationInstallation(ctx, o); return err })
		call("hook config", func() error { _, _, err := app.Apps.GetHookConfig(ctx); return err })
		call("installation", func() error {
			i, _, err := app.Apps.FindRepositoryInstallation(ctx, o, r)
			must(t, err)
			_, _, err = app.Apps.GetInstallation(ctx, i.GetID())
			return err
		})
		call("installation repositories", func() error { _, _, err := bot.Apps.ListRepos(ctx, nil); return err })
		call("rate limit", func() error { _, _, err := bot.RateLimit.Get(ctx); return err })
	})
	t.Run("repository", func(t *testing.T) {
		call("repo", func() error { _, _, err := bot.Repositories.Get(ctx, o, r); return err })
		call("branches", func() error { _, _, err := bot.Repositories.ListBranches(ctx, o, r, nil); return err })
		call("branch", func() error { _, _, err := bot.Repositories.GetBranch(ctx, o, r, "main", 0); return err })
		call("rules", func() error { _, _, err := bot.Repositories.GetRulesForBranch(ctx, o, r, "main"); return err })
		call("permission", func() error { _, _, err := bot.Repositories.GetPermissionLevel(ctx, o, r, "alice"); return err })
		call("collaborators", func() error { _, _, err := bot.Repositories.ListCollaborators(ctx, o, r, nil); return err })
		call("collaborator", func() error { _, _, err := bot.Repositories.IsCollaborator(ctx, o, r, "alice"); return err })
		call("commits", func() error { _, _, err := bot.Repositories.ListCommits(ctx, o, r, nil); return err })
		call("commit", func() error { _, _, err := bot.Repositories.GetCommit(ctx, o, r, head, nil); return err })
		call("commit sha", func() error { _, _, err := bot.Repositories.GetCommitSHA1(ctx, o, r, "main", ""); return err })
		call("compare", func() error { _, _, err := bot.Repositories.CompareCommits(ctx, o, r, "main", head, nil); return err })
		call("file", func() error { _, _, _, err := bot.Repositories.GetContents(ctx, o, r, "a/main.tf", nil); return err })
		call("directory", func() error { _, _, _, err := bot.Repositories.GetContents(ctx, o, r, "a", nil); return err })
		call("commit pulls", func() error {
			_, _, err := bot.PullRequests.ListPullRequestsWithCommit(ctx, o, r, head, nil)
			return err
		})
		call("environments", func() error { _, _, err := bot.Repositories.ListEnvironments(ctx, o, r, nil); return err })
		call("status", func() error {
			_, _, err := bot.Repositories.CreateStatus(ctx, o, r, head, &gh.RepoStatus{State: gh.String("success"), Context: gh.String("build")})
			return err
		})
		call("combined status", func() error { _, _, err := bot.Repositories.GetCombinedStatus(ctx, o, r, head, nil); return err })
		call("statuses", func() error { _, _, err := bot.Repositories.ListStatuses(ctx, o, r, head, nil); return err })
	})
	t.Run("pull request", func(t *testing.T) {
		call("get", func() error { _, _, err := bot.PullRequests.Get(ctx, o, r, n); return err })
		call("get again", func() error { _, _, err := bot.PullRequests.Get(ctx, o, r, n); return err })
		call("list", func() error { _, _, err := bot.PullRequests.List(ctx, o, r, nil); return err })
		call("files", func() error { _, _, err := bot.PullRequests.ListFiles(ctx, o, r, n, nil); return err })
		call("commits", func() error { _, _, err := bot.PullRequests.ListCommits(ctx, o, r, n, nil); return err })
		call("merged", func() error { _, _, err := bot.PullRequests.IsMerged(ctx, o, r, n); return err })
		call("reviewers", func() error { _, _, err := bot.PullRequests.ListReviewers(ctx, o, r, n, nil); return err })
		call("line comments", func() error { _, _, err := bot.PullRequests.ListComments(ctx, o, r, n, nil); return err })
		call("edit", func() error {
			_, _, err := bot.PullRequests.Edit(ctx, o, r, n, &gh.PullRequest{Title: gh.String("Better")})
			return err
		})
		call("issue", func() error { _, _, err := bot.Issues.Get(ctx, o, r, n); return err })
		call("issues", func() error { _, _, err := bot.Issues.ListByRepo(ctx, o, r, nil); return err })
		call("add labels", func() error { _, _, err := bot.Issues.AddLabelsToIssue(ctx, o, r, n, []string{"x", "y"}); return err })
		call("set labels", func() error {
			_, _, err := bot.Issues.ReplaceLabelsForIssue(ctx, o, r, n, []string{"x", "z"})
			return err
		})
		call("labels", func() error { _, _, err := bot.Issues.ListLabelsByIssue(ctx, o, r, n, nil); return err })
		call("remove label", func() error { _, err := bot.Issues.RemoveLabelForIssue(ctx, o, r, n, "x"); return err })
		call("create pull", func() error {
			_, err := w.Commit(testRepo, "other", "alice", "other", Files{"o.tf": "#\n"})
			must(t, err)
			_, _, err = bot.PullRequests.Create(ctx, o, r, &gh.NewPullRequest{
				Title: gh.String("t"), Head: gh.String("other"), Base: gh.String("main"), Body: gh.String("b"),
			})
			return err
		})
	})
	t.Run("comments", func(t *testing.T) {
		c, _, err := bot.Issues.CreateComment(ctx, o, r, n, &gh.IssueComment{Body: gh.String("hello")})
		must(t, err)
		id := c.GetID()
		call("get", func() error { _, _, err := bot.Issues.GetComment(ctx, o, r, id); return err })
		call("list", func() error { _, _, err := bot.Issues.ListComments(ctx, o, r, n, nil); return err })
		call("list all", func() error { _, _, err := bot.Issues.ListComments(ctx, o, r, 0, nil); return err })
		call("edit", func() error {
			_, _, err := bot.Issues.EditComment(ctx, o, r, id, &gh.IssueComment{Body: gh.String("bye")})
			return err
		})
		re, _, err := bot.Reactions.CreateIssueCommentReaction(ctx, o, r, id, "eyes")
		must(t, err)
		call("reactions", func() error { _, _, err := bot.Reactions.ListIssueCommentReactions(ctx, o, r, id, nil); return err })
		call("unreact", func() error {
			_, err := bot.Reactions.DeleteIssueCommentReaction(ctx, o, r, id, re.GetID())
			return err
		})
		call("delete", func() error { _, err := bot.Issues.DeleteComment(ctx, o, r, id); return err })
	})
	t.Run("reviews", func(t *testing.T) {
		v, _, err := w.person("carol").PullRequests.CreateReview(ctx, o, r, n, &gh.PullRequestReviewRequest{Event: gh.String("APPROVE")})
		must(t, err)
		call("list", func() error { _, _, err := bot.PullRequests.ListReviews(ctx, o, r, n, nil); return err })
		call("get", func() error { _, _, err := bot.PullRequests.GetReview(ctx, o, r, n, v.GetID()); return err })
		call("dismiss", func() error {
			_, _, err := bot.PullRequests.DismissReview(ctx, o, r, n, v.GetID(), &gh.PullRequestReviewDismissalRequest{Message: gh.String("no")})
			return err
		})
		p, _, err := w.person("carol").PullRequests.CreateReview(ctx, o, r, n, &gh.PullRequestReviewRequest{Body: gh.String("hm")})
		must(t, err)
		call("submit", func() error {
			_, _, err := w.person("carol").PullRequests.SubmitReview(ctx, o, r, n, p.GetID(), &gh.PullRequestReviewRequest{Event: gh.String("COMMENT")})
			return err
		})
	})
	t.Run("checks", func(t *testing.T) {
		run, _, err := bot.Checks.CreateCheckRun(ctx, o, r, gh.CreateCheckRunOptions{Name: "plan", HeadSHA: head, Status: gh.String("in_progress")})
		must(t, err)
		call("get", func() error { _, _, err := bot.Checks.GetCheckRun(ctx, o, r, run.GetID()); return err })
		call("update", func() error {
			_, _, err := bot.Checks.UpdateCheckRun(ctx, o, r, run.GetID(), gh.UpdateCheckRunOptions{
				Name: "plan", Conclusion: gh.String("success"), CompletedAt: &gh.Timestamp{Time: time.Now()},
				Output: &gh.CheckRunOutput{Title: gh.String("ok"), Summary: gh.String("fine"), Annotations: []*gh.CheckRunAnnotation{{
					Path: gh.String("a/main.tf"), StartLine: gh.Int(1), EndLine: gh.Int(1), AnnotationLevel: gh.String("notice"), Message: gh.String("m"),
				}}},
				Actions: []*gh.CheckRunAction{{Label: "Apply", Description: "Apply it", Identifier: "apply"}},
			})
			return err
		})
		call("annotations", func() error { _, _, err := bot.Checks.ListCheckRunAnnotations(ctx, o, r, run.GetID(), nil); return err })
		call("for ref", func() error { _, _, err := bot.Checks.ListCheckRunsForRef(ctx, o, r, "feature", nil); return err })
		suites, _, err := bot.Checks.ListCheckSuitesForRef(ctx, o, r, head, nil)
		must(t, err)
		suite := suites.CheckSuites[0].GetID()
		call("for suite", func() error { _, _, err := bot.Checks.ListCheckRunsCheckSuite(ctx, o, r, suite, nil); return err })
		call("suite", func() error { _, _, err := bot.Checks.GetCheckSuite(ctx, o, r, suite); return err })
		call("create suite", func() error {
			_, _, err := bot.Checks.CreateCheckSuite(ctx, o, r, gh.CreateCheckSuiteOptions{HeadSHA: head})
			return err
		})
		call("rerequest", func() error { _, err := bot.Checks.ReRequestCheckRun(ctx, o, r, run.GetID()); return err })
		call("rerequest suite", func() error { _, err := bot.Checks.ReRequestCheckSuite(ctx, o, r, suite); return err })
		must(t, w.As("alice").Press(testRepo, run.GetID(), "apply"))
	})
	t.Run("git data", func(t *testing.T) {
		blob, _, err := bot.Git.CreateBlob(ctx, o, r, &gh.Blob{Content: gh.String("note"), Encoding: gh.String("utf-8")})
		must(t, err)
		call("blob", func() error { _, _, err := bot.Git.GetBlob(ctx, o, r, blob.GetSHA()); return err })
		tree, _, err := bot.Git.CreateTree(ctx, o, r, "", []*gh.TreeEntry{{Path: gh.String("x/n.json"), Mode: gh.String("100644"), Type: gh.String("blob"), SHA: blob.SHA}})
		must(t, err)
		call("tree", func() error { _, _, err := bot.Git.GetTree(ctx, o, r, tree.GetSHA(), true); return err })
		commit, _, err := bot.Git.CreateCommit(ctx, o, r, &gh.Commit{Message: gh.String("note"), Tree: tree, Parents: []*gh.Commit{}}, nil)
		must(t, err)
		call("commit", func() error { _, _, err := bot.Git.GetCommit(ctx, o, r, commit.GetSHA()); return err })
		call("create ref", func() error {
			_, _, err := bot.Git.CreateRef(ctx, o, r, &gh.Reference{Ref: gh.String("refs/notes/audit"), Object: &gh.GitObject{SHA: commit.SHA}})
			return err
		})
		call("get ref", func() error { _, _, err := bot.Git.GetRef(ctx, o, r, "notes/audit"); return err })
		call("matching refs", func() error {
			_, _, err := bot.Git.ListMatchingRefs(ctx, o, r, &gh.ReferenceListOptions{Ref: "heads/f"})
			return err
		})
		call("update ref", func() error {
			_, _, err := bot.Git.UpdateRef(ctx, o, r, &gh.Reference{Ref: gh.String("refs/notes/audit"), Object: &gh.GitObject{SHA: gh.String(head)}}, true)
			return err
		})
		call("delete ref", func() error { _, err := bot.Git.DeleteRef(ctx, o, r, "notes/audit"); return err })
		put, _, err := bot.Repositories.CreateFile(ctx, o, r, "new.txt", &gh.RepositoryContentFileOptions{Message: gh.String("m"), Content: []byte("x"), Branch: gh.String("other")})
		must(t, err)
		call("delete file", func() error {
			_, _, err := bot.Repositories.DeleteFile(ctx, o, r, "new.txt", &gh.RepositoryContentFileOptions{Message: gh.String("m"), SHA: put.Content.SHA, Branch: gh.String("other")})
			return err
		})
	})
	t.Run("deployments", func(t *testing.T) {
		x, _, err := bot.Repositories.CreateDeployment(ctx, o, r, &gh.DeploymentRequest{
			Ref: gh.String(head), Environment: gh.String("prod"), AutoMerge: gh.Bool(false), RequiredContexts: &[]string{}, Description: gh.String("d"),
		})
		must(t, err)
		s, _, err := bot.Repositories.CreateDeploymentStatus(ctx, o, r, x.GetID(), &gh.DeploymentStatusRequest{State: gh.String("success")})
		must(t, err)
		call("get", func() error { _, _, err := bot.Repositories.GetDeployment(ctx, o, r, x.GetID()); return err })
		call("list", func() error { _, _, err := bot.Repositories.ListDeployments(ctx, o, r, nil); return err })
		call("statuses", func() error {
			_, _, err := bot.Repositories.ListDeploymentStatuses(ctx, o, r, x.GetID(), nil)
			return err
		})
		call("status", func() error {
			_, _, err := bot.Repositories.GetDeploymentStatus(ctx, o, r, x.GetID(), s.GetID())
			return err
		})
		call("environment", func() error { _, _, err := bot.Repositories.GetEnvironment(ctx, o, r, "prod"); return err })
	})
	t.Run("people", func(t *testing.T) {
		call("user", func() error { _, _, err := bot.Users.Get(ctx, "alice"); return err })
		call("myself", func() error { _, _, err := w.person("alice").Users.Get(ctx, ""); return err })
		call("org members", func() error { _, _, err := bot.Organizations.ListMembers(ctx, o, nil); return err })
		call("org member", func() error { _, _, err := bot.Organizations.IsMember(ctx, o, "alice"); return err })
		call("org membership", func() error { _, _, err := bot.Organizations.GetOrgMembership(ctx, "alice", o); return err })
		call("teams", func() error { _, _, err := bot.Teams.ListTeams(ctx, o, nil); return err })
		call("team", func() error { _, _, err := bot.Teams.GetTeamBySlug(ctx, o, "platform"); return err })
		call("team members", func() error { _, _, err := bot.Teams.ListTeamMembersBySlug(ctx, o, "platform", nil); return err })
		call("team membership", func() error { _, _, err := bot.Teams.GetTeamMembershipBySlug(ctx, o, "platform", "alice"); return err })
	})
	t.Run("deliveries", func(t *testing.T) {
		w.Ping()
		w.settle()
		list, _, err := app.Apps.ListHookDeliveries(ctx, nil)
		must(t, err)
		call("get", func() error { _, _, err := app.Apps.GetHookDelivery(ctx, list[0].GetID()); return err })
	})
	call("merge", func() error { _, _, err := bot.PullRequests.Merge(ctx, o, r, n, "", nil); return err })
	w.settle()
}
