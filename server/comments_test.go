package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
)

// hub is the part of GitHub's API that a look at comments needs, with the
// repository acme/infra in it.
type hub struct {
	answers map[string]any // by path: a body or a status; what is not there is 404
	list    []m            // comments, oldest first

	mu    sync.Mutex
	calls []string // guarded by mu
}

const hubRepo = "/repos/acme/infra"

func newHub(list ...m) *hub {
	return &hub{list: list, answers: map[string]any{
		hubRepo:               m{"id": 7, "name": "infra", "full_name": "acme/infra", "owner": m{"login": "acme"}},
		hubRepo + "/issues/3": m{"number": 3, "state": "open", "pull_request": m{"url": "https://x"}},
	}}
}

// written is the comment of the payload that comment makes, as the API has it.
func written(body string, change ...func(m)) m {
	c := m{"id": 99, "body": body, "user": user("rui"), "issue_url": "https://api/repos/acme/infra/issues/3",
		"created_at": "2026-01-02T12:00:00Z", "updated_at": "2026-01-02T12:00:00Z", "performed_via_github_app": nil}
	for _, x := range change {
		x(c)
	}
	return c
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, strings.TrimPrefix(r.URL.Path, hubRepo))
	answer, known := h.answers[r.URL.Path]
	switch status, isStatus := answer.(int); {
	case isStatus:
		w.WriteHeader(status)
	case known:
		_ = json.NewEncoder(w).Encode(answer)
	case r.URL.Path == hubRepo+"/issues/comments":
		h.page(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// page answers with one page of the comments, the newest first.
func (h *hub) page(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("sort") != "created" || q.Get("direction") != "desc" || q.Get("per_page") != "100" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	newest := slices.Clone(h.list)
	slices.Reverse(newest)
	newest = slices.DeleteFunc(newest, func(c m) bool { return c["updated_at"].(string) < q.Get("since") })
	page := 1
	_, _ = fmt.Sscan(q.Get("page"), &page)
	end := min(page*100, len(newest))
	if end < len(newest) {
		w.Header().Set("Link", fmt.Sprintf(`<http://x%s?page=%d>; rel="next"`, r.URL.Path, page+1))
	}
	_ = json.NewEncoder(w).Encode(append([]m{}, newest[min((page-1)*100, len(newest)):end]...))
}

// known is a store with a beginning of its own and one repository.
type known struct {
	*sqlite.Store
	since time.Time
	repos []run.Repository
}

func (k known) DedupSince(context.Context) (time.Time, error) { return k.since, nil }

func (k known) Repositories(context.Context, int) ([]run.Repository, error) { return k.repos, nil }

// looking is a sweep of comments, five minutes after those of written.
func (f *fixture) looking(h *hub) *Comments {
	f.Helper()
	srv := httptest.NewServer(h)
	f.Cleanup(srv.Close)
	client := github.NewClient(nil)
	client.BaseURL, _ = url.Parse(srv.URL + "/")
	return &Comments{
		Store: known{f.store, noon.Add(-24 * time.Hour), []run.Repository{{ID: 7, Owner: "acme", Name: "infra", InstallationID: 5}}},
		Inbox: f.inbox, AppName: func() string { return "" }, Client: func(int64) (*github.Client, error) { return client, nil },
		Now: func() time.Time { return noon.Add(5 * time.Minute) }, MinAge: time.Minute,
	}
}

func TestInvariant1ACommandWhoseWebhookNeverCameIsFound(t *testing.T) {
	set := func(k string, v any) func(m) { return func(c m) { c[k] = v } }
	at := func(ago time.Duration) func(m) {
		return func(c m) {
			c["created_at"] = noon.Add(5 * time.Minute).Add(-ago).Format(time.RFC3339)
			c["updated_at"] = c["created_at"]
		}
	}
	for _, tt := range []struct {
		name    string
		comment m
		given   func(*hub, *Comments)
		said    string // beginning of each notice, joined by " | "
		err     bool
	}{
		{"a plan", written("/plan"), nil, "reaction eyes", false},
		{"a question for help", written("/help"), nil, "reaction eyes | reply ", false},
		{"by a stranger", written("/cancel", set("user", user("sam"))), nil, "reaction confused | reply @sam Only people with write access", false},
		{"prose", written("looks good"), nil, "", false},
		{"another bot's command", written("/retest"), nil, "", false},
		{"T14 edited", written("/plan", set("updated_at", "2026-01-02T12:00:01Z")), nil, "", false},
		{"T15 by a bot", written("/plan", set("user", m{"login": "x[bot]", "type": "Bot"})), nil, "", false},
		{"T15 by a person through an App", written("/plan", set("performed_via_github_app", m{"id": 1})), nil, "", false},
		{"by nobody any more", written("/plan", set("user", nil)), nil, "", false},
		{"on an issue", written("/plan"), func(h *hub, _ *Comments) { h.answers[hubRepo+"/issues/3"] = m{"number": 3} }, "", false},
		{"on what is gone", written("/plan"), func(h *hub, _ *Comments) { delete(h.answers, hubRepo+"/issues/3") }, "", false},
		{"on nothing", written("/plan", set("issue_url", "")), nil, "", false},
		{"so new that the webhook may be on its way", written("/plan", at(59*time.Second)), nil, "", false},
		{"no longer so new", written("/plan", at(time.Minute)), nil, "reaction eyes", false},
		{"nearly too old", written("/plan", at(commentWindow)), nil, "reaction eyes", false},
		{"too old", written("/plan", at(commentWindow+time.Second)), nil, "", false},
		{"an apply", written("/apply"), nil, "reaction eyes", false},
		{"T29 an apply of long ago", written("/apply", at(time.Hour)), nil, "reaction confused | reply @rui This command reached Lockkeeper more than 15 minutes", false},
		{"from before comments were known", written("/plan"), func(_ *hub, c *Comments) {
			c.Store = known{c.Inbox.Store.(*sqlite.Store), noon.Add(time.Second), []run.Repository{{ID: 7, Owner: "acme", Name: "infra", InstallationID: 5}}}
		}, "", false},
		{"in another repository that took the name", written("/plan"), func(h *hub, _ *Comments) {
			h.answers[hubRepo] = m{"id": 8, "name": "infra", "owner": m{"login": "acme"}}
		}, "", false},
		{"in a repository that is gone", written("/plan"), func(h *hub, _ *Comments) {
			h.answers[hubRepo+"/issues/comments"] = http.StatusNotFound
		}, "", false},
		{"GitHub fails with the list", written("/plan"), func(h *hub, _ *Comments) { h.answers[hubRepo+"/issues/comments"] = http.StatusInternalServerError }, "", true},
		{"GitHub fails with the pull request", written("/plan"), func(h *hub, _ *Comments) { h.answers[hubRepo+"/issues/3"] = http.StatusInternalServerError }, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			h := newHub(tt.comment)
			c := f.looking(h)
			if tt.given != nil {
				tt.given(h, c)
			}
			for range 2 {
				if err := c.sweep(t.Context()); (err != nil) != tt.err {
					t.Errorf("error %v", err)
				}
				f.settle()
			}
			var want []string
			if tt.said != "" {
				want = strings.Split(tt.said, " | ")
			}
			said := f.said()
			if !slices.EqualFunc(said, want, func(a, b string) bool { return strings.HasPrefix(a, strings.TrimSpace(b)) }) {
				t.Errorf("said %q, want %q", said, want)
			}
		})
	}
}

func TestALookWithoutNewsIsOneCallOfOneAddress(t *testing.T) {
	f := newFixture(t)
	h := newHub(written("/help"), written("fine", func(c m) { c["id"] = 100 }))
	c := f.looking(h)
	c.Inbox.Metrics = NewMetrics()
	now := noon.Add(5 * time.Minute)
	c.Now = func() time.Time { return now }
	hearing["sweep"](f, c, nil)
	if want := []string{"/issues/comments", "", "/issues/3"}; !slices.Equal(h.calls, want) {
		t.Errorf("to find one: calls %q, want %q", h.calls, want)
	}
	var asked []string
	c.Client = watching(t, c.Client, func(r *http.Request) { asked = append(asked, r.URL.String()) })
	for range 5 {
		now = now.Add(5 * time.Minute)
		hearing["sweep"](f, c, nil)
	}
	if len(asked) != 5 || len(slices.Compact(asked)) != 1 {
		t.Errorf("afterwards: calls %q, want the same five times, so that the answer can be 304", asked)
	}
	page := httptest.NewRecorder()
	c.Inbox.Metrics.Handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if want := `lockkeeper_deliveries_total{outcome="found"} 1`; !strings.Contains(page.Body.String(), want) {
		t.Errorf("the metrics lack %s", want)
	}
}

// watching makes a client tell of each of its calls.
func watching(t *testing.T, client func(int64) (*github.Client, error), tell func(*http.Request)) func(int64) (*github.Client, error) {
	t.Helper()
	inner, err := client(5)
	if err != nil {
		t.Fatal(err)
	}
	outer := github.NewClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		tell(r)
		return http.DefaultTransport.RoundTrip(r)
	})})
	outer.BaseURL = inner.BaseURL
	return func(int64) (*github.Client, error) { return outer, nil }
}

func TestABusyRepositoryIsReadPageByPageUntilWhatIsTooOld(t *testing.T) {
	f := newFixture(t)
	h := newHub()
	for i := range 350 { // one each minute, the last one at noon
		at := noon.Add(time.Duration(i-349) * time.Minute).Format(time.RFC3339)
		h.list = append(h.list, written(fmt.Sprintf("/plan p%03d", i), func(c m) { c["id"], c["created_at"], c["updated_at"] = i+1, at, "2026-01-02T12:00:00Z" }))
	}
	for _, i := range []int{349, 200, 174, 173, 10} { // all others were edited
		h.list[i]["updated_at"] = h.list[i]["created_at"]
	}
	h.list[10]["updated_at"] = "2026-01-02T12:00:00Z"
	hearing["sweep"](f, f.looking(h), nil)
	kept, err := f.store.PendingDeliveries(t.Context(), noon, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range kept {
		got = append(got, d.GUID)
	}
	// The window begins 2:55 before noon.
	if want := []string{"comment/7/175", "comment/7/201", "comment/7/350"}; !slices.Equal(got, want) {
		t.Errorf("deliveries %q, want %q in the order of writing", got, want)
	}
	if n := len(slices.DeleteFunc(h.calls, func(c string) bool { return c != "/issues/comments" })); n != 2 {
		t.Errorf("%d pages were read, want 2: the older ones have nothing that counts", n)
	}
}
