package github

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"
)

// git runs git as a person's machine would.
func git(t testing.TB, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(gitEnv(), "GIT_AUTHOR_EMAIL=alice@users.noreply.github.com")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustGit(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := git(t, dir, args...)
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return out
}

// remote is the clone URL with credentials.
func (w *world) remote(repo, token string) string {
	return strings.Replace(w.url, "http://", "http://x-access-token:"+token+"@", 1) + "/" + repo + ".git"
}

func TestPushOverHTTPMovesThePullRequest(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	dir := filepath.Join(t.TempDir(), "clone")
	mustGit(t, ".", "clone", "--quiet", "--branch", "feature", w.remote(testRepo, w.As("alice").Token()), dir)
	must(t, os.WriteFile(filepath.Join(dir, "c.tf"), []byte("#\n"), 0o600))
	mustGit(t, dir, "add", ".")
	mustGit(t, dir, "commit", "--quiet", "-m", "over HTTP")
	head := mustGit(t, dir, "rev-parse", "HEAD")
	mustGit(t, dir, "push", "--quiet", "origin", "feature")
	if v := w.view(n); v.HeadSHA != head {
		t.Errorf("the head is %s, want %s", v.HeadSHA, head)
	}
	push := w.last("push")
	if push["after"] != head || push["pusher"].(map[string]any)["name"] != "alice" || len(push["commits"].([]any)) != 1 {
		t.Errorf("push %v by %v", push["after"], push["pusher"])
	}
	w.last("pull_request.synchronize")
	mustGit(t, dir, "fetch", "--quiet", "origin", fmt.Sprintf("refs/pull/%d/head", n))
	if got := mustGit(t, dir, "rev-parse", "FETCH_HEAD"); got != head {
		t.Errorf("refs/pull/%d/head is %s, want %s", n, got, head)
	}
	mustGit(t, dir, "push", "--quiet", "origin", ":feature")
	if v := w.view(n); v.State != "closed" || v.Merged {
		t.Errorf("after its branch was deleted: %s, merged %v", v.State, v.Merged)
	}
}

func TestForcePushedCommitsStayFetchableBySHA(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	old := w.view(n).HeadSHA
	_, err := w.As("alice").ForcePush(testRepo, "feature", "again", Files{"z.tf": "#\n"})
	must(t, err)
	token, err := w.token(nil)
	must(t, err)
	dir := t.TempDir()
	mustGit(t, dir, "init", "--quiet")
	mustGit(t, dir, "fetch", "--quiet", w.remote(testRepo, token.GetToken()), old)
}

func TestGitAsksForRights(t *testing.T) {
	w := newWorld(t)
	w.open()
	dir := t.TempDir()
	mustGit(t, dir, "init", "--quiet")
	mustGit(t, dir, "fetch", "--quiet", w.remote(testRepo, w.As("bob").Token()), "main")
	narrow, err := w.token(&gh.InstallationTokenOptions{Permissions: &gh.InstallationPermissions{Contents: gh.String("read")}})
	must(t, err)
	for name, c := range map[string]struct{ token, ref, want string }{
		"a reader pushes":           {w.As("bob").Token(), "refs/heads/x", "403"},
		"a narrowed token pushes":   {narrow.GetToken(), "refs/heads/x", "403"},
		"a stranger pushes":         {w.As("stranger").Token(), "refs/heads/x", "not found"},
		"a writer pushes refs/pull": {w.As("alice").Token(), "refs/pull/1/head", "deny updating a hidden ref"},
		"a wrong token":             {"nonsense", "refs/heads/x", "Authentication failed"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := git(t, dir, "push", w.remote(testRepo, c.token), "FETCH_HEAD:"+c.ref)
			if err == nil || !strings.Contains(out, c.want) {
				t.Errorf("want %q, got %v: %s", c.want, err, out)
			}
		})
	}
}

func TestCompareStatuses(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	head := w.view(n).HeadSHA
	compare := func(base, head string) *gh.CommitsComparison {
		t.Helper()
		c, _, err := w.bot().Repositories.CompareCommits(ctx, "acme", "infra", base, head, nil)
		must(t, err)
		return c
	}
	check := func(base, head, status string, ahead, behind int) {
		t.Helper()
		c := compare(base, head)
		if c.GetStatus() != status || c.GetAheadBy() != ahead || c.GetBehindBy() != behind {
			t.Errorf("%s...%s: %s +%d -%d, want %s +%d -%d", base, head, c.GetStatus(), c.GetAheadBy(), c.GetBehindBy(), status, ahead, behind)
		}
	}
	check("main", "feature", "ahead", 1, 0)
	check("feature", "main", "behind", 0, 1)
	check("main", "main", "identical", 0, 0)
	_, err := w.Commit(testRepo, "main", "carol", "on", Files{"m.tf": "#\n"})
	must(t, err)
	check("main", head, "diverged", 1, 1)
	check("acme:main", "acme:feature", "diverged", 1, 1)
	if files := compare("main", "feature").Files; len(files) != 1 || files[0].GetFilename() != "a/main.tf" {
		t.Errorf("the three-dot diff has %v", files)
	}
	_, _, err = w.bot().Repositories.CompareCommits(ctx, "acme", "infra", "main", "nope", nil)
	wantStatus(t, err, 404)
}

// manyFiles makes n small files.
func manyFiles(n int) Files {
	files := Files{}
	for i := range n {
		files[fmt.Sprintf("units/%05d/main.tf", i)] = fmt.Sprintf("# %d\n", i)
	}
	return files
}

// history adds n commits to a branch with one process and one push.
func (w *world) history(branch string, n int) {
	w.t.Helper()
	r, err := w.findRepo(testRepo)
	must(w.t, err)
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "commit refs/import\ncommitter x <x@example.com> 1700000000 +0000\ndata 1\nm\n")
		if i == 0 {
			fmt.Fprintf(&in, "from refs/heads/%s^0\n", branch)
		}
		fmt.Fprintf(&in, "M 100644 inline n\ndata <<END\n%d\nEND\n\n", i)
	}
	_, err = r.git.do(gitCall{args: []string{"fast-import", "--quiet"}, stdin: strings.NewReader(in.String())})
	must(w.t, err)
	tip, err := r.git.line("rev-parse", "refs/import")
	must(w.t, err)
	_, _, err = w.bot().Git.UpdateRef(ctx, "acme", "infra", &gh.Reference{Ref: gh.String("refs/heads/" + branch), Object: &gh.GitObject{SHA: &tip}}, false)
	must(w.t, err)
}

func TestListsAreCutWhereGitHubCutsThem(t *testing.T) {
	w := newWorld(t)
	_, err := w.As("alice").Push(testRepo, "big", "many", manyFiles(3100))
	must(t, err)
	bot := w.withToken(nil)
	w.history("big", 250)
	n, err := w.As("alice").OpenPull(testRepo, "big", "main", "Big", "", false)
	must(t, err)
	files, opts := 0, &gh.ListOptions{PerPage: 100}
	for {
		list, resp, err := bot.PullRequests.ListFiles(ctx, "acme", "infra", n, opts)
		must(t, err)
		files += len(list)
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	commits, opts := 0, &gh.ListOptions{PerPage: 100}
	for {
		list, resp, err := bot.PullRequests.ListCommits(ctx, "acme", "infra", n, opts)
		must(t, err)
		commits += len(list)
		if opts.Page = resp.NextPage; opts.Page == 0 {
			break
		}
	}
	c, _, err := bot.Repositories.CompareCommits(ctx, "acme", "infra", "main", "big", nil)
	must(t, err)
	p, _, err := bot.PullRequests.Get(ctx, "acme", "infra", n)
	must(t, err)
	got := map[string]int{
		"files": files, "commits": commits, "compare commits": len(c.Commits), "compare files": len(c.Files), "ahead": c.GetAheadBy(),
		"changed files": p.GetChangedFiles(), "pull commits": p.GetCommits(),
	}
	want := map[string]int{
		"files": 3000, "commits": 250, "compare commits": 250, "compare files": 300, "ahead": 251, "changed files": 3101, "pull commits": 251,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lengths (-want +got):\n%s", diff)
	}
}

func TestRenamesLinksBinariesAndModes(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("line\n", 30)
	_, err := w.Commit(testRepo, "main", "alice", "m", Files{"old name.tf": long, "bin": "\x00\x01"})
	must(t, err)
	_, err = w.As("alice").Push(testRepo, "feature", "m", Files{
		"old name.tf": Deleted, "nëw\tname.tf": long, "link": Symlink("/etc/passwd"), "run.sh": Executable("#!/bin/sh\n"), "bin": "\x00\x02",
	})
	must(t, err)
	n, err := w.As("alice").OpenPull(testRepo, "feature", "main", "t", "", false)
	must(t, err)
	var got []string
	for _, f := range w.view(n).Files {
		got = append(got, fmt.Sprintf("%s %s<%s %v", f.Status, f.Path, f.OldPath, f.Patch != ""))
	}
	want := []string{"modified bin< false", "added link< true", "renamed nëw\tname.tf<old name.tf false", "added run.sh< true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	file, _, _, err := w.bot().Repositories.GetContents(ctx, "acme", "infra", "link", &gh.RepositoryContentGetOptions{Ref: "feature"})
	must(t, err)
	if file.GetType() != "symlink" || file.GetTarget() != "/etc/passwd" {
		t.Errorf("link is a %s to %q", file.GetType(), file.GetTarget())
	}
}

func TestGitDataRules(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	bot := w.bot()
	must(t, w.AddRepository("acme", "empty", "main"))
	_, err := w.Install("acme/empty")
	must(t, err)
	t.Run("empty repository", func(t *testing.T) {
		_, _, err := bot.Git.CreateBlob(ctx, "acme", "empty", &gh.Blob{Content: gh.String("x"), Encoding: gh.String("utf-8")})
		wantStatus(t, err, 409)
		_, _, err = bot.Git.GetRef(ctx, "acme", "empty", "heads/main")
		wantStatus(t, err, 409)
	})
	v := w.view(n)
	ref := func(name, sha string) *gh.Reference {
		return &gh.Reference{Ref: gh.String(name), Object: &gh.GitObject{SHA: gh.String(sha)}}
	}
	t.Run("not a fast forward", func(t *testing.T) {
		_, _, err := bot.Git.UpdateRef(ctx, "acme", "infra", ref("refs/heads/feature", v.BaseSHA), false)
		wantStatus(t, err, 422)
		if w.view(n).HeadSHA != v.HeadSHA {
			t.Error("the branch moved")
		}
	})
	t.Run("refs that exist, are unknown or not ours", func(t *testing.T) {
		_, _, err := bot.Git.CreateRef(ctx, "acme", "infra", ref("refs/heads/feature", v.BaseSHA))
		wantStatus(t, err, 422)
		_, _, err = bot.Git.CreateRef(ctx, "acme", "infra", ref("refs/heads/x", strings.Repeat("a", 40)))
		wantStatus(t, err, 422)
		_, _, err = bot.Git.CreateRef(ctx, "acme", "infra", ref("refs/pull/9/head", v.BaseSHA))
		wantStatus(t, err, 422)
		_, err = bot.Git.DeleteRef(ctx, "acme", "infra", "heads/nope")
		wantStatus(t, err, 422)
		_, _, err = bot.Git.GetRef(ctx, "acme", "infra", "heads/nope")
		wantStatus(t, err, 404)
	})
	t.Run("deleting a path that is not there", func(t *testing.T) {
		_, _, err := bot.Git.CreateTree(ctx, "acme", "infra", v.HeadSHA, []*gh.TreeEntry{{Path: gh.String("nope"), Mode: gh.String("100644")}})
		wantStatus(t, err, 422)
	})
	t.Run("tree on a base", func(t *testing.T) {
		content := "new\n"
		tree, _, err := bot.Git.CreateTree(ctx, "acme", "infra", v.HeadSHA, []*gh.TreeEntry{
			{Path: gh.String("d/e/f.tf"), Mode: gh.String("100644"), Type: gh.String("blob"), Content: &content},
			{Path: gh.String("b/main.tf"), Mode: gh.String("100644"), Type: gh.String("blob")},
		})
		must(t, err)
		all, _, err := bot.Git.GetTree(ctx, "acme", "infra", tree.GetSHA(), true)
		must(t, err)
		var paths []string
		for _, e := range all.Entries {
			if e.GetType() == "blob" {
				paths = append(paths, e.GetPath())
			}
		}
		if diff := cmp.Diff([]string{"a/main.tf", "d/e/f.tf"}, paths); diff != "" {
			t.Errorf("paths (-want +got):\n%s", diff)
		}
	})
}

func TestContentsRules(t *testing.T) {
	w := newWorld(t)
	bot := w.bot()
	_, _, _, err := bot.Repositories.GetContents(ctx, "acme", "infra", "nope.tf", nil)
	wantStatus(t, err, 404)
	file, _, _, err := bot.Repositories.GetContents(ctx, "acme", "infra", "a/main.tf", nil)
	must(t, err)
	if text, err := file.GetContent(); err != nil || text != "# a\n" {
		t.Errorf("content %q, %v", text, err)
	}
}
