package openapi

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exchange is one request and the answer that a double gives to it.
type exchange struct {
	method, path, accept, request string
	status                        int
	contentType, answer           string
}

// violations serves x behind a Checker and returns what it reported.
func violations(t *testing.T, x exchange) []string {
	t.Helper()
	var found []string
	checker := NewChecker(load(t), func(v string) { found = append(found, v) })
	double := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != x.request {
			t.Errorf("the double got the body %q, %v", body, err)
		}
		if x.contentType == "" {
			x.contentType = "application/json; charset=utf-8"
		}
		w.Header().Set("Content-Type", x.contentType)
		w.WriteHeader(x.status)
		io.WriteString(w, x.answer)
	})
	request := httptest.NewRequest(x.method, "/api/v3"+x.path, strings.NewReader(x.request))
	request.Header.Set("Accept", x.accept)
	recorded := httptest.NewRecorder()
	checker.Wrap("/api/v3/", double).ServeHTTP(recorded, request)
	if recorded.Code != x.status || recorded.Body.String() != x.answer {
		t.Errorf("the client got %d %q, want %d %q", recorded.Code, recorded.Body, x.status, x.answer)
	}
	return found
}

func load(t testing.TB) *Spec {
	t.Helper()
	spec, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	comments  = "/repos/octo/infra/issues/1/comments"
	checkRuns = "/repos/octo/infra/check-runs"
	notFound  = `{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}`
)

func TestRightTrafficPasses(t *testing.T) {
	comment, checkRun := testdata(t, "comment.json"), testdata(t, "checkrun.json")
	for name, x := range map[string]exchange{
		"comment":                    {method: "POST", path: comments, request: `{"body":"/plan"}`, status: 201, answer: comment},
		"longest comment":            {method: "POST", path: comments, request: `{"body":"` + strings.Repeat("é", maxCommentCharacters) + `"}`, status: 201, answer: comment},
		"too long comment, refused":  {method: "POST", path: comments, request: `{"body":"` + strings.Repeat("é", maxCommentCharacters+1) + `"}`, status: 422, answer: `{"message":"Validation Failed","documentation_url":"https://docs.github.com/rest","errors":[{"resource":"IssueComment","code":"unprocessable","field":"data","message":"Body is too long (maximum is 65536 characters)"}]}`},
		"check run":                  {method: "POST", path: checkRuns, request: `{"name":"plan","head_sha":"abc","status":"completed","conclusion":"success"}`, status: 201, answer: checkRun},
		"pull request as diff":       {method: "GET", path: "/repos/octo/infra/pulls/1", accept: "application/vnd.github.v3.diff", status: 200, contentType: "text/plain", answer: "diff --git"},
		"not listed status":          {method: "POST", path: comments, request: `{"body":"x"}`, status: 401, answer: `{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"}`},
		"proxy page":                 {method: "POST", path: comments, request: `{"body":"x"}`, status: 502, contentType: "text/html", answer: "<h1>Unicorn</h1>"},
		"not modified":               {method: "GET", path: "/repos/octo/infra/pulls/1", status: 304},
		"deleted":                    {method: "DELETE", path: "/repos/octo/infra/issues/comments/1", status: 204},
		"null for an optional body":  {method: "POST", path: "/app/installations/1/access_tokens", request: "null", status: 404, answer: notFound},
		"file below directories":     {method: "GET", path: "/repos/octo/infra/contents/a/b/c.tf", status: 404, answer: notFound},
		"root directory":             {method: "GET", path: "/repos/octo/infra/contents/?ref=main", status: 404, answer: notFound},
		"branch with a slash":        {method: "GET", path: "/repos/octo/infra/git/ref/heads/feature/x", status: 404, answer: notFound},
		"checks of a ref with slash": {method: "GET", path: "/repos/octo/infra/commits/heads/feature/x/check-runs?filter=latest", status: 404, answer: notFound},
		"compare slashed branches":   {method: "GET", path: "/repos/octo/infra/compare/release/1...feature/x", status: 404, answer: notFound},
		"compare escaped branches":   {method: "GET", path: "/repos/octo/infra/compare/release%2F1...feature%2Fx", status: 404, answer: notFound},
		"reactions of a comment":     {method: "GET", path: "/repos/octo/infra/issues/comments/1/reactions?content=eyes", status: 200, answer: "[]"},
		"delete a reaction":          {method: "DELETE", path: "/repos/octo/infra/issues/comments/1/reactions/2", status: 204},
		"comments of a repository":   {method: "GET", path: "/repos/octo/infra/issues/comments?since=2026-01-02T03:04:05Z&sort=updated", status: 200, answer: "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := violations(t, x); len(got) > 0 {
				t.Errorf("false alarms:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

func TestWrongTrafficIsReported(t *testing.T) {
	checkRun := func(rest string) string { return `{"name":"plan","head_sha":"abc"` + rest + `}` }
	action := `{"label":"Plan again","description":"d","identifier":"plan"}`
	summary := `{"title":"t","summary":"` + strings.Repeat("s", 65536) + `"}`
	run := testdata(t, "checkrun.json")
	for name, test := range map[string]struct {
		exchange
		want string // part of a violation
	}{
		"comment without a body":                  {exchange{method: "POST", path: comments, request: `{}`, status: 422, answer: notFound}, "request issues/create-comment POST " + comments + ": /: missing property 'body'"},
		"no request body at all":                  {exchange{method: "POST", path: comments, status: 404, answer: notFound}, "a body is required"},
		"slip in a property name":                 {exchange{method: "POST", path: comments, request: `{"body":"x","boddy":"y"}`, status: 404, answer: notFound}, "/boddy: the property is not documented"},
		"comment too long, accepted":              {exchange{method: "POST", path: comments, request: `{"body":"` + strings.Repeat("x", 65537) + `"}`, status: 201, answer: testdata(t, "comment.json")}, "accepted what GitHub refuses with 422: a comment has"},
		"unknown check run status":                {exchange{method: "POST", path: checkRuns, request: checkRun(`,"status":"running"`), status: 201, answer: run}, "/status: value must be one of"},
		"completed without conclusion, created":   {exchange{method: "POST", path: checkRuns, request: checkRun(`,"status":"completed"`), status: 201, answer: run}, "a completed check run needs a conclusion"},
		"completed without conclusion, updated":   {exchange{method: "PATCH", path: checkRuns + "/1", request: `{"status":"completed"}`, status: 200, answer: run}, "missing property 'conclusion'"},
		"four buttons":                            {exchange{method: "POST", path: checkRuns, request: checkRun(`,"actions":[` + strings.Repeat(action+",", 3) + action + `]`), status: 201, answer: run}, "maxItems: got 4, want 3"},
		"button label of 21 characters":           {exchange{method: "POST", path: checkRuns, request: checkRun(`,"actions":[` + strings.Replace(action, "Plan again", strings.Repeat("x", 21), 1) + `]`), status: 201, answer: run}, "/actions/0/label: maxLength: got 21, want 20"},
		"button identifier of 21 characters":      {exchange{method: "POST", path: checkRuns, request: checkRun(`,"actions":[` + strings.Replace(action, `"plan"`, `"`+strings.Repeat("x", 21)+`"`, 1) + `]`), status: 201, answer: run}, "/actions/0/identifier: maxLength: got 21, want 20"},
		"summary of 65536 characters":             {exchange{method: "POST", path: checkRuns, request: checkRun(`,"output":` + summary), status: 201, answer: run}, "/output/summary: maxLength: got 65,536, want 65,535"},
		"review event named like a state":         {exchange{method: "POST", path: "/repos/octo/infra/pulls/1/reviews", request: `{"event":"APPROVED"}`, status: 422, answer: notFound}, "/event: value must be one of"},
		"unknown query parameter":                 {exchange{method: "GET", path: comments + "?perpage=100", status: 200, answer: "[]"}, "perpage is not documented"},
		"page that is no number":                  {exchange{method: "GET", path: comments + "?page=two", status: 200, answer: "[]"}, `page has the undocumented value "two"`},
		"undocumented value of a query parameter": {exchange{method: "GET", path: "/repos/octo/infra/pulls?state=merged", status: 200, answer: "[]"}, `state has the undocumented value "merged"`},
		"unknown route":                           {exchange{method: "GET", path: "/repos/octo/infra/plans", status: 404, answer: notFound}, "route GET /repos/octo/infra/plans"},
		"number expected in a path":               {exchange{method: "GET", path: "/repos/octo/infra/pulls/one", status: 404, answer: notFound}, "route GET"},
		"undocumented status":                     {exchange{method: "POST", path: comments, request: `{"body":"x"}`, status: 200, answer: testdata(t, "comment.json")}, "response issues/create-comment 200: the status is not documented"},
		"body with 204":                           {exchange{method: "DELETE", path: "/repos/octo/infra/issues/comments/1", status: 204, answer: "{}"}, "a body where none is documented"},
		"body with 304":                           {exchange{method: "GET", path: comments, status: 304, answer: "[]"}, "a body where none is documented"},
		"answer is no JSON":                       {exchange{method: "GET", path: comments, status: 200, answer: "oops"}, "the body is not one JSON document"},
		"empty answer":                            {exchange{method: "GET", path: comments, status: 200}, "the body is not one JSON document"},
		"wrong content type":                      {exchange{method: "GET", path: comments, status: 200, contentType: "text/plain", answer: "[]"}, `the content type is "text/plain`},
		"diff that nobody asked for":              {exchange{method: "GET", path: "/repos/octo/infra/pulls/1", status: 200, contentType: "text/plain", answer: "diff"}, "the body is not one JSON document"},
		"error without a message":                 {exchange{method: "GET", path: "/repos/octo/infra/pulls/1", status: 404, answer: "{}"}, "/message: an error must say"},
		"undocumented error without a message":    {exchange{method: "GET", path: "/repos/octo/infra/pulls/1", status: 401, answer: "{}"}, "/message: an error must say"},
		"id as text, other fields missing":        {exchange{method: "POST", path: comments, request: `{"body":"x"}`, status: 201, answer: `{"id":"1"}`}, "/id: got string, want integer"},
	} {
		t.Run(name, func(t *testing.T) {
			got := violations(t, test.exchange)
			if !slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, test.want) }) {
				t.Errorf("not caught: want %q in\n%s", test.want, strings.Join(got, "\n"))
			}
		})
	}
}

func TestOtherPathsAreLeftAlone(t *testing.T) {
	checker := NewChecker(load(t), func(v string) { t.Error(v) })
	handler := checker.Wrap("/api/v3", http.NotFoundHandler())
	for _, path := range []string{"/", "/api", "/api/v33/user", "/octo/infra.git/info/refs"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	if seen := checker.Seen(); len(seen) > 0 {
		t.Errorf("seen %v", seen)
	}
}

func TestSeenCountsParallelAnswers(t *testing.T) {
	var found []string // no mutex: reports come one at a time
	checker := NewChecker(load(t), func(v string) { found = append(found, v) })
	handler := checker.Wrap("", http.NotFoundHandler())
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/repos/octo/infra", nil))
		})
	}
	clients.Wait()
	if diff := cmp.Diff(map[string]int{"repos/get 404": 20}, checker.Seen()); diff != "" {
		t.Error(diff)
	}
	if len(found) == 0 {
		t.Error("a 404 in plain text was not reported")
	}
}

// A mutant of a right answer is noticed if the value's type or presence matters
// to the description. Optional and nullable keys are why it is not all of them.
func TestMutantsOfRightAnswers(t *testing.T) {
	spec := load(t)
	for file, path := range map[string]string{"comment.json": comments, "checkrun.json": checkRuns} {
		operation := spec.find("POST", path)
		survived, made := map[string]int{}, map[string]int{}
		body := testdata(t, file)
		for _, m := range mutants(t, body) {
			made[m.kind]++
			header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
			if len(spec.response(operation, "", 201, header, []byte(m.body))) == 0 {
				survived[m.kind]++
			}
		}
		for kind, atMost := range map[string]float64{"type": 0, "null": 0.25, "deleted": 0.25} {
			if made[kind] == 0 || float64(survived[kind]) > atMost*float64(made[kind]) {
				t.Errorf("%s: %d of %d %s mutants were not noticed", file, survived[kind], made[kind], kind)
			}
		}
	}
}

type mutant struct{ kind, body string }

// mutants changes every value of a JSON object in three ways, one at a time.
func mutants(t *testing.T, body string) []mutant {
	t.Helper()
	var root any
	if err := json.Unmarshal([]byte(body), &root); err != nil {
		t.Fatal(err)
	}
	var all []mutant
	var walk func(v any)
	walk = func(v any) {
		o, ok := v.(object)
		if !ok {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(o)) {
			old := o[key]
			delete(o, key)
			all = append(all, mutant{"deleted", encode(t, root)})
			if old != nil {
				o[key] = nil
				all = append(all, mutant{"null", encode(t, root)})
			}
			o[key] = object{"wrong": []any{fmt.Sprint(old)}}
			if _, was := old.(object); was {
				o[key] = "wrong"
			}
			all = append(all, mutant{"type", encode(t, root)})
			o[key] = old
			walk(old)
		}
	}
	walk(root)
	return all
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
