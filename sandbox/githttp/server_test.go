package githttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// world is a Server with the repository octo/infra, whose main has three
// commits, whose pull request 1 has a head, and which keeps a commit that was
// force-pushed away.
type world struct {
	t           *testing.T
	server      *Server
	url         string // of the server
	bare        string // directory of octo/infra
	first, main string // first and last commit of main
	pull, lost  string
	mu          sync.Mutex // guards pushes
	pushes      []pushed
}

type pushed struct {
	Repo          string
	Before, After map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	root := t.TempDir()
	w.bare = filepath.Join(root, "octo", "infra.git")
	w.git("", "init", "--quiet", "--bare", "--initial-branch=main", w.bare)
	work := filepath.Join(t.TempDir(), "work")
	w.git("", "init", "--quiet", "--initial-branch=main", work)
	w.first = w.commit(work, "a.tf", "# 1\n")
	w.commit(work, "b.tf", "# 2\n")
	w.main = w.commit(work, "a.tf", "# 3\n")
	w.pull = w.commit(work, "c.tf", "# pull\n")
	w.git(work, "reset", "--quiet", "--hard", w.main)
	w.lost = w.commit(work, "c.tf", "# lost\n")
	w.git(work, "push", "--quiet", w.bare, w.main+":refs/heads/main", w.pull+":refs/pull/1/head", w.lost+":refs/heads/gone")
	w.git(w.bare, "update-ref", "-d", "refs/heads/gone")
	w.server = &Server{
		Root: root,
		Allow: func(_ context.Context, user, password, repo string) Access {
			return map[string]Access{"reader": Read, "writer": Write, "ended": Unknown}[password]
		},
		OnPush: func(_ context.Context, repo string, before, after map[string]string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.pushes = append(w.pushes, pushed{repo, before, after})
		},
	}
	server := httptest.NewServer(w.server)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// repo is the URL of octo/infra for the bearer of a token.
func (w *world) repo(token string) string {
	return strings.Replace(w.url, "://", "://x-access-token:"+token+"@", 1) + "/octo/infra.git"
}

func (w *world) try(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com",
	}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	out, err := w.try(dir, args...)
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (w *world) commit(dir, file, content string) string {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.git(dir, "add", ".")
	w.git(dir, "commit", "--quiet", "-m", "change "+file)
	return w.git(dir, "rev-parse", "HEAD")
}

// clone returns a new clone made with a token.
func (w *world) clone(token string, options ...string) string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "clone")
	w.git("", append(append([]string{"clone", "--quiet"}, options...), w.repo(token), dir)...)
	return dir
}

func TestClone(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		options []string
		commits string
	}{
		"full":               {nil, "3"},
		"shallow":            {[]string{"--depth=1"}, "1"},
		"partial":            {[]string{"--filter=blob:none"}, "3"},
		"shallow, partial":   {[]string{"--depth=1", "--filter=blob:none"}, "1"},
		"protocol version 0": {[]string{"-c", "protocol.version=0"}, "3"},
		"protocol version 1": {[]string{"-c", "protocol.version=1"}, "3"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := w.clone("reader", test.options...)
			if got := w.git(dir, "rev-list", "--count", "HEAD"); got != test.commits {
				t.Errorf("got %s commits, want %s", got, test.commits)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "a.tf")); err != nil || string(got) != "# 3\n" {
				t.Errorf("a.tf is %q, %v", got, err)
			}
		})
	}
}

func TestPartialCloneLeavesBlobsBehind(t *testing.T) {
	w := newWorld(t)
	dir := w.clone("reader", "--filter=blob:none", "--no-checkout")
	missing := w.git(dir, "rev-list", "--objects", "--missing=print", "HEAD")
	if !strings.Contains(missing, "\n?") {
		t.Errorf("no blob is missing:\n%s", missing)
	}
}

func TestFetch(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct{ protocol, want, sha string }{
		"reachable SHA":                      {"2", w.first, w.first},
		"unreachable SHA":                    {"2", w.lost, w.lost},
		"unreachable SHA, protocol 0":        {"0", w.lost, w.lost},
		"pull request":                       {"2", "refs/pull/1/head", w.pull},
		"pull request's SHA in old protocol": {"0", w.pull, w.pull},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w.git("", "init", "--quiet", dir)
			w.git(dir, "-c", "protocol.version="+test.protocol, "fetch", "--quiet", "--depth=1", w.repo("reader"), test.want)
			if got := w.git(dir, "rev-parse", "FETCH_HEAD"); got != test.sha {
				t.Errorf("got %s, want %s", got, test.sha)
			}
		})
	}
}

// git compresses requests of more than 1024 bytes.
func TestCompressedRequestAndNoSuffix(t *testing.T) {
	w := newWorld(t)
	var body bytes.Buffer
	zipped := gzip.NewWriter(&body)
	_, _ = zipped.Write([]byte("0014command=ls-refs\n0000"))
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest("POST", "/octo/infra/git-upload-pack", &body)
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("Git-Protocol", "version=2")
	request.SetBasicAuth("x", "reader")
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, request)
	if want := w.main + " refs/heads/main\n"; answer.Code != 200 || !strings.Contains(answer.Body.String(), want) {
		t.Errorf("got %d %q, want %q in it", answer.Code, answer.Body, want)
	}
}

func TestPush(t *testing.T) {
	w := newWorld(t)
	dir := w.clone("writer")
	sha := w.commit(dir, "d.tf", "# pushed\n")
	w.git(dir, "push", "--quiet", "origin", "HEAD:main", "HEAD:refs/heads/feature/x")
	before := map[string]string{"refs/heads/main": w.main, "refs/pull/1/head": w.pull}
	after := map[string]string{"refs/heads/main": sha, "refs/pull/1/head": w.pull, "refs/heads/feature/x": sha}
	// The client has been answered, so OnPush is over: no lock, no waiting.
	if diff := cmp.Diff([]pushed{{"octo/infra", before, after}}, w.pushes); diff != "" {
		t.Error(diff)
	}
	w.git(dir, "push", "--quiet", "origin", ":refs/heads/feature/x")
	if last := w.pushes[len(w.pushes)-1]; last.After["refs/heads/feature/x"] != "" || last.Before["refs/heads/feature/x"] != sha {
		t.Errorf("deleting the branch was seen as %v", last)
	}
}

func TestRefusedPushes(t *testing.T) {
	for name, test := range map[string]struct{ token, ref, want string }{
		"to a pull request's ref": {"writer", "refs/pull/1/head", "deny updating a hidden ref"},
		"new pull request's ref":  {"writer", "refs/pull/2/head", "deny updating a hidden ref"},
		"with a read token":       {"reader", "refs/heads/main", "The requested URL returned error: 403"},
		"with a wrong token":      {"nobody", "refs/heads/main", "not found"},
		"without a token":         {"", "refs/heads/main", "could not read Username"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir := w.clone("reader")
			w.commit(dir, "d.tf", "# refused\n")
			url := w.url + "/octo/infra.git"
			if test.token != "" {
				url = w.repo(test.token)
			}
			out, err := w.try(dir, "push", url, "HEAD:"+test.ref)
			if err == nil || !strings.Contains(out, test.want) {
				t.Errorf("got %v, want %q in\n%s", err, test.want, out)
			}
			for _, p := range w.pushes {
				if !maps.Equal(p.Before, p.After) {
					t.Errorf("a refused push moved refs: %v", p)
				}
			}
			if got := w.git(w.bare, "rev-parse", "refs/heads/main", "refs/pull/1/head"); got != w.main+"\n"+w.pull {
				t.Errorf("refs are now\n%s", got)
			}
		})
	}
}

// T50: nothing in the repository runs on the server.
func TestHooksDoNotRun(t *testing.T) {
	w := newWorld(t)
	witness := filepath.Join(t.TempDir(), "ran")
	for _, hook := range []string{"pre-receive", "update", "post-receive", "post-update", "reference-transaction"} {
		script := "#!/bin/sh\ntouch " + witness + "\n"
		if err := os.WriteFile(filepath.Join(w.bare, "hooks", hook), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	dir := w.clone("writer")
	w.commit(dir, "d.tf", "# x\n")
	w.git(dir, "push", "--quiet", "origin", "HEAD:main")
	if _, err := os.Stat(witness); err == nil {
		t.Error("a hook ran")
	}
}

// Pushes to one repository exclude each other: every snapshot before is the snapshot after of some other push.
func TestParallelPushesAreSeenOneByOne(t *testing.T) {
	w := newWorld(t)
	dir := w.clone("writer")
	var clients sync.WaitGroup
	for _, branch := range []string{"a", "b", "c", "d"} {
		clients.Go(func() {
			if out, err := w.try(dir, "push", "--quiet", w.repo("writer"), "HEAD:refs/heads/"+branch); err != nil {
				t.Errorf("pushing %s: %v\n%s", branch, err, out)
			}
		})
	}
	clients.Wait()
	if len(w.pushes) != 4 {
		t.Fatalf("saw %d pushes, want 4", len(w.pushes))
	}
	for i, p := range w.pushes {
		if len(p.After) != len(p.Before)+1 || i > 0 && !maps.Equal(w.pushes[i-1].After, p.Before) {
			t.Errorf("push %d: before %v, after %v", i, p.Before, p.After)
		}
	}
}

func TestLockIsTheCallers(t *testing.T) {
	w := newWorld(t)
	var steps []string
	w.server.Lock = func(repo string) func() {
		steps = append(steps, "lock "+repo)
		return func() { steps = append(steps, "unlock") }
	}
	w.server.OnPush = func(context.Context, string, map[string]string, map[string]string) { steps = append(steps, "push") }
	dir := w.clone("writer")
	w.commit(dir, "d.tf", "# x\n")
	w.git(dir, "push", "--quiet", "origin", "HEAD:main")
	if diff := cmp.Diff([]string{"lock octo/infra", "push", "unlock"}, steps); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersWithoutAccess(t *testing.T) {
	w := newWorld(t)
	outside := filepath.Join(t.TempDir(), "secret.git")
	w.git("", "init", "--quiet", "--bare", outside)
	if err := os.Symlink(outside, filepath.Join(w.server.Root, "octo", "link.git")); err != nil {
		t.Fatal(err)
	}
	const refsOf = "/info/refs?service=git-upload-pack"
	for name, test := range map[string]struct {
		method, path, token string
		code                int
	}{
		"reader":                       {"GET", "/octo/infra.git" + refsOf, "reader", 200},
		"no credentials":               {"GET", "/octo/infra.git" + refsOf, "", 401},
		"unknown token":                {"GET", "/octo/infra.git" + refsOf, "nobody", 404},
		"a token that ended":           {"GET", "/octo/infra.git" + refsOf, "ended", 401},
		"reader who wants to push":     {"GET", "/octo/infra.git/info/refs?service=git-receive-pack", "reader", 403},
		"reader who pushes":            {"POST", "/octo/infra.git/git-receive-pack", "reader", 403},
		"no such repository, no token": {"GET", "/octo/nothing.git" + refsOf, "", 401},
		"no such repository":           {"GET", "/octo/nothing.git" + refsOf, "reader", 404},
		"dumb protocol":                {"GET", "/octo/infra.git/info/refs", "reader", 404},
		"dumb protocol, a file":        {"GET", "/octo/infra.git/HEAD", "reader", 404},
		"other git command":            {"GET", "/octo/infra.git/info/refs?service=git-upload-archive", "reader", 404},
		"option in place of a service": {"POST", "/octo/infra.git/--help", "reader", 404},
		"wrong method":                 {"PUT", "/octo/infra.git/git-upload-pack", "reader", 404},
		"parent as owner":              {"GET", "/..%2f/infra.git" + refsOf, "writer", 404},
		"parent as repository":         {"GET", "/octo/.." + refsOf, "writer", 404},
		"parent with suffix":           {"GET", "/octo/...git" + refsOf, "writer", 404},
		"escaped slash in the name":    {"GET", "/octo/..%2f..%2fetc.git" + refsOf, "writer", 404},
		"zero byte in the name":        {"GET", "/octo/infra%00.git" + refsOf, "writer", 404},
		"new line in the name":         {"GET", "/octo/infra%0a.git" + refsOf, "writer", 404},
		"owner like an option":         {"GET", "/--help/infra.git" + refsOf, "writer", 404},
		"link out of the root":         {"GET", "/octo/link.git" + refsOf, "writer", 404},
		"too short a path":             {"GET", "/octo", "writer", 404},
		"broken compression":           {"POST", "/octo/infra.git/git-upload-pack", "reader", 400},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, test.path, bytes.NewReader([]byte("0000")))
			if test.code == 400 {
				request.Header.Set("Content-Encoding", "gzip")
			}
			if test.token != "" {
				request.SetBasicAuth("x-access-token", test.token)
			}
			answer := httptest.NewRecorder()
			w.server.ServeHTTP(answer, request)
			if answer.Code != test.code {
				t.Errorf("got %d %s, want %d", answer.Code, answer.Body, test.code)
			}
			if challenge := answer.Header().Get("WWW-Authenticate"); (challenge != "") != (test.code == 401) {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
		})
	}
	if len(w.pushes) > 0 {
		t.Errorf("OnPush was called: %v", w.pushes)
	}
}
