package github

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"
)

var ctx = context.Background()

// last gives the payload of the newest delivery of "event.action".
func (w *world) last(name string) map[string]any {
	w.t.Helper()
	all := w.settle()
	for i := len(all) - 1; i >= 0; i-- {
		if names(all[i : i+1])[0] == name {
			var payload map[string]any
			must(w.t, json.Unmarshal(all[i].Payload, &payload))
			return payload
		}
	}
	w.t.Fatalf("no delivery %s among %v", name, names(all))
	return nil
}

func (w *world) view(n int) PullView {
	w.t.Helper()
	v, err := w.Pull(testRepo, n)
	must(w.t, err)
	return v
}

func TestCommentPayloadHasNoHeadButThePullRequestLinkAndInstallation(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	_, err := w.As("bob").Comment(testRepo, n, "/plan")
	must(t, err)
	p := w.last("issue_comment.created")
	if _, found := p["issue"].(map[string]any)["pull_request"]; !found {
		t.Error("issue.pull_request is missing")
	}
	if p["installation"].(map[string]any)["id"] == nil {
		t.Error("installation.id is missing")
	}
	if b, _ := json.Marshal(p); strings.Contains(string(b), w.view(n).HeadSHA) {
		t.Error("the payload gives the head SHA away")
	}
}

func TestSynchronizeCarriesBeforeAndAfter(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	before := w.view(n).HeadSHA
	after, err := w.As("alice").ForcePush(testRepo, "feature", "again", Files{"a/main.tf": "# other\n"})
	must(t, err)
	p := w.last("pull_request.synchronize")
	if p["before"] != before || p["after"] != after || w.view(n).HeadSHA != after {
		t.Errorf("before %v after %v, want %s %s", p["before"], p["after"], before, after)
	}
	if push := w.last("push"); push["forced"] != true {
		t.Error("the push does not say forced")
	}
}

func TestEditedTellsTheOldBaseBranch(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	_, err := w.Commit(testRepo, "release", "alice", "release", Files{"r.tf": "#\n"})
	must(t, err)
	must(t, w.As("alice").EditBase(testRepo, n, "release"))
	from := w.last("pull_request.edited")["changes"].(map[string]any)["base"].(map[string]any)["ref"].(map[string]any)["from"]
	if v := w.view(n); from != "main" || v.BaseRef != "release" || v.Behind != 1 {
		t.Errorf("from %v, base %s, behind %d", from, v.BaseRef, v.Behind)
	}
}

func TestMergeMethodsMakeTheCommitsOfGitHub(t *testing.T) {
	for method, parents := range map[string]int{"merge": 2, "squash": 1, "rebase": 1} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t)
			n := w.open()
			_, err := w.As("alice").Push(testRepo, "feature", "second", Files{"c.tf": "#\n"})
			must(t, err)
			_, err = w.Commit(testRepo, "main", "carol", "meanwhile", Files{"m.tf": "#\n"})
			must(t, err)
			sha, err := w.As("carol").MergePull(testRepo, n, method)
			must(t, err)
			commit, _, err := w.bot().Git.GetCommit(ctx, "acme", "infra", sha)
			must(t, err)
			if len(commit.Parents) != parents {
				t.Errorf("%d parents, want %d", len(commit.Parents), parents)
			}
			p := w.last("pull_request.closed")["pull_request"].(map[string]any)
			if p["merged"] != true || p["merge_commit_sha"] != sha {
				t.Errorf("merged %v, merge_commit_sha %v, want %s", p["merged"], p["merge_commit_sha"], sha)
			}
			for _, path := range []string{"c.tf", "m.tf"} {
				if _, _, _, err := w.bot().Repositories.GetContents(ctx, "acme", "infra", path, nil); err != nil {
					t.Errorf("%s is not on main: %v", path, err)
				}
			}
		})
	}
}

func TestMergeChecksTheShaAndDrafts(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	old := w.view(n).HeadSHA
	_, err := w.As("alice").Push(testRepo, "feature", "second", Files{"c.tf": "#\n"})
	must(t, err)
	_, _, err = w.bot().PullRequests.Merge(ctx, "acme", "infra", n, "", &gh.PullRequestOptions{SHA: old})
	wantStatus(t, err, 409)
	must(t, w.As("alice").ConvertToDraft(testRepo, n))
	_, _, err = w.bot().PullRequests.Merge(ctx, "acme", "infra", n, "", nil)
	wantStatus(t, err, 405)
}

// A required check that has not reported, has not ended or failed blocks a merge; one that is neutral does not.
func TestRequiredChecksBlockAMerge(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	must(t, w.SetBranchRules(testRepo, "main", map[string]any{"type": "required_status_checks", "parameters": map[string]any{
		"required_status_checks": []map[string]any{{"context": "apply"}}, "strict_required_status_checks_policy": false,
	}}))
	rules, _, err := w.bot().Repositories.GetRulesForBranch(ctx, "acme", "infra", "main")
	must(t, err)
	if len(rules) != 1 || rules[0].Type != "required_status_checks" {
		t.Errorf("rules %v", rules)
	}
	blocked := func(state string) {
		t.Helper()
		_, _, err := w.bot().PullRequests.Merge(ctx, "acme", "infra", n, "", nil)
		wantStatus(t, err, 405)
		if !strings.Contains(err.Error(), `Required status check "apply" is expected.`) {
			t.Errorf("%s: %v", state, err)
		}
		must(t, w.Wait(ctx, func() bool { return w.view(n).Mergeable != nil }))
		p, _, err := w.bot().PullRequests.Get(ctx, "acme", "infra", n)
		must(t, err)
		if p.GetMergeableState() != "blocked" || !slices.Equal(w.view(n).Unmet, []string{"apply"}) {
			t.Errorf("%s: %q, unmet %v", state, p.GetMergeableState(), w.view(n).Unmet)
		}
	}
	_, _, err = w.bot().PullRequests.Get(ctx, "acme", "infra", n) // which has it found out whether it merges
	must(t, err)
	blocked("not reported")
	check, _, err := w.bot().Checks.CreateCheckRun(ctx, "acme", "infra", gh.CreateCheckRunOptions{Name: "apply", HeadSHA: w.view(n).HeadSHA, Status: gh.String("queued")})
	must(t, err)
	blocked("queued")
	end := func(conclusion string) {
		_, _, err := w.bot().Checks.UpdateCheckRun(ctx, "acme", "infra", check.GetID(), gh.UpdateCheckRunOptions{Name: "apply", Status: gh.String("completed"), Conclusion: gh.String(conclusion)})
		must(t, err)
	}
	end("failure")
	blocked("failed")
	end("neutral")
	if v := w.view(n); len(v.Unmet) > 0 || !slices.Equal(v.Required, []string{"apply"}) {
		t.Errorf("required %v, unmet %v", v.Required, v.Unmet)
	}
	_, _, err = w.bot().PullRequests.Merge(ctx, "acme", "infra", n, "", nil)
	must(t, err)
}

func TestMergeableIsUnknownUntilAskedAgain(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	get := func() *gh.PullRequest {
		p, _, err := w.bot().PullRequests.Get(ctx, "acme", "infra", n)
		must(t, err)
		return p
	}
	if p := get(); p.Mergeable != nil || p.GetMergeableState() != "unknown" {
		t.Errorf("first: mergeable %v, state %s", p.Mergeable, p.GetMergeableState())
	}
	p := get()
	if !p.GetMergeable() || p.GetMergeableState() != "clean" || p.GetMergeCommitSHA() == "" {
		t.Errorf("second: mergeable %v, state %s, merge commit %q", p.GetMergeable(), p.GetMergeableState(), p.GetMergeCommitSHA())
	}
	ref, _, err := w.bot().Git.GetRef(ctx, "acme", "infra", fmt.Sprintf("pull/%d/merge", n))
	must(t, err)
	if ref.Object.GetSHA() != p.GetMergeCommitSHA() {
		t.Errorf("refs/pull/%d/merge is %s, want %s", n, ref.Object.GetSHA(), p.GetMergeCommitSHA())
	}
	_, err = w.Commit(testRepo, "main", "carol", "conflict", Files{"a/main.tf": "# carol\n"})
	must(t, err)
	if p := get(); p.Mergeable != nil {
		t.Errorf("after the base moved: mergeable %v, want unknown", p.GetMergeable())
	}
	if p := get(); p.Mergeable == nil || p.GetMergeable() || p.GetMergeableState() != "dirty" {
		t.Errorf("in conflict: mergeable %v, state %s", p.GetMergeable(), p.GetMergeableState())
	}
	if _, err := w.As("carol").MergePull(testRepo, n, "merge"); err == nil {
		t.Error("a conflicting pull request was merged")
	}
}

func TestBaseShaStaysUntilTheHeadMoves(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	get := func() string {
		p, _, err := w.bot().PullRequests.Get(ctx, "acme", "infra", n)
		must(t, err)
		return p.Base.GetSHA()
	}
	old := get()
	tip, err := w.Commit(testRepo, "main", "carol", "on", Files{"m.tf": "#\n"})
	must(t, err)
	if now := get(); now != old {
		t.Errorf("base.sha moved with the branch: %s, want %s", now, old)
	}
	_, err = w.As("alice").Push(testRepo, "feature", "second", Files{"c.tf": "#\n"})
	must(t, err)
	if now := get(); now != tip {
		t.Errorf("base.sha after a push to the head is %s, want %s", now, tip)
	}
}

func TestPullRefuses(t *testing.T) {
	w := newWorld(t)
	w.open()
	alice := w.As("alice")
	for name, open := range map[string]func() error{
		"no commits":   func() error { _, err := alice.OpenPull(testRepo, "main", "main", "t", "", false); return err },
		"a second one": func() error { _, err := alice.OpenPull(testRepo, "feature", "main", "t", "", false); return err },
		"unknown head": func() error { _, err := alice.OpenPull(testRepo, "nope", "main", "t", "", false); return err },
		"unknown base": func() error { _, err := alice.OpenPull(testRepo, "feature", "nope", "t", "", false); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if err := open(); err == nil {
				t.Error("no error")
			}
		})
	}
	_, err := w.Commit(testRepo, "next", "alice", "m", Files{"n.tf": "#\n"})
	must(t, err)
	if n, err := alice.OpenPull(testRepo, "next", "main", "t", "", false); err != nil || n != 2 {
		t.Errorf("refused pull requests took numbers: the next one is %d, %v", n, err)
	}
	if _, err := w.As("stranger").Comment(testRepo, 1, "hi"); err == nil || err.Error() != "Not Found" {
		t.Errorf("a stranger's comment on a private repository: %v, want Not Found", err)
	}
	if _, err := w.As("bob").Push(testRepo, "x", "m", Files{"x": "y"}); err == nil {
		t.Error("a reader pushed")
	}
}

func TestCommitsThatReachTheBaseMergeThePullRequest(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	head := w.view(n).HeadSHA
	_, _, err := w.bot().Git.UpdateRef(ctx, "acme", "infra", &gh.Reference{Ref: gh.String("refs/heads/main"), Object: &gh.GitObject{SHA: &head}}, false)
	must(t, err)
	if v := w.view(n); !v.Merged || v.State != "closed" {
		t.Errorf("state %s, merged %v", v.State, v.Merged)
	}
}

func TestUpdateBranchMergesTheBase(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	if _, err := w.As("alice").UpdateBranch(testRepo, n); err == nil {
		t.Error("a current branch was updated")
	}
	_, err := w.Commit(testRepo, "main", "carol", "on", Files{"m.tf": "#\n"})
	must(t, err)
	sha, err := w.As("alice").UpdateBranch(testRepo, n)
	must(t, err)
	if v := w.view(n); v.HeadSHA != sha || v.Behind != 0 || len(v.Files) != 1 {
		t.Errorf("behind by %d, %d files", v.Behind, len(v.Files))
	}
	if p := w.last("pull_request.synchronize"); p["after"] != sha {
		t.Errorf("synchronize after %v", p["after"])
	}
}

func TestForkPullRequest(t *testing.T) {
	w := newWorld(t)
	mallory := w.As("mallory")
	must(t, w.SetPublic(testRepo, true))
	fork, err := mallory.Fork(testRepo)
	must(t, err)
	head, err := mallory.Push(fork, "evil", "change", Files{"a/main.tf": "# evil\n"})
	must(t, err)
	n, err := mallory.OpenPull(testRepo, "mallory:evil", "main", "Hi", "", false)
	must(t, err)
	bot := w.bot()
	p, _, err := bot.PullRequests.Get(ctx, "acme", "infra", n)
	must(t, err)
	if p.Head.Repo.GetFullName() != "mallory/infra" || !p.Head.Repo.GetFork() || p.Head.GetLabel() != "mallory:evil" {
		t.Errorf("head %s of %s", p.Head.GetLabel(), p.Head.Repo.GetFullName())
	}
	ref, _, err := bot.Git.GetRef(ctx, "acme", "infra", fmt.Sprintf("pull/%d/head", n))
	must(t, err)
	if ref.Object.GetSHA() != head {
		t.Errorf("refs/pull/%d/head is %s, want %s", n, ref.Object.GetSHA(), head)
	}
	run, _, err := bot.Checks.CreateCheckRun(ctx, "acme", "infra", gh.CreateCheckRunOptions{Name: "plan", HeadSHA: head})
	must(t, err)
	if len(run.PullRequests) != 0 {
		t.Error("a check run of a fork names pull requests")
	}
	created := w.last("check_run.created")["check_run"].(map[string]any)["check_suite"].(map[string]any)
	if created["head_branch"] != nil {
		t.Errorf("head_branch of a fork's check suite is %v, want null", created["head_branch"])
	}
	next, err := mallory.Push(fork, "evil", "more", Files{"b/main.tf": "# evil\n"})
	must(t, err)
	if p := w.last("pull_request.synchronize"); p["after"] != next {
		t.Errorf("synchronize after %v, want %s", p["after"], next)
	}
	if _, _, err := bot.Git.CreateBlob(ctx, "mallory", "infra", &gh.Blob{Content: gh.String("x"), Encoding: gh.String("utf-8")}); err == nil {
		t.Error("the App wrote to the fork")
	}
}

func TestPullRequestOutlivesItsFork(t *testing.T) {
	w := newWorld(t)
	mallory := w.As("mallory")
	must(t, w.SetPublic(testRepo, true))
	fork, err := mallory.Fork(testRepo)
	must(t, err)
	_, err = mallory.Push(fork, "evil", "change", Files{"a/main.tf": "# evil\n"})
	must(t, err)
	n, err := mallory.OpenPull(testRepo, "mallory:evil", "main", "Hi", "", false)
	must(t, err)
	must(t, w.DeleteRepository(fork))
	p, _, err := w.bot().PullRequests.Get(ctx, "acme", "infra", n)
	must(t, err)
	if p.Head.Repo != nil || p.GetState() != "open" || w.view(n).HeadRepo != "" {
		t.Errorf("the head is of %s, state %s", p.Head.Repo.GetFullName(), p.GetState())
	}
	must(t, mallory.ClosePull(testRepo, n))
	if err := mallory.ReopenPull(testRepo, n); err == nil {
		t.Error("reopened without a head")
	}
}

func TestViewShowsEverything(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	id, err := w.As("bob").Comment(testRepo, n, "/plan")
	must(t, err)
	_, _, err = w.bot().Reactions.CreateIssueCommentReaction(ctx, "acme", "infra", id, "eyes")
	must(t, err)
	_, err = w.As("carol").Review(testRepo, n, "APPROVE", "good")
	must(t, err)
	v := w.view(n)
	var kinds []string
	for _, m := range v.Timeline {
		kinds = append(kinds, m.Kind)
	}
	if diff := cmp.Diff([]string{"opened", "commented", "reviewed"}, kinds); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]ReactionView{{By: "keeper[bot]", Content: "eyes"}}, v.Timeline[1].Comment.Reactions); diff != "" {
		t.Errorf("reactions (-want +got):\n%s", diff)
	}
	want := []FileView{{Path: "a/main.tf", Status: "modified", Additions: 1, Patch: "@@ -1 +1,2 @@\n # a\n+# more"}}
	if diff := cmp.Diff(want, v.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if len(v.Commits) != 1 || v.Commits[0].Message != "change a" {
		t.Errorf("commits %v", v.Commits)
	}
}

func TestMergeQueue(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	sha, err := w.As("carol").Enqueue(testRepo, n)
	must(t, err)
	group := w.last("merge_group.checks_requested")["merge_group"].(map[string]any)
	if group["head_sha"] != sha || !strings.HasPrefix(group["head_ref"].(string), "refs/heads/gh-readonly-queue/main/pr-1-") {
		t.Errorf("merge group %v", group)
	}
	must(t, w.As("carol").Dequeue(testRepo, n))
	if got := w.last("merge_group.destroyed")["reason"]; got != "dequeued" {
		t.Errorf("reason %v", got)
	}
}
