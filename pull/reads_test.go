package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

// scripted is a GitHub that answers each path with one text, and counts.
type scripted struct {
	answer func(w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	calls []string // guarded by mu
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, strings.TrimPrefix(r.URL.Path, "/"))
	s.mu.Unlock()
	s.answer(w, r)
}

func (s *scripted) client(tb testing.TB) *github.Client {
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	client := github.NewClient(nil)
	base, err := url.Parse(server.URL + "/")
	if err != nil {
		tb.Fatal(err)
	}
	client.BaseURL = base
	return client
}

func says(status int, header map[string]string, body string) *scripted {
	return &scripted{answer: func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}}
}

// reads is every read of GitHub's REST API that a decision stands on.
var reads = []struct {
	what string // how an error names it
	read func(context.Context, *github.Client) error
}{
	{"pull request acme/infra#7", func(ctx context.Context, c *github.Client) error {
		_, err := Read(ctx, c, Request{Owner: "acme", Name: "infra", Number: 7, NoTip: true})
		return err
	}},
	{"permission of @grace on acme/infra", func(ctx context.Context, c *github.Client) error {
		_, err := Permissions(ctx, c, request, []string{"grace"})
		return err
	}},
	{"collaborators of acme/infra", func(ctx context.Context, c *github.Client) error {
		_, err := Permissions(ctx, c, request, []string{"grace", "ada"})
		return err
	}},
	{"reviews of acme/infra#7", func(ctx context.Context, c *github.Client) error {
		_, err := Reviews(ctx, c, request)
		return err
	}},
	{"commits of acme/infra#7", func(ctx context.Context, c *github.Client) error {
		_, err := Commits(ctx, c, request)
		return err
	}},
	{"members of team acme/platform", func(ctx context.Context, c *github.Client) error {
		_, err := Members(ctx, c, "acme/platform")
		return err
	}},
	{"check runs of " + headSHA, func(ctx context.Context, c *github.Client) error {
		_, err := Checks(ctx, c, request, headSHA)
		return err
	}},
	{"comment 5 of acme/infra#7", func(ctx context.Context, c *github.Client) error {
		_, err := ReadComment(ctx, c, request, 5)
		return err
	}},
}

// Whatever GitHub answers instead of what was requested is an error that says
// what could not be read, never an empty list: that would be "nobody objects".
func TestAReadThatFailsSaysWhatCouldNotBeRead(t *testing.T) {
	answers := []struct {
		name      string
		status    int
		header    map[string]string
		body      string
		absent    bool
		temporary bool
	}{
		{name: "404", status: 404, body: `{"message":"Not Found"}`, absent: true},
		{name: "401", status: 401, body: `{"message":"Bad credentials"}`, temporary: true},
		{name: "403", status: 403, body: `{"message":"Resource not accessible by integration"}`},
		{name: "403 of a limit", status: 403, header: map[string]string{"Retry-After": "30"}, body: `{"message":"x"}`, temporary: true},
		{name: "429", status: 429, header: map[string]string{"Retry-After": "30"}, body: `{"message":"x"}`, temporary: true},
		{name: "502", status: 502, body: "<html>", temporary: true},
		{name: "nothing", status: 200},
		{name: "null", status: 200, body: "null"},
		{name: "an empty object", status: 200, body: "{}"},
		{name: "a list of null", status: 200, body: "[null]"},
		{name: "a list of nothing", status: 200, body: "[{}]"},
		{name: "check runs of nothing", status: 200, body: `{"total_count":1,"check_runs":[{}]}`},
		{name: "a page for people", status: 200, body: "<html>Sorry</html>"},
		{name: "half of an answer", status: 200, body: `[{"state":"APPROVED","user":{"lo`, temporary: true},
	}
	for _, r := range reads {
		for _, a := range answers {
			t.Run(r.what+"/"+a.name, func(t *testing.T) {
				err := r.read(t.Context(), says(a.status, a.header, a.body).client(t))
				if err == nil || !strings.Contains(err.Error(), "reading "+r.what) {
					t.Fatalf("error %v does not say what could not be read", err)
				}
				_, temporary := RetryAfter(err, time.Now())
				if errors.Is(err, ErrNotFound) != a.absent || temporary != a.temporary {
					t.Errorf("absent %v, temporary %v for: %v", errors.Is(err, ErrNotFound), temporary, err)
				}
			})
		}
	}
}

// paged answers a list in pages of a size, whatever was requested.
func paged(size int, entries []string) *scripted {
	return &scripted{answer: func(w http.ResponseWriter, r *http.Request) {
		at, _ := strconv.Atoi(r.URL.Query().Get("page"))
		if to := at * size; to < len(entries) {
			w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=%d>; rel="next"`, r.Host, r.URL.Path, at+1))
		}
		fmt.Fprintf(w, "[%s]", strings.Join(entries[min(len(entries), (at-1)*size):min(len(entries), at*size)], ","))
	}}
}

func TestT20AllReviewsOfAllPagesInTheirOrder(t *testing.T) {
	var entries []string
	var want []Review
	for i := range 250 {
		state := []string{"APPROVED", "CHANGES_REQUESTED", "DISMISSED", "COMMENTED"}[i%4]
		entries = append(entries, fmt.Sprintf(`{"id":%d,"state":"%s","commit_id":"%s","user":{"login":"u%d","id":%d,"type":"User"}}`, i+1, state, headSHA, i%7, i%7+1))
		want = append(want, Review{Login: fmt.Sprintf("u%d", i%7), ID: int64(i%7 + 1), State: state, Commit: headSHA})
	}
	for _, size := range []int{1, 30, 100, 250, 1000} {
		hub := paged(size, entries)
		got, err := Reviews(t.Context(), hub.client(t), request)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", size, diff)
		}
		if calls := (len(entries) + size - 1) / size; len(hub.calls) != calls {
			t.Errorf("pages of %d took %d calls, want %d", size, len(hub.calls), calls)
		}
	}
}

func TestT20APageThatFailsIsNotTheEnd(t *testing.T) {
	hub := paged(1, []string{`{"state":"APPROVED","user":{"login":"a"}}`, `{"state":"APPROVED","user":{"login":"b"}}`})
	whole := hub.answer
	hub.answer = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "2" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		whole(w, r)
	}
	if reviews, err := Reviews(t.Context(), hub.client(t), request); err == nil {
		t.Errorf("half of the reviews: %v", reviews)
	}
}

func TestAListThatNeverEndsIsAnError(t *testing.T) {
	for name, next := range map[string]func(int) int{"the same page": func(at int) int { return at }, "always one more": func(at int) int { return at + 1 }} {
		hub := &scripted{answer: func(w http.ResponseWriter, r *http.Request) {
			at, _ := strconv.Atoi(r.URL.Query().Get("page"))
			w.Header().Set("Link", fmt.Sprintf(`<http://x/y?page=%d>; rel="next"`, next(at)))
			fmt.Fprint(w, "[]")
		}}
		if _, err := Reviews(t.Context(), hub.client(t), request); err == nil || len(hub.calls) > maxPages {
			t.Errorf("%s: error %v after %d calls", name, err, len(hub.calls))
		}
	}
}

func TestReviewsOfOthersThanPeople(t *testing.T) {
	hub := says(200, nil, `[{"state":"APPROVED","user":{"login":"robot[bot]","id":3,"type":"Bot"}},{"state":"APPROVED","user":null},
		{"state":"APPROVED","user":{"login":"kindless","id":4}}]`)
	got, err := Reviews(t.Context(), hub.client(t), request)
	if err != nil {
		t.Fatal(err)
	}
	want := []Review{{Login: "robot[bot]", ID: 3, Bot: true, State: "APPROVED"}, {State: "APPROVED"}, {Login: "kindless", ID: 4, Bot: true, State: "APPROVED"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// writers is a repository with that many people who may write, and others.
func writers(n, pageSize int) *scripted {
	var entries []string
	for i := range n {
		entries = append(entries, fmt.Sprintf(`{"login":"Writer%d","permissions":{"pull":true,"push":true,"admin":%v}}`, i, i == 0))
	}
	list := paged(pageSize, entries)
	whole := list.answer
	list.answer = func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/permission") {
			level := "read"
			if strings.Contains(r.URL.Path, "/writer") {
				level = "write"
			}
			fmt.Fprintf(w, `{"permission":"%s"}`, level)
			return
		}
		if r.URL.Query().Get("permission") != "push" {
			w.WriteHeader(http.StatusTeapot)
		}
		whole(w, r)
	}
	return list
}

func TestPermissionsTakeOneCallWhenEverybodyMayWrite(t *testing.T) {
	readers := make([]string, 12)
	for i := range readers {
		readers[i] = fmt.Sprintf("reader%d", i)
	}
	for name, c := range map[string]struct {
		asked []string
		want  map[string]string
		calls int
	}{
		"nobody":                    {nil, map[string]string{}, 0},
		"one":                       {[]string{"Grace"}, map[string]string{"grace": "read"}, 1},
		"one, twice":                {[]string{"grace", "Grace"}, map[string]string{"grace": "read"}, 1},
		"two who may":               {[]string{"WRITER0", "writer1"}, map[string]string{"writer0": "admin", "writer1": "write"}, 1},
		"one who may not":           {[]string{"writer0", "grace"}, map[string]string{"writer0": "admin", "grace": "read"}, 2},
		"one who may, on page two":  {[]string{"writer0", "writer120"}, map[string]string{"writer0": "admin", "writer120": "write"}, 2},
		"a crowd that may not":      {append([]string{"writer0", "writer120"}, readers...), nil, 3},
		"a smaller one that cannot": {append([]string{"writer0"}, readers[:10]...), nil, 1 + 10},
	} {
		t.Run(name, func(t *testing.T) {
			hub := writers(250, 100)
			got, err := Permissions(t.Context(), hub.client(t), request, c.asked)
			if err != nil {
				t.Fatal(err)
			}
			if len(hub.calls) != c.calls {
				t.Errorf("%d calls, want %d: %v", len(hub.calls), c.calls, hub.calls)
			}
			if diff := cmp.Diff(c.want, got); c.want != nil && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, login := range c.asked {
				level := got[strings.ToLower(login)]
				if may := level == "write" || level == "admin"; level == "" || may != strings.HasPrefix(strings.ToLower(login), "writer") {
					t.Errorf("%s may %q", login, level)
				}
			}
		})
	}
}

func TestNamesThatWouldChangeThePathAreRefused(t *testing.T) {
	hub := says(200, nil, "[]")
	client := hub.client(t)
	for _, team := range []string{"", "acme", "acme/", "/platform", "acme/../x", "acme/a/b", "acme/a?b", "a b/c"} {
		if _, err := Members(t.Context(), client, team); err == nil {
			t.Errorf("team %q", team)
		}
	}
	for _, login := range []string{"a/../../b", "", "a b"} {
		if _, err := Permissions(t.Context(), client, request, []string{login, "ada"}); err == nil {
			t.Errorf("login %q", login)
		}
	}
	if _, err := Checks(t.Context(), client, request, "main"); err == nil {
		t.Error("a branch passed for a commit")
	}
	if len(hub.calls) != 0 {
		t.Errorf("GitHub was asked: %v", hub.calls)
	}
}

func TestTheNewestCheckOfEachNameAndApp(t *testing.T) {
	hub := says(200, nil, `{"total_count":4,"check_runs":[
		{"id":5,"name":"build","status":"completed","conclusion":"success","app":{"id":2}},
		{"id":4,"name":"build","status":"completed","conclusion":"failure","app":{"id":2}},
		{"id":3,"name":"build","status":"in_progress","app":{"id":1}},
		{"id":2,"name":"audit","status":"completed","conclusion":"neutral","app":{"id":2}}]}`)
	got, err := Checks(t.Context(), hub.client(t), request, headSHA)
	if err != nil {
		t.Fatal(err)
	}
	want := []Check{{"audit", 2, "completed", "neutral"}, {"build", 1, "in_progress", ""}, {"build", 2, "completed", "success"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestT14ACommentAsItIsNow(t *testing.T) {
	const at, later = "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"
	const rest = `,"issue_url":"https://api.github.com/repos/acme/infra/issues/7","user":{"login":"ada","type":"User"},"performed_via_github_app":null`
	hub := says(200, nil, `{"id":5,"body":"/apply","created_at":"`+at+`","updated_at":"`+at+`"`+rest+`}`)
	c, err := ReadComment(t.Context(), hub.client(t), request, 5)
	sum := sha256.Sum256([]byte("/apply"))
	if want := (Comment{Login: "ada", Person: true, SHA256: hex.EncodeToString(sum[:]), CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}); err != nil || c != want {
		t.Errorf("got %+v, %v", c, err)
	}
	hub = says(200, nil, `{"id":5,"body":"/apply x","created_at":"`+at+`","updated_at":"`+later+`"`+rest+`}`)
	edited, err := ReadComment(t.Context(), hub.client(t), request, 5)
	if err != nil || !edited.Edited || edited.SHA256 == c.SHA256 {
		t.Errorf("got %+v, %v", edited, err)
	}
	if _, err := ReadComment(t.Context(), hub.client(t), request, 6); err == nil {
		t.Error("another comment passed for the one that was asked for")
	}
}

// The address of a comment says nothing of which pull request it is on; the comment
// does.
func TestForgeACommentOfAnotherPullRequestIsNotFound(t *testing.T) {
	const rest = `"id":5,"body":"/apply","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"`
	for name, tt := range map[string]struct {
		issue, who string
		found      bool
		person     bool
	}{
		"of this one":                     {`"https://api.github.com/repos/acme/infra/issues/7"`, `{"login":"ada","type":"User"}`, true, true},
		"on an Enterprise Server":         {`"https://github.example/api/v3/repos/Acme/Infra/issues/7"`, `{"login":"ada","type":"User"}`, true, true},
		"of another pull request":         {`"https://api.github.com/repos/acme/infra/issues/17"`, `{"login":"ada","type":"User"}`, false, false},
		"of another repository":           {`"https://api.github.com/repos/acme/other/issues/7"`, `{"login":"ada","type":"User"}`, false, false},
		"by a bot":                        {`"https://api.github.com/repos/acme/infra/issues/7"`, `{"login":"ada","type":"Bot"}`, true, false},
		"by an App on behalf of a person": {`"https://api.github.com/repos/acme/infra/issues/7"`, `{"login":"ada","type":"User"},"performed_via_github_app":{"id":1}`, true, false},
	} {
		c, err := ReadComment(t.Context(), says(200, nil, `{`+rest+`,"issue_url":`+tt.issue+`,"user":`+tt.who+`}`).client(t), request, 5)
		if (err == nil) != tt.found || err != nil && !errors.Is(err, ErrNotFound) || c.Person != tt.person {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for _, body := range []string{`{` + rest + `,"user":{"login":"ada","type":"User"}}`, `{` + rest + `,"issue_url":"x","user":{"login":"ada","type":"User"}}`} {
		if _, err := ReadComment(t.Context(), says(200, nil, body).client(t), request, 5); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
