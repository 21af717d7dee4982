package pull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

var (
	headSHA = strings.Repeat("1a", 20)
	tipSHA  = strings.Repeat("2b", 20)
	oldSHA  = strings.Repeat("3c", 20)
)

type object = map[string]any

// octocat is a GitHub with one pull request.
type octocat struct {
	pull, ref, permission object
	refuse                map[string]int    // path -> status
	header                map[string]string // of refusals
	before                func(path string) // called before the answer

	mu    sync.Mutex
	calls []string // guarded by mu
}

func newOctocat() *octocat {
	repository := object{"id": 42, "name": "infra", "owner": object{"login": "acme"}, "clone_url": "https://github.example/acme/infra.git"}
	return &octocat{
		pull: object{
			"number": 7, "state": "open", "draft": true, "merged": false, "mergeable": true, "title": "Grow the network",
			"user":                object{"login": "ada", "id": 1001},
			"requested_reviewers": []object{{"login": "grace", "type": "User"}, {"login": "copilot[bot]", "type": "Bot"}}, "requested_teams": []object{{"slug": "platform"}},
			"head": object{"sha": headSHA, "ref": "grow", "repo": repository},
			"base": object{"sha": oldSHA, "ref": "release/1.x#y", "repo": repository},
		},
		ref:        object{"ref": "refs/heads/release/1.x#y", "object": object{"type": "commit", "sha": tipSHA}},
		permission: object{"permission": "write", "role_name": "maintain"},
		refuse:     map[string]int{},
		header:     map[string]string{},
	}
}

const (
	pullPath       = "/repos/acme/infra/pulls/7"
	refPath        = "/repos/acme/infra/git/ref/heads/release/1.x#y"
	permissionPath = "/repos/acme/infra/collaborators/grace/permission"
)

func (o *octocat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.calls = append(o.calls, r.Method+" "+r.URL.Path)
	o.mu.Unlock()
	if o.before != nil {
		o.before(r.URL.Path)
	}
	answers := map[string]object{pullPath: o.pull, refPath: o.ref, permissionPath: o.permission}
	answer, ok := answers[r.URL.Path]
	status := o.refuse[r.URL.Path]
	switch {
	case status != 0:
		for name, value := range o.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, `{"message":"no"}`)
	case !ok:
		http.NotFound(w, r)
	default:
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (o *octocat) client(tb testing.TB) *github.Client {
	server := httptest.NewServer(o)
	tb.Cleanup(server.Close)
	client := github.NewClient(nil)
	base, err := url.Parse(server.URL + "/")
	if err != nil {
		tb.Fatal(err)
	}
	client.BaseURL = base
	return client
}

var request = Request{Owner: "acme", Name: "infra", Number: 7, Actor: "grace", NeedPermission: true}

func TestReadFacts(t *testing.T) {
	hub := newOctocat()
	got, err := Read(t.Context(), hub.client(t), request)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := Facts{
		RepositoryID: 42, Owner: "acme", Name: "infra", Number: 7, Open: true, Draft: true, Title: "Grow the network",
		Author: "ada", AuthorID: 1001, Requested: []string{"grace", "acme/platform"}, HeadSHA: headSHA, HeadRef: "grow", BaseRef: "release/1.x#y", BaseSHA: tipSHA,
		CloneURL: "https://github.example/acme/infra.git", Mergeable: &yes, ActorPermission: "write",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	slices.Sort(hub.calls)
	if diff := cmp.Diff([]string{"GET " + permissionPath, "GET " + refPath, "GET " + pullPath}, hub.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestReadWithoutPermissionTakesTwoCalls(t *testing.T) {
	hub := newOctocat()
	facts, err := Read(t.Context(), hub.client(t), Request{Owner: "acme", Name: "infra", Number: 7})
	if err != nil || facts.ActorPermission != "" || len(hub.calls) != 2 {
		t.Errorf("permission %q, calls %v, error %v", facts.ActorPermission, hub.calls, err)
	}
}

func TestReadAsksForThePermissionBesideThePull(t *testing.T) {
	hub := newOctocat()
	asked := make(chan struct{})
	hub.before = func(path string) {
		switch path {
		case permissionPath:
			close(asked)
		case pullPath:
			<-asked // would wait for ever if the calls came one after the other
		}
	}
	if _, err := Read(t.Context(), hub.client(t), request); err != nil {
		t.Error(err)
	}
}

// T07: by id, which survives renames; a repository that is gone counts as a fork.
func TestT07Forks(t *testing.T) {
	for name, c := range map[string]struct {
		head any
		fork bool
	}{
		"same repository":                   {object{"id": 42, "name": "infra"}, false},
		"same repository under an old name": {object{"id": 42, "name": "old"}, false},
		"another one of the same name":      {object{"id": 43, "name": "infra", "owner": object{"login": "acme"}}, true},
		"repository that was deleted":       {nil, true},
		"repository without an id":          {object{"name": "infra"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			hub := newOctocat()
			hub.pull["head"].(object)["repo"] = c.head
			facts, err := Read(t.Context(), hub.client(t), request)
			if err != nil || facts.Fork != c.fork {
				t.Errorf("fork is %v, want %v; %v", facts.Fork, c.fork, err)
			}
		})
	}
}

func TestReadFailsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(hub *octocat)
		text   string
		absent bool // ErrNotFound
	}{
		"no such pull request":          {func(h *octocat) { h.refuse[pullPath] = 404 }, "reading pull request acme/infra#7", true},
		"no such base branch":           {func(h *octocat) { h.refuse[refPath] = 404 }, `reading base branch "release/1.x#y" of acme/infra`, true},
		"no such person":                {func(h *octocat) { h.refuse[permissionPath] = 404 }, "reading permission of @grace on acme/infra", true},
		"pull request not readable":     {func(h *octocat) { h.refuse[pullPath] = 500 }, "reading pull request", false},
		"base branch not readable":      {func(h *octocat) { h.refuse[refPath] = 503 }, "reading base branch", false},
		"permission not readable":       {func(h *octocat) { h.refuse[permissionPath] = 403 }, "reading permission", false},
		"branch with a longer name":     {func(h *octocat) { h.ref["ref"] = "refs/heads/release/1.x#y2" }, "about something else", false},
		"branch without commit":         {func(h *octocat) { h.ref["object"] = nil }, "about something else", false},
		"permission of an unknown kind": {func(h *octocat) { h.permission["permission"] = "owner" }, "is not a permission", false},
		"permission missing":            {func(h *octocat) { h.permission = object{} }, "is not a permission", false},
		"head missing":                  {func(h *octocat) { h.pull["head"] = nil }, "lacks the head commit", false},
		"head that is a branch":         {func(h *octocat) { h.pull["head"].(object)["sha"] = "main" }, "lacks the head commit", false},
		"base missing":                  {func(h *octocat) { h.pull["base"] = nil }, "lacks the base repository", false},
		"base branch missing":           {func(h *octocat) { h.pull["base"].(object)["ref"] = "" }, "lacks the base branch", false},
		"number missing":                {func(h *octocat) { h.pull["number"] = nil }, "lacks the number", false},
		"empty answer":                  {func(h *octocat) { h.pull = object{} }, "lacks the base repository", false},
	} {
		t.Run(name, func(t *testing.T) {
			hub := newOctocat()
			c.change(hub)
			facts, err := Read(t.Context(), hub.client(t), request)
			if err == nil || !strings.Contains(err.Error(), c.text) || errors.Is(err, ErrNotFound) != c.absent {
				t.Errorf("got %v, want %q", err, c.text)
			}
			if !reflect.ValueOf(facts).IsZero() {
				t.Errorf("facts came with the error: %+v", facts)
			}
		})
	}
}

func TestReadRefusesNamesThatWouldChangeThePath(t *testing.T) {
	for _, change := range []func(*Request){
		func(r *Request) { r.Owner = ".." }, func(r *Request) { r.Owner = "" }, func(r *Request) { r.Owner = "a/b" },
		func(r *Request) { r.Name = ".." }, func(r *Request) { r.Name = "." }, func(r *Request) { r.Name = "a?b" },
		func(r *Request) { r.Actor = "a/../../b" }, func(r *Request) { r.Actor = "" }, func(r *Request) { r.Number = 0 },
	} {
		hub, asked := newOctocat(), request
		change(&asked)
		if _, err := Read(t.Context(), hub.client(t), asked); err == nil || len(hub.calls) != 0 {
			t.Errorf("%+v: error %v after %v", asked, err, hub.calls)
		}
	}
	for _, actor := range []string{"dependabot[bot]", "ada_acme", "a-b", "x1"} {
		if !actorName.MatchString(actor) {
			t.Errorf("%s is an account name on GitHub", actor)
		}
	}
}

func TestRetryAfterOfRealAnswers(t *testing.T) {
	now := time.Now()
	reset := fmt.Sprint(now.Add(90 * time.Second).Unix())
	for name, c := range map[string]struct {
		status int
		header map[string]string
		want   time.Duration // 0: not temporary
	}{
		"403 of the primary limit":   {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": reset}, 90 * time.Second},
		"429 of the primary limit":   {429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": reset}, 90 * time.Second},
		"403 with retry-after":       {403, map[string]string{"Retry-After": "17"}, 17 * time.Second},
		"429 with retry-after":       {429, map[string]string{"Retry-After": "17"}, 17 * time.Second},
		"429 without a word":         {429, nil, time.Minute},
		"503 with retry-after":       {503, map[string]string{"Retry-After": "30"}, 30 * time.Second},
		"500":                        {500, nil, time.Second},
		"502":                        {502, nil, time.Second},
		"retry-after zero":           {429, map[string]string{"Retry-After": "0"}, time.Second},
		"quota that is back already": {429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, time.Second},
		"403 without permission":     {403, nil, 0},
		"401":                        {401, nil, 15 * time.Second},
		"404":                        {404, nil, 0},
		"422":                        {422, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			hub := newOctocat()
			hub.refuse[pullPath], hub.header = c.status, c.header
			_, err := Read(t.Context(), hub.client(t), Request{Owner: "acme", Name: "infra", Number: 7})
			wait, temporary := RetryAfter(err, now)
			if temporary != (c.want != 0) || (wait-c.want).Abs() > time.Second {
				t.Errorf("got %v, %v for %v; want %v", wait, temporary, err, c.want)
			}
		})
	}
}

func TestRetryAfterOfOtherErrors(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	soon := 9 * time.Second
	forbidden := &http.Response{StatusCode: http.StatusForbidden, Request: &http.Request{}}
	for name, c := range map[string]struct {
		err  error
		want time.Duration
	}{
		"secondary limit that says":     {&github.AbuseRateLimitError{Response: forbidden, RetryAfter: &soon}, soon},
		"secondary limit that says not": {&github.AbuseRateLimitError{Response: forbidden}, time.Minute},
		"secondary limit only in words": {&github.ErrorResponse{Response: forbidden, Message: "You have exceeded a secondary rate limit."}, time.Minute},
		"connection refused":            {&url.Error{Op: "Get", URL: "x", Err: errors.New("connection refused")}, time.Second},
		"answer that ends early":        {fmt.Errorf("reading: %w", fmt.Errorf("x: %w", io.ErrUnexpectedEOF)), time.Second},
		"time limit":                    {fmt.Errorf("reading: %w", context.DeadlineExceeded), time.Second},
		"git remote":                    {fmt.Errorf("fetching: %w", ErrRemote), time.Second},
		"git commit that is gone":       {fmt.Errorf("fetching: %w", ErrGone), 0},
		"cancelled":                     {&url.Error{Op: "Get", URL: "x", Err: context.Canceled}, 0},
		"disk full":                     {fmt.Errorf("storing: %w", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), 0},
		"connection reset":              {&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, time.Second},
		"anything else":                 {errors.New("x"), 0},
		"nothing":                       {nil, 0},
		"answer without response":       {&github.ErrorResponse{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if wait, temporary := RetryAfter(c.err, now); wait != c.want || temporary != (c.want != 0) {
				t.Errorf("got %v, %v; want %v", wait, temporary, c.want)
			}
		})
	}
}
