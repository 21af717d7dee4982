package pull

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// upstream is a real repository behind real git over HTTP, as GitHub serves it:
// commits by SHA, a token as basic auth.
type upstream struct {
	tb       testing.TB
	root     string
	requests atomic.Int32
	// Requests come from other processes, so nothing else orders them after what
	// a test sets.
	token atomic.Pointer[string] // nil: no credentials asked
	onGit atomic.Pointer[func()] // called during every request
	env   []string               // of git on the server; set before the first request
	url   string
	name  string
}

// gitPrograms is the directory of git's own programs.
var gitPrograms = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	return strings.TrimSpace(string(out)), err
})

func newUpstream(tb testing.TB) *upstream {
	tb.Helper()
	u := &upstream{tb: tb, root: tb.TempDir(), name: "repo"}
	u.create()
	programs, err := gitPrograms()
	if err != nil {
		tb.Fatal(err)
	}
	backend := filepath.Join(programs, "git-http-backend")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.requests.Add(1)
		if f := u.onGit.Load(); f != nil {
			(*f)()
		}
		if _, password, _ := r.BasicAuth(); u.token.Load() != nil && password != *u.token.Load() {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
			http.Error(w, "Authentication required", http.StatusUnauthorized)
			return
		}
		(&cgi.Handler{Path: backend, Env: append([]string{"GIT_PROJECT_ROOT=" + u.root, "GIT_HTTP_EXPORT_ALL=1"}, u.env...)}).ServeHTTP(flushing{w}, r)
	}))
	tb.Cleanup(server.Close)
	u.url = server.URL + "/repo.git"
	return u
}

// flushing sends what is written at once, as a server of git does.
type flushing struct{ w http.ResponseWriter }

func (f flushing) Header() http.Header    { return f.w.Header() }
func (f flushing) WriteHeader(status int) { f.w.WriteHeader(status) }
func (f flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = http.NewResponseController(f.w).Flush()
	}
	return n, err
}

func (u *upstream) create() {
	u.git("", "init", "--bare", "--quiet", "--initial-branch=main", "--template=", u.repo())
	config, err := os.OpenFile(filepath.Join(u.repo(), "config"), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = config.WriteString("[uploadpack]\n\tallowAnySHA1InWant = true\n")
		err = errors.Join(err, config.Close())
	}
	if err != nil {
		u.tb.Fatal(err)
	}
}

// beside is another repository (owner/name) of the same server.
func (u *upstream) beside(name string) *upstream {
	u.tb.Helper()
	b := &upstream{tb: u.tb, root: u.root, name: name, url: strings.TrimSuffix(u.url, u.name+".git") + name + ".git"}
	b.create()
	return b
}

func (u *upstream) repo() string { return filepath.Join(u.root, u.name+".git") }

func (u *upstream) git(stdin string, args ...string) string {
	u.tb.Helper()
	cmd := exec.Command("git", append([]string{"--git-dir=" + u.repo()}, args...)...)
	cmd.Env = append(environment(), "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		u.tb.Fatalf("git %v: %v", args, err)
	}
	return string(out)
}

// entry is one line of a commit: content "" with remove set deletes the path.
type entry struct {
	path    string
	content string
	mode    string // default 100644; 160000 takes a commit as content
	remove  bool
}

// commit writes a commit on the branch with one git process, whatever its size,
// and returns its SHA. Its parents are the given commits, the first of them
// giving the files to begin with.
func (u *upstream) commit(branch string, parents []string, entries ...entry) string {
	u.tb.Helper()
	var in strings.Builder
	if len(parents) == 0 {
		fmt.Fprintf(&in, "reset refs/heads/%s\n", branch)
	}
	fmt.Fprintf(&in, "commit refs/heads/%s\nmark :1\ncommitter Ada <ada@example.com> 1700000000 +0000\ndata 1\nx\n", branch)
	for i, parent := range parents {
		fmt.Fprintf(&in, "%s %s\n", []string{"from", "merge"}[min(i, 1)], parent)
	}
	for _, e := range entries {
		switch {
		case e.remove:
			fmt.Fprintf(&in, "D %s\n", quotePath(e.path))
		case e.mode == "160000":
			fmt.Fprintf(&in, "M 160000 %s %s\n", e.content, quotePath(e.path))
		default:
			mode := e.mode
			if mode == "" {
				mode = "100644"
			}
			fmt.Fprintf(&in, "M %s inline %s\ndata %d\n%s\n", mode, quotePath(e.path), len(e.content), e.content)
		}
	}
	in.WriteString("get-mark :1\n") // which prints the SHA
	return strings.TrimSpace(u.git(in.String(), "fast-import", "--quiet", "--force"))
}

// quotePath writes a path as fast-import takes any bytes (git-fast-import(1), <path>).
func quotePath(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		if c := path[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			fmt.Fprintf(&b, "\\%03o", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}

func (u *upstream) remote() Remote { return Remote{URL: u.url} }

// mirror returns an empty mirror.
func newMirror(tb testing.TB, limits Limits) *Mirror {
	tb.Helper()
	mirrors := &Mirrors{Dir: filepath.Join(tb.TempDir(), "mirrors"), Limits: limits}
	mirror, err := mirrors.Open(tb.Context(), 42)
	if err != nil {
		tb.Fatal(err)
	}
	return mirror
}

// fetched returns a mirror that holds the commits of u.
func fetched(tb testing.TB, u *upstream, shas ...string) *Mirror {
	tb.Helper()
	mirror := newMirror(tb, Limits{})
	if err := mirror.Fetch(tb.Context(), u.remote(), shas...); err != nil {
		tb.Fatal(err)
	}
	return mirror
}

func tree(tb testing.TB, m *Mirror, sha string) *Tree {
	tb.Helper()
	tree, err := m.Tree(tb.Context(), sha)
	if err != nil {
		tb.Fatal(err)
	}
	return tree
}
