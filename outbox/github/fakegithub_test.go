package github

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"
)

const ourApp = 99

// fakeGitHub keeps comments, reactions and check runs like GitHub's REST API.
type fakeGitHub struct {
	server *httptest.Server
	now    func() time.Time

	mu        sync.Mutex
	nextID    int64
	comments  map[int64]*fakeComment
	checks    map[int64]*fakeCheck
	reactions map[string]bool
	calls     []string // "POST comments", in order of arrival
	// fault may answer instead of GitHub: before the request is acted upon,
	// or, when after is true, in place of the answer.
	fault func(w http.ResponseWriter, call string, number int, after bool) bool
}

type fakeComment struct {
	ID        int64     `json:"id"`
	Body      string    `json:"body"`
	UpdatedAt time.Time `json:"updated_at"`
	App       *fakeApp  `json:"performed_via_github_app"`
	pull      string
}

type fakeApp struct {
	ID int64 `json:"id"`
}

type fakeCheck struct {
	ID         int64                    `json:"id"`
	Name       string                   `json:"name"`
	HeadSHA    string                   `json:"head_sha"`
	ExternalID string                   `json:"external_id"`
	Status     string                   `json:"status"`
	Conclusion *string                  `json:"conclusion"`
	Output     *github.CheckRunOutput   `json:"output"`
	Actions    []*github.CheckRunAction `json:"actions"`
	App        *fakeApp                 `json:"app"`
}

func newFakeGitHub(t *testing.T, now func() time.Time) *fakeGitHub {
	f := &fakeGitHub{now: now, nextID: 1_000, comments: map[int64]*fakeComment{}, checks: map[int64]*fakeCheck{}, reactions: map[string]bool{}}
	mux := http.NewServeMux()
	const repo = "/repos/{owner}/{repo}"
	handle := func(pattern, call string, h func(r *http.Request) (int, any)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+repo+path, func(w http.ResponseWriter, r *http.Request) { f.serve(w, r, call, h) })
	}
	handle("POST /issues/{number}/comments", "POST comment", f.createComment)
	handle("GET /issues/{number}/comments", "GET comments", f.listComments)
	handle("PATCH /issues/comments/{id}", "PATCH comment", f.editComment)
	handle("POST /issues/comments/{id}/reactions", "POST reaction", f.react)
	handle("POST /check-runs", "POST check", f.createCheck)
	handle("PATCH /check-runs/{id}", "PATCH check", f.updateCheck)
	handle("GET /commits/{ref}/check-runs", "GET checks", f.listChecks)
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f
}

func (f *fakeGitHub) serve(w http.ResponseWriter, r *http.Request, call string, h func(*http.Request) (int, any)) {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	number, fault := len(f.calls), f.fault
	f.mu.Unlock()
	if fault != nil && fault(w, call, number, false) {
		return
	}
	f.mu.Lock()
	status, answer := h(r)
	body, err := json.Marshal(answer)
	f.mu.Unlock()
	if err != nil {
		panic(err)
	}
	if fault != nil && fault(w, call, number, true) {
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body)
}

var notFound = map[string]string{"message": "Not Found"}

func (f *fakeGitHub) id() int64 { f.nextID++; return f.nextID }

func pathID(r *http.Request) int64 {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	return id
}

func decode(r *http.Request, into any) {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		panic(err)
	}
}

func tooLong(body string) bool { return len([]rune(body)) > 65_536 }

func (f *fakeGitHub) createComment(r *http.Request) (int, any) {
	c := &fakeComment{App: &fakeApp{ourApp}, UpdatedAt: f.now(), pull: r.PathValue("number")}
	decode(r, c)
	if tooLong(c.Body) {
		return 422, map[string]string{"message": "Body is too long (maximum is 65536 characters)"}
	}
	c.ID = f.id()
	f.comments[c.ID] = c
	return 201, c
}

func (f *fakeGitHub) listComments(r *http.Request) (int, any) {
	since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
	out := []*fakeComment{}
	for _, id := range slices.Sorted(maps.Keys(f.comments)) {
		if c := f.comments[id]; c.pull == r.PathValue("number") && !c.UpdatedAt.Before(since) {
			out = append(out, c)
		}
	}
	return 200, out
}

func (f *fakeGitHub) editComment(r *http.Request) (int, any) {
	c := f.comments[pathID(r)]
	if c == nil {
		return 404, notFound
	}
	decode(r, c)
	c.UpdatedAt = f.now()
	return 200, c
}

func (f *fakeGitHub) react(r *http.Request) (int, any) {
	var body struct{ Content string }
	decode(r, &body)
	f.reactions[r.PathValue("id")+" "+body.Content] = true
	return 201, map[string]any{"id": 1, "content": body.Content}
}

func (c *fakeCheck) invalid() bool {
	return c.Status == "completed" && (c.Conclusion == nil || *c.Conclusion == "") || c.Output != nil && tooLong(c.Output.GetText())
}

func (f *fakeGitHub) createCheck(r *http.Request) (int, any) {
	c := &fakeCheck{App: &fakeApp{ourApp}}
	decode(r, c)
	if c.invalid() {
		return 422, map[string]string{"message": "Invalid request."}
	}
	c.ID = f.id()
	f.checks[c.ID] = c
	return 201, c
}

func (f *fakeGitHub) updateCheck(r *http.Request) (int, any) {
	c := f.checks[pathID(r)]
	if c == nil {
		return 404, notFound
	}
	c.Conclusion, c.Actions = nil, nil
	decode(r, c)
	if c.invalid() {
		return 422, map[string]string{"message": "Invalid request."}
	}
	return 200, c
}

func (f *fakeGitHub) listChecks(r *http.Request) (int, any) {
	out := []*fakeCheck{}
	for _, id := range slices.Sorted(maps.Keys(f.checks)) {
		c := f.checks[id]
		if c.HeadSHA == r.PathValue("ref") && c.Name == r.URL.Query().Get("check_name") && fmt.Sprint(c.App.ID) == r.URL.Query().Get("app_id") {
			out = append(out, c)
		}
	}
	return 200, map[string]any{"total_count": len(out), "check_runs": out}
}

// client returns a new client: go-github's own memory of rate limits counts in
// real time and would outlive the test's clock.
func (f *fakeGitHub) client() *github.Client {
	c, err := github.NewClient(nil).WithEnterpriseURLs(f.server.URL, f.server.URL)
	if err != nil {
		panic(err)
	}
	c.BaseURL.Path = "/"
	return c
}

func (f *fakeGitHub) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// bodies lists the comments of a pull request, oldest first.
func (f *fakeGitHub) bodies(pull int) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, id := range slices.Sorted(maps.Keys(f.comments)) {
		if c := f.comments[id]; c.pull == strconv.Itoa(pull) {
			out = append(out, c.Body)
		}
	}
	return out
}

func (f *fakeGitHub) checkStates() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, id := range slices.Sorted(maps.Keys(f.checks)) {
		c := f.checks[id]
		text := c.Name + " " + c.Status
		if c.Conclusion != nil {
			text += " " + *c.Conclusion
		}
		out = append(out, text)
	}
	return out
}

func (f *fakeGitHub) reacted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.reactions)
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	connection.Close()
}

func answer(w http.ResponseWriter, status int, message string, headers ...string) {
	for i := 0; i+1 < len(headers); i += 2 {
		w.Header().Set(headers[i], headers[i+1])
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"message": message})
}
