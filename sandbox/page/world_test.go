package page

import (
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gh "github.com/google/go-github/v60/github"
	"golang.org/x/net/html"

	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
	"github.com/lockkeeper/lockkeeper/sandbox/openapi"
)

const (
	repo   = demo.Owner + "/" + demo.Repository
	branch = "orders-more-capacity"
	pullAt = "/" + repo + "/pull/1"
)

// world is a page in front of a double that holds the demo repository and its
// open pull request, and a browser that keeps cookies.
type world struct {
	*github.Double
	t      *testing.T
	url    string
	api    string
	client *http.Client
}

var appKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := appKey()
	must(t, err)
	spec, err := openapi.Load()
	must(t, err)
	checker := openapi.NewChecker(spec, func(violation string) { t.Errorf("GitHub's description is violated: %s", violation) })
	double, err := github.New(github.Options{Dir: t.TempDir(), Checker: checker, App: github.App{
		ID: 7, Slug: "lockkeeper", Name: "Lockkeeper", PublicKey: &key.PublicKey,
		Permissions: map[string]string{"checks": "write", "contents": "read", "issues": "write", "metadata": "read", "pull_requests": "write"},
		Events:      []string{"issue_comment", "pull_request", "check_run"},
	}})
	must(t, err)
	t.Cleanup(double.Close)
	api := httptest.NewServer(double.Handler())
	t.Cleanup(api.Close)
	double.SetBaseURL(api.URL)
	handler := New(double, Options{})
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	jar, err := cookiejar.New(nil)
	must(t, err)
	w := &world{Double: double, t: t, url: server.URL, api: api.URL, client: &http.Client{Jar: jar}}
	w.fill()
	return w
}

func (w *world) fill() {
	must(w.t, w.AddOrg(demo.Owner, demo.Author, demo.Reviewer))
	must(w.t, w.AddRepository(demo.Owner, demo.Repository, demo.DefaultBranch))
	for login, role := range map[string]string{demo.Author: "write", demo.Reviewer: "write", demo.Outsider: "read"} {
		must(w.t, w.SetPermission(repo, login, role))
	}
	_, err := w.Commit(repo, demo.DefaultBranch, demo.Author, "Start", files(demo.Files()))
	must(w.t, err)
	change := demo.FirstChange()
	_, err = w.As(demo.Author).Push(repo, change.Branch, change.Title, files(change.Files))
	must(w.t, err)
	_, err = w.As(demo.Author).OpenPull(repo, change.Branch, demo.DefaultBranch, change.Title, change.Body, false)
	must(w.t, err)
}

func files(contents map[string][]byte) github.Files {
	changes := github.Files{}
	for path, content := range contents {
		changes[path] = string(content)
	}
	return changes
}

// app is a client as the installed App has it.
func (w *world) app() *gh.Client {
	w.t.Helper()
	installation, err := w.Install(repo)
	must(w.t, err)
	key, err := appKey()
	must(w.t, err)
	apps := ghinstallation.NewAppsTransportFromPrivateKey(http.DefaultTransport, 7, key)
	apps.BaseURL = w.api + "/api/v3"
	transport := ghinstallation.NewFromAppsTransport(apps, installation)
	transport.BaseURL = w.api + "/api/v3"
	client, err := gh.NewClient(&http.Client{Transport: transport}).WithEnterpriseURLs(w.api, w.api)
	must(w.t, err)
	return client
}

// check makes a check run of the head as the App and gives its id.
func (w *world) check(o gh.CreateCheckRunOptions) int64 {
	w.t.Helper()
	o.HeadSHA = w.pull().HeadSHA
	run, _, err := w.app().Checks.CreateCheckRun(w.t.Context(), demo.Owner, demo.Repository, o)
	must(w.t, err)
	return run.GetID()
}

func (w *world) pull() github.PullView {
	w.t.Helper()
	pull, err := w.Pull(repo, 1)
	must(w.t, err)
	return pull
}

// be makes the browser act as somebody.
func (w *world) be(login string) {
	w.t.Helper()
	if status, _ := w.post("/-/person", url.Values{"login": {login}, "back": {"/"}}); status != http.StatusOK {
		w.t.Fatalf("becoming %s: status %d", login, status)
	}
}

// get reads a page.
func (w *world) get(path string) (int, *html.Node) {
	w.t.Helper()
	return w.do(http.MethodGet, path, nil)
}

// post sends a form as a browser does and follows to where it leads.
func (w *world) post(path string, form url.Values) (int, *html.Node) {
	w.t.Helper()
	return w.do(http.MethodPost, path, form)
}

func (w *world) do(method, path string, form url.Values) (int, *html.Node) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(form.Encode()))
	must(w.t, err)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	response, err := w.client.Do(request)
	must(w.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(w.t, err)
	page, err := html.Parse(strings.NewReader(string(body)))
	must(w.t, err)
	return response.StatusCode, page
}

// byID finds an element of a page.
func byID(page *html.Node, id string) *html.Node {
	for node := range page.Descendants() {
		if attribute(node, "id") == id {
			return node
		}
	}
	return nil
}

// text is what a reader sees of an element, with single spaces.
func text(node *html.Node) string {
	if node == nil {
		return "(no such element)"
	}
	var all strings.Builder
	for child := range node.Descendants() {
		if child.Type == html.TextNode {
			all.WriteString(child.Data + " ")
		}
	}
	return strings.Join(strings.Fields(all.String()), " ")
}

func attribute(node *html.Node, key string) string {
	for _, a := range node.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func wantText(t *testing.T, node *html.Node, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text(node), part) {
			t.Errorf("want %q in\n%s", part, text(node))
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
