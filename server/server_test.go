package server

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/service"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
	"github.com/lockkeeper/lockkeeper/store/sqlite/sqlitetest"
)

const (
	secret   = "0123456789abcdef0123456789abcdef"
	previous = "fedcba9876543210fedcba9876543210"
	appID    = 4711
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// fixture is a whole HTTP edge on a real store, with a recorder in place of the
// worker.
type fixture struct {
	*testing.T
	store *sqlite.Store
	locks *run.Locks
	runs  *recorder
	inbox *Inbox
	now   *PullNow // the pull request, as GitHub has it
	url   string
}

// recorder keeps what handlers asked for, as worker.Worker does.
type recorder struct {
	store *sqlite.Store

	unplanned []run.JobDocument
	fails     error // of Unplanned

	mu    sync.Mutex
	asked []string // guarded by mu: calls in words
	busy  []string // guarded by mu: projects that Unlock finds busy
}

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, fmt.Sprintf(format, args...))
}

func (r *recorder) Submit(ctx context.Context, x run.Run, notices ...run.Notice) (bool, error) {
	return r.store.CreateRun(ctx, x, notices)
}

func (r *recorder) Cancel(_ context.Context, id int64, pull int, by string) (int, error) {
	r.note("cancel %d/%d by %s", id, pull, by)
	return 1, nil
}

func (r *recorder) CancelRun(ctx context.Context, id, by string) error {
	x, err := r.store.Run(ctx, id)
	r.note("cancel run %s by %s", x.Key, by)
	return err
}

func (r *recorder) Supersede(_ context.Context, id int64, pull int, sha string) (int, error) {
	r.note("supersede %d/%d %s", id, pull, sha)
	return 1, nil
}

func (r *recorder) Close(_ context.Context, repo run.Repository, pull int, over run.Over) error {
	r.note("close %d/%d merged %t at %q into %q", repo.ID, pull, over.Merged, over.HeadSHA, over.BaseRef)
	for _, doc := range over.Unplanned {
		r.note("not planned: %s", doc.Project.Name)
	}
	return nil
}

func (r *recorder) Unplanned(_ context.Context, repo run.Repository, pull int, over run.Over) ([]run.JobDocument, error) {
	r.note("unplanned %d/%d at %q into %q", repo.ID, pull, over.HeadSHA, over.BaseRef)
	return r.unplanned, r.fails
}

func (r *recorder) NotKnown(_ context.Context, repo run.Repository, pull int, _ string) error {
	r.note("not known %d/%d", repo.ID, pull)
	return nil
}

func (r *recorder) Known(_ context.Context, repo run.Repository, pull int) error {
	r.note("known %d/%d", repo.ID, pull)
	return nil
}

func (r *recorder) Pushed(_ context.Context, repo run.Repository, pull int, sha string) error {
	r.note("pushed %d/%d %s", repo.ID, pull, sha)
	return nil
}

func (r *recorder) Judge(_ context.Context, id int64, pull int) error {
	r.note("judge %d/%d", id, pull)
	return nil
}

func (r *recorder) Object(_ context.Context, id int64, pull int, o run.Objection, commit string) error {
	r.note("object %d/%d %s of %q", id, pull, o, commit)
	return nil
}

func (r *recorder) Unlock(_ context.Context, h run.Subject, projects []string) (released, busy []string, err error) {
	r.note("unlock %d/%d %s", h.Repository.ID, h.PullRequest, strings.Join(projects, " "))
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range projects {
		if slices.Contains(r.busy, p) {
			busy = append(busy, p)
		} else {
			released = append(released, p)
		}
	}
	return released, busy, nil
}

// reading is the store with locks of its own.
type reading struct {
	*sqlite.Store
	locks run.Locks
}

func (r *reading) Locks(context.Context) (run.Locks, error) { return r.locks, nil }

func newFixture(t *testing.T, change ...func(*Base)) *fixture {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlitetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	runs, read, now := &recorder{store: s}, &reading{Store: s}, &PullNow{HeadSHA: "aaa", BaseRef: "main"}
	base := &Base{
		Runs: runs, Store: read, Notify: func() {}, Now: func() time.Time { return noon }, AppID: appID, AppName: func() string { return "acme-terraform" }, Autoplan: true,
		Pressed: func(_ context.Context, _, _ string, _ []byte, received time.Time) (time.Time, error) {
			return received, nil
		},
		Sent: func(context.Context, string, string, []byte, time.Time) error { return nil },
		Reviewed: func(context.Context, run.Repository, int, int64, string) (ReviewNow, bool, error) {
			return ReviewNow{Login: "rui", Commit: "aaa"}, true, nil
		},
		PullNow: func(context.Context, run.Repository, int, time.Time, time.Time) (PullNow, bool, error) {
			return *now, true, nil
		},
		Written: func(context.Context, run.Repository, int, int64, string, string, time.Time) (bool, error) {
			return true, nil
		},
	}
	base.Service = &service.Service{
		Runs: runs, Store: read, Now: base.Now,
		Facts: func(_ context.Context, repo run.Repository, _ int, actor string, projects ...string) (policy.Facts, error) {
			permission := map[string]string{"rui": "write", "eve": "write"}[actor]
			facts := policy.Facts{ByPerson: true, Open: true, Actor: actor, Permission: permission, Repository: repo.FullName(), HeadSHA: "aaa"}
			for _, p := range projects {
				facts.Projects = append(facts.Projects, policy.Project{Name: p, Rules: policy.Rules{Unlock: []string{"@rui"}}})
			}
			return facts, nil
		},
		Explain: func(_ context.Context, _ run.Repository, pull int, actor string, projects []string) (string, error) {
			return fmt.Sprintf("why %d %s %v", pull, actor, projects), nil
		},
		Describe: func(_ run.Subject, latest []run.Run, _ run.Locks, _ time.Time) string {
			return fmt.Sprintf("%d runs", len(latest))
		},
	}
	for _, c := range change {
		c(base)
	}
	inbox := NewInbox(s, base.Handlers(), base.Now, nil)
	h, err := Webhook{Secrets: []string{secret, previous}, AppID: appID, MaxBytes: 1 << 20, Handlers: base.Handlers(), Inbox: inbox}.Handler()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &fixture{T: t, store: s, locks: &read.locks, runs: runs, inbox: inbox, now: now, url: srv.URL}
}

func sign(key string, body []byte) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write(body)
	return "sha256=" + hex.EncodeToString(m.Sum(nil))
}

// deliver posts a signed delivery and returns the status of the answer.
func (f *fixture) deliver(guid, event string, payload []byte, change ...func(*http.Request)) int {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), http.MethodPost, f.url, bytes.NewReader(payload))
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("X-GitHub-Delivery", guid)
	req.Header.Set("X-GitHub-Hook-Installation-Target-ID", fmt.Sprint(appID))
	req.Header.Set("X-Hub-Signature-256", sign(secret, payload))
	for _, c := range change {
		c(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// settle acts on everything that is in the inbox.
func (f *fixture) settle() {
	f.Helper()
	var wg sync.WaitGroup
	for {
		due, err := f.store.PendingDeliveries(f.Context(), noon, 1000)
		if err != nil {
			f.Fatal(err)
		}
		if len(due) == 0 {
			return
		}
		if err := f.inbox.round(f.Context(), &wg); err != nil {
			f.Fatal(err)
		}
		wg.Wait()
	}
}

func (f *fixture) pullRuns() []run.Run {
	f.Helper()
	runs, err := f.store.PullRuns(f.Context(), 7, 3, 100)
	if err != nil {
		f.Fatal(err)
	}
	return runs
}

// said lists the notices as "kind content-or-body".
func (f *fixture) said() (out []string) {
	f.Helper()
	notices, err := f.store.DueNotices(f.Context(), noon, 1000)
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range notices {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s%s", n.Kind, n.Content, n.Body)))
	}
	return out
}

type m map[string]any

func payload(t testing.TB, e m) []byte {
	t.Helper()
	for k, v := range (m{
		"repository":   m{"id": 7, "name": "infra", "full_name": "acme/infra", "owner": m{"login": "acme"}},
		"installation": m{"id": 5},
	}) {
		if _, set := e[k]; !set {
			e[k] = v
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func user(login string) m { return m{"login": login, "type": "User", "id": 1} }

func comment(t testing.TB, body string, change ...func(m)) []byte {
	e := m{
		"action": "created",
		"issue":  m{"number": 3, "state": "open", "pull_request": m{"url": "https://x"}},
		"comment": m{"id": 99, "body": body, "user": user("rui"), "created_at": "2026-01-02T12:00:00Z",
			"updated_at": "2026-01-02T12:00:00Z", "performed_via_github_app": nil},
		"sender": user("rui"),
	}
	for _, c := range change {
		c(e)
	}
	return payload(t, e)
}

func pullEvent(t testing.TB, action string, change ...func(m)) []byte {
	repo := m{"id": 7, "name": "infra", "owner": m{"login": "acme"}}
	e := m{
		"action": action, "number": 3, "sender": user("ana"),
		"pull_request": m{
			"number": 3, "state": "open", "draft": false, "merged": false, "updated_at": "2026-01-02T12:00:00Z",
			"head": m{"sha": "aaa", "ref": "topic", "repo": repo}, "base": m{"sha": "bbb", "ref": "main", "repo": repo},
		},
	}
	for _, c := range change {
		c(e)
	}
	return payload(t, e)
}

func TestT25OnlySignedDeliveriesForThisAppAreKept(t *testing.T) {
	body := comment(t, "/plan")
	set := func(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
	tests := []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"signed with the current secret", func(*http.Request) {}, 200},
		{"signed with the previous secret", set("X-Hub-Signature-256", sign(previous, body)), 200},
		{"no signature", func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, 401},
		{"a signature of another secret", set("X-Hub-Signature-256", sign("x", body)), 401},
		{"an empty secret's signature", set("X-Hub-Signature-256", sign("", body)), 401},
		{"a signature of another body", set("X-Hub-Signature-256", sign(secret, []byte("{}"))), 401},
		{"the old kind of signature", func(r *http.Request) {
			r.Header.Del("X-Hub-Signature-256")
			r.Header.Set("X-Hub-Signature", "sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709")
		}, 401},
		{"two signatures", func(r *http.Request) { r.Header.Add("X-Hub-Signature-256", sign(secret, body)) }, 401},
		{"no signature scheme", set("X-Hub-Signature-256", strings.TrimPrefix(sign(secret, body), "sha256=")), 401},
		{"a form", set("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"another App's delivery", set("X-GitHub-Hook-Installation-Target-ID", "1"), 403},
		{"no delivery id", func(r *http.Request) { r.Header.Del("X-GitHub-Delivery") }, 400},
		{"no event", func(r *http.Request) { r.Header.Del("X-GitHub-Event") }, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			if got := f.deliver("g", "issue_comment", body, tt.change); got != tt.status {
				t.Errorf("status %d, want %d", got, tt.status)
			}
			kept, err := f.store.PendingDeliveries(t.Context(), noon, 10)
			if err != nil {
				t.Fatal(err)
			}
			if (len(kept) == 1) != (tt.status == 200) {
				t.Errorf("%d deliveries kept", len(kept))
			}
		})
	}
}

func TestT25AHugeBodyIsRefused(t *testing.T) {
	f := newFixture(t)
	if got := f.deliver("g", "issue_comment", bytes.Repeat([]byte(" "), 1<<20+1)); got != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", got)
	}
}

func TestT25AWeakSecretIsRefusedAtStart(t *testing.T) {
	for _, secrets := range [][]string{nil, {""}, {"short"}, {secret, "short"}, {secret[:31]}} {
		if _, err := (Webhook{Secrets: secrets, MaxBytes: 1}).Handler(); err == nil {
			t.Errorf("secrets %q were accepted", secrets)
		}
	}
}

func TestTwoHandlersOfOneEventAreRefusedAtStart(t *testing.T) {
	_, err := Webhook{Secrets: []string{secret}, Handlers: []githubapp.EventHandler{ignored{}, ignored{}}}.Handler()
	if err == nil {
		t.Error("accepted")
	}
}

func TestInvariant1NotKeptMeansNot2xx(t *testing.T) {
	f := newFixture(t)
	_ = f.store.Close()
	if got := f.deliver("g", "issue_comment", comment(t, "/plan")); got < 500 {
		t.Errorf("status %d for a delivery that could not be kept", got)
	}
}
