package pull

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFetchBringsWholeHistoryOnceAndThenNeedsNoNetwork(t *testing.T) {
	u := newUpstream(t)
	first := u.commit("main", nil, entry{path: "a.tf", content: "1"})
	second := u.commit("main", []string{first}, entry{path: "a.tf", content: "2"})
	u.git("", "tag", "v1", first)
	mirrors := &Mirrors{Dir: t.TempDir()}
	mirror, err := mirrors.Open(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := mirror.Fetch(t.Context(), u.remote(), second); err != nil {
		t.Fatal(err)
	}
	if base, err := mirror.MergeBase(t.Context(), first, second); err != nil || base != first {
		t.Fatalf("merge base %s, %v; the history must be there", base, err)
	}

	if unknown := mirror.unknown([]string{second}); unknown != nil {
		t.Errorf("%v would be looked up again, with a process", unknown)
	}
	refs, err := output(t.Context(), git(t.Context(), mirror.dir, "for-each-ref", "--format=%(refname)"))
	if want := keepRef(second) + "\n"; err != nil || refs != want {
		t.Errorf("refs %q, want %q alone, no tags; %v", refs, want, err)
	}

	nobody := Remote{URL: "http://127.0.0.1:1/none.git", Token: func(context.Context, string) (string, error) {
		return "", errors.New("the token must not be asked for")
	}}
	if err := mirror.Fetch(t.Context(), nobody, second, second); err != nil {
		t.Errorf("the commit is there, fetching again said: %v", err)
	}
	if again, _ := mirrors.Open(t.Context(), 7); again != mirror {
		t.Error("Open gave a second Mirror of one repository")
	}
	restarted, err := (&Mirrors{Dir: mirrors.Dir}).Open(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := restarted.Fetch(t.Context(), nobody, second); err != nil {
		t.Errorf("after a restart, fetching again said: %v", err)
	}
}

func TestFetchKeepsCommitsThatTheRemoteForgot(t *testing.T) {
	u := newUpstream(t)
	old := u.commit("main", nil, entry{path: "a.tf", content: "old"})
	mirror := fetched(t, u, old)
	u.commit("main", nil, entry{path: "a.tf", content: "forced"})
	if _, err := output(t.Context(), git(t.Context(), mirror.dir, "gc", "--quiet", "--prune=now")); err != nil {
		t.Fatal(err)
	}
	if files, err := tree(t, mirror, old).Files(t.Context()); err != nil || len(files) != 1 {
		t.Errorf("after a forced push and gc: %v, %v", files, err)
	}
}

// A process that was killed may leave a commit without its files.
func TestFetchDoesNotTrustACommitThatIsThereAlone(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a.tf", content: "1"})
	mirror := newMirror(t, Limits{})
	lone := git(t.Context(), mirror.dir, "hash-object", "-t", "commit", "-w", "--stdin")
	lone.Stdin = strings.NewReader(u.git("", "cat-file", "commit", sha))
	if written, err := output(t.Context(), lone); err != nil || strings.TrimSpace(written) != sha {
		t.Fatal(written, err)
	}
	if err := mirror.Fetch(t.Context(), u.remote(), sha); err != nil {
		t.Fatal(err)
	}
	if _, err := tree(t, mirror, sha).Files(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFetchWorksAfterGitWasKilled(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a.tf", content: "1"})
	mirrors := &Mirrors{Dir: t.TempDir()}
	mirror, err := mirrors.Open(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(mirror.dir, "refs/lockkeeper"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, lock := range []string{keepRef(sha) + ".lock", "packed-refs.lock"} {
		if err := os.WriteFile(filepath.Join(mirror.dir, lock), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	restarted, err := (&Mirrors{Dir: mirrors.Dir}).Open(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := restarted.Fetch(t.Context(), u.remote(), sha); err != nil {
		t.Error(err)
	}
}

func TestFetchManyAtOnce(t *testing.T) {
	u := newUpstream(t)
	var shas []string
	for i := range 8 {
		shas = append(shas, u.commit(fmt.Sprint("b", i), nil, entry{path: "a.tf", content: fmt.Sprint(i)}))
	}
	mirror := newMirror(t, Limits{})
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			sha := shas[i%len(shas)]
			if err := mirror.Fetch(t.Context(), u.remote(), sha); err != nil {
				t.Error(err)
			} else if _, err := tree(t, mirror, sha).Files(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestFetchStopsWaitingWhenTheContextEnds(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a.tf", content: "1"})
	mirror := newMirror(t, Limits{})
	arrived := make(chan struct{}, 8)
	release := make(chan struct{})
	u.onGit.Store(new(func() { arrived <- struct{}{}; <-release }))
	slow, cancelSlow := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- mirror.Fetch(slow, u.remote(), sha) }()
	<-arrived // the slow one holds the mirror now
	waiting, cancelWaiting := context.WithCancel(t.Context())
	go func() { done <- mirror.Fetch(waiting, u.remote(), sha) }()
	cancelWaiting()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiting fetch ended with %v", err)
	}
	cancelSlow()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the running fetch ended with %v", err)
	}
	close(release)
}

func TestFetchErrors(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a.tf", content: "1"})
	gone := strings.Repeat("ab", 20)
	host := strings.TrimPrefix(u.url, "http://")
	redirect := httptest.NewServer(http.RedirectHandler(u.url+"/info/refs?service=git-upload-pack", http.StatusFound))
	defer redirect.Close()
	for name, c := range map[string]struct {
		url, sha string
		want     error  // nil: any
		text     string // in the error
	}{
		"commit that the remote lacks":   {u.url, gone, ErrGone, "not our ref"},
		"repository that does not exist": {u.url + "x", sha, ErrRemote, "not found"},
		"nobody listens":                 {"http://127.0.0.1:1/x.git", sha, ErrRemote, "onnect"},
		"redirect to somewhere else":     {redirect.URL + "/x.git", sha, ErrRemote, "302"},
		"credentials in the URL":         {"https://me:hunter2@" + host, sha, nil, "holds credentials"},
		"file URL":                       {"file://" + u.repo(), sha, nil, "not an https URL"},
		"ssh URL":                        {"ssh://host/x", sha, nil, "not an https URL"},
		"command as URL":                 {"ext::sh -c id", sha, nil, "not an https URL"},
		"option as URL":                  {"--upload-pack=id", sha, nil, "not an https URL"},
		"branch instead of SHA":          {u.url, "main", nil, "not a full commit SHA"},
		"short SHA":                      {u.url, sha[:12], nil, "not a full commit SHA"},
		"option as SHA":                  {u.url, "--all", nil, "not a full commit SHA"},
		"SHA with a line feed":           {u.url, sha + "\n", nil, "not a full commit SHA"},
		"refspec as SHA":                 {u.url, sha + ":refs/heads/x", nil, "not a full commit SHA"},
	} {
		t.Run(name, func(t *testing.T) {
			err := newMirror(t, Limits{}).Fetch(t.Context(), Remote{URL: c.url}, c.sha)
			if err == nil || !strings.Contains(err.Error(), c.text) || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("got %v, want %v with %q", err, c.want, c.text)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a password: %v", err)
			}
			if _, temporary := RetryAfter(err, time.Now()); temporary != (c.want == ErrRemote) {
				t.Errorf("temporary is %v for %v", temporary, err)
			}
		})
	}
}

// T39: the token is in the environment of the git processes, and nowhere else.
func TestT39TokenLeavesNoTrace(t *testing.T) {
	const token = "ghs_canary/0123456789+abcdefghij"
	u := newUpstream(t)
	u.token.Store(new(token))
	sha := u.commit("main", nil, entry{path: "a.tf", content: "1"})
	t.Setenv("LOCKKEEPER_CANARY_SECRET", "of the server")
	var cmdlines strings.Builder
	environments := map[string]bool{}
	u.onGit.Store(new(func() { watchProcesses(u.url, &cmdlines, environments) }))

	mirror := newMirror(t, Limits{})
	remote := Remote{URL: u.url, Token: func(context.Context, string) (string, error) { return token, nil }}
	if err := mirror.Fetch(t.Context(), remote, sha); err != nil {
		t.Fatal(err)
	}
	// Git prints what a server answers as plain text.
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		http.Error(w, "denied: "+r.Header.Get("Authorization")+" "+password, http.StatusForbidden)
	}))
	defer echo.Close()
	failure := mirror.Fetch(t.Context(), Remote{URL: echo.URL + "/repo.git", Token: remote.Token}, strings.Repeat("ab", 20))
	if failure == nil || !strings.Contains(failure.Error(), "denied: Basic *** ***") {
		t.Fatalf("want what the server said without secrets, got: %v", failure)
	}

	if !strings.Contains(cmdlines.String(), u.url) {
		t.Fatal("no git process was seen: the test looks in the wrong place")
	}
	places := map[string]string{"arguments of processes": cmdlines.String(), "error": failure.Error()}
	readAll(t, mirror.dir, places)
	for place, text := range places {
		for _, form := range encodings(token) {
			if strings.Contains(text, form) {
				t.Errorf("%s hold the token as %q", place, form)
			}
		}
	}
	checkEnvironment(t, environments)
}

// watchProcesses notes the arguments of every process of the machine and the
// environment names of those that fetch from the URL.
func watchProcesses(url string, cmdlines *strings.Builder, environments map[string]bool) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		cmdline, _ := os.ReadFile(process + "/cmdline")
		cmdlines.Write(cmdline)
		if !strings.Contains(string(cmdline), url) {
			continue
		}
		environ, _ := os.ReadFile(process + "/environ")
		for variable := range strings.SplitSeq(string(environ), "\x00") {
			if name, _, ok := strings.Cut(variable, "="); ok {
				environments[name] = true
			}
		}
	}
}

// readAll adds the content of every file below dir to places.
func readAll(t *testing.T, dir string, places map[string]string) {
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		places[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// encodings are the forms in which a token could be written down.
func encodings(token string) []string {
	basic := "x-access-token:" + token
	forms := []string{
		token, strings.ToUpper(token), url.QueryEscape(token), url.PathEscape(token),
		strings.ReplaceAll(token, "/", `\/`), hex.EncodeToString([]byte(token)),
		base64.StdEncoding.EncodeToString([]byte(token)), base64.URLEncoding.EncodeToString([]byte(token)),
		base64.StdEncoding.EncodeToString([]byte(basic)), base64.URLEncoding.EncodeToString([]byte(basic)),
		base64.RawStdEncoding.EncodeToString([]byte(basic)), fmt.Sprintf("%x", basic),
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// checkEnvironment compares with the exact list of names that may be there.
func checkEnvironment(t *testing.T, seen map[string]bool) {
	t.Helper()
	allowed := map[string]bool{}
	for _, name := range []string{
		"GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "HOME", "GIT_TERMINAL_PROMPT", "GIT_LFS_SKIP_SMUDGE", "GIT_OPTIONAL_LOCKS",
		"GIT_NO_REPLACE_OBJECTS", "LC_ALL", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0",
	} {
		allowed[name] = true
	}
	for _, name := range passedOn {
		if _, set := os.LookupEnv(name); set {
			allowed[name] = true
		}
	}
	// Git sets these for the helpers that it starts.
	for name := range seen {
		switch name {
		case "GIT_DIR", "GIT_CONFIG_PARAMETERS", "GIT_EXEC_PATH", "GIT_PREFIX":
			delete(seen, name)
		}
	}
	if diff := cmp.Diff(allowed, seen); diff != "" {
		t.Errorf("environment of git (-want +got):\n%s", diff)
	}
}

func TestTokenThatCannotBeGot(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a.tf", content: "1"})
	broken := errors.New("no key")
	for name, token := range map[string]func(context.Context, string) (string, error){
		"error":      func(context.Context, string) (string, error) { return "", broken },
		"empty":      func(context.Context, string) (string, error) { return "", nil },
		"line break": func(context.Context, string) (string, error) { return "a\nInjected: b", nil },
	} {
		t.Run(name, func(t *testing.T) {
			err := newMirror(t, Limits{}).Fetch(t.Context(), Remote{URL: u.url, Token: token}, sha)
			if err == nil || u.requests.Load() != 0 {
				t.Errorf("got %v after %d requests", err, u.requests.Load())
			}
			if name == "error" && !errors.Is(err, broken) {
				t.Errorf("the reason is lost: %v", err)
			}
		})
	}
}

func TestOpenRefusesWhatIsNoRepository(t *testing.T) {
	for name, mirrors := range map[string]*Mirrors{"id": {Dir: t.TempDir()}, "relative directory": {Dir: "mirrors"}} {
		id := int64(0)
		if name != "id" {
			id = 1
		}
		if _, err := mirrors.Open(t.Context(), id); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
