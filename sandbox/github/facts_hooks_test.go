package github

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"
)

func (w *world) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(w.key)}))
}

// arrived gives what the receiver got since the last call.
func (w *world) arrived() []received {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.received
	w.received = nil
	return got
}

// comments posts n comments and gives the bodies in the order of arrival.
func (w *world) comments(n int, bodies ...string) (arrived []string) {
	w.t.Helper()
	w.arrived()
	for _, body := range bodies {
		_, err := w.As("bob").Comment(testRepo, n, body)
		must(w.t, err)
	}
	for _, x := range w.arrived() {
		var e gh.IssueCommentEvent
		must(w.t, json.Unmarshal(x.body, &e))
		arrived = append(arrived, e.Comment.GetBody())
	}
	return arrived
}

func TestWebhooksAreSignedAndNamed(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	w.comments(n, "x")
	w.As("bob").Comment(testRepo, n, "y")
	w.Ping()
	for _, x := range w.arrived() {
		req, err := http.NewRequest("POST", "/", bytes.NewReader(x.body))
		must(t, err)
		req.Header = x.header
		payload, err := gh.ValidatePayload(req, []byte(testSecret))
		must(t, err)
		event, err := gh.ParseWebHook(gh.WebHookType(req), payload)
		must(t, err)
		if e, isComment := event.(*gh.IssueCommentEvent); isComment && e.Comment.GetBody() != "y" {
			t.Errorf("comment %q", e.Comment.GetBody())
		}
		for name, want := range map[string]string{
			"X-GitHub-Hook-Installation-Target-Type": "integration", "X-GitHub-Hook-Installation-Target-ID": "77", "X-GitHub-Hook-ID": "77",
			"Content-Type": "application/json",
		} {
			if got := x.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}

func TestFailedDeliveriesWaitForRedelivery(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	w.settle()
	w.mu.Lock()
	w.status = 500
	w.mu.Unlock()
	w.comments(n, "x")
	app := w.asApp()
	list, _, err := app.Apps.ListHookDeliveries(ctx, &gh.ListCursorOptions{PerPage: 1})
	must(t, err)
	failed := list[0]
	if failed.GetStatusCode() != 500 || failed.GetEvent() != "issue_comment" || failed.GetRedelivery() {
		t.Errorf("delivery %v", failed)
	}
	w.mu.Lock()
	w.status = 200
	w.mu.Unlock()
	_, _, err = app.Apps.RedeliverHookDelivery(ctx, failed.GetID())
	if accepted := (*gh.AcceptedError)(nil); !errors.As(err, &accepted) {
		t.Fatalf("redelivering: %v", err)
	}
	if got := w.arrived(); len(got) != 1 || got[0].header.Get("X-GitHub-Delivery") != failed.GetGUID() {
		t.Errorf("%d deliveries arrived", len(got))
	}
	list, resp, err := app.Apps.ListHookDeliveries(ctx, &gh.ListCursorOptions{PerPage: 2})
	must(t, err)
	again := list[0]
	if again.GetGUID() != failed.GetGUID() || again.GetID() == failed.GetID() || !again.GetRedelivery() || again.GetStatus() != "OK" {
		t.Errorf("redelivery %v", again)
	}
	next, _, err := app.Apps.ListHookDeliveries(ctx, &gh.ListCursorOptions{PerPage: 2, Cursor: resp.Cursor})
	must(t, err)
	if len(next) != 2 || next[0].GetID() >= list[1].GetID() {
		t.Errorf("the next page begins with %d after %d", next[0].GetID(), list[1].GetID())
	}
	one, _, err := app.Apps.GetHookDelivery(ctx, again.GetID())
	must(t, err)
	if one.Request.Headers["X-Github-Delivery"] != failed.GetGUID() || len(one.Request.GetRawPayload()) == 0 {
		t.Errorf("stored request %v", one.Request.Headers)
	}
}

func TestWebhookDisorder(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	f := w.Faults()
	t.Run("dropped", func(t *testing.T) {
		w.settle()
		f.DropWebhooks(1)
		if got := w.comments(n, "a", "b"); !cmp.Equal(got, []string{"b"}) {
			t.Errorf("arrived %v", got)
		}
		if all := w.Deliveries(); all[len(all)-2].Status != "timed out" {
			t.Errorf("status of the lost one %q", all[len(all)-2].Status)
		}
	})
	t.Run("forgotten", func(t *testing.T) {
		f.ForgetWebhooks(1)
		before := len(w.Deliveries())
		if got := w.comments(n, "a", "b"); !cmp.Equal(got, []string{"b"}) {
			t.Errorf("arrived %v", got)
		}
		if got := len(w.Deliveries()) - before; got != 1 {
			t.Errorf("%d deliveries recorded, want only the one that was sent", got)
		}
	})
	t.Run("duplicated", func(t *testing.T) {
		f.DuplicateWebhooks(1)
		if got := w.comments(n, "a", "b"); !cmp.Equal(got, []string{"a", "a", "b"}) {
			t.Errorf("arrived %v", got)
		}
	})
	t.Run("reordered", func(t *testing.T) {
		f.ReorderWebhooks(3)
		if got := w.comments(n, "a", "b", "c"); !cmp.Equal(got, []string{"c", "b", "a"}) {
			t.Errorf("arrived %v", got)
		}
	})
	t.Run("delayed", func(t *testing.T) {
		f.DelayWebhooks(time.Hour)
		_, err := w.As("bob").Comment(testRepo, n, "late")
		must(t, err)
		if all := w.Deliveries(); all[len(all)-1].Done {
			t.Error("sent at once")
		}
		f.Advance(time.Hour)
		if got := w.arrived(); len(got) != 1 {
			t.Errorf("%d arrived", len(got))
		}
		f.DelayWebhooks(0)
	})
}

func TestWebhooksAreSentAtOnceWhenAskedFor(t *testing.T) {
	w := newWorld(t)
	together := make(chan struct{})
	var mu sync.Mutex
	inside := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		if inside++; inside == 3 {
			close(together)
		}
		mu.Unlock()
		<-together // answered when three are here
	}))
	t.Cleanup(srv.Close)
	n := w.open()
	w.settle()
	w.SetWebhook(srv.URL, testSecret)
	w.Faults().SendAtOnce(true)
	for _, body := range []string{"a", "b", "c"} {
		_, err := w.As("bob").Comment(testRepo, n, body)
		must(t, err)
	}
	w.settle()
	if last := w.Deliveries(); last[len(last)-1].StatusCode != http.StatusOK {
		t.Errorf("answered %d", last[len(last)-1].StatusCode)
	}
}

func TestOnlySubscribedEventsOfInstalledRepositoriesAreSent(t *testing.T) {
	w := newWorld(t)
	must(t, w.AddRepository("acme", "other", "main"))
	_, err := w.Commit("acme/other", "main", "alice", "m", Files{"x": "y"})
	must(t, err)
	if got := names(w.settle()); !cmp.Equal(got, []string{"installation.created"}) {
		t.Errorf("deliveries %v", got)
	}
	_, err = w.Install("acme/other")
	must(t, err)
	must(t, w.Grant(testRepo, map[string]string{"contents": "read"}))
	must(t, w.Suspend(testRepo))
	_, err = w.Commit("acme/other", "main", "alice", "m", Files{"x": "z"})
	must(t, err)
	must(t, w.Unsuspend(testRepo))
	must(t, w.Uninstall(testRepo))
	want := []string{
		"installation.created", "installation_repositories.added", "installation.new_permissions_accepted", "installation.suspend",
		"installation.unsuspend", "installation.deleted",
	}
	if diff := cmp.Diff(want, names(w.settle())); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

func TestManifestBecomesTheApp(t *testing.T) {
	w := newWorld(t)
	code, err := w.SubmitManifest([]byte(`{"name": "My Keeper", "url": "https://example.com", "hook_attributes": {"url": "https://example.com/hook"},
		"default_events": ["push"], "default_permissions": {"checks": "write"}}`))
	must(t, err)
	anonymous := w.client(http.DefaultTransport)
	app, _, err := anonymous.Apps.CompleteAppManifest(ctx, code)
	must(t, err)
	if app.GetSlug() != "my-keeper" || app.GetPEM() == "" || app.GetWebhookSecret() == "" {
		t.Errorf("app %s", app.GetSlug())
	}
	_, _, err = anonymous.Apps.CompleteAppManifest(ctx, code)
	wantStatus(t, err, 404)
	_, _, err = w.asApp().Apps.Get(ctx, "")
	wantStatus(t, err, 401)
	if _, err := w.SubmitManifest([]byte(`{"name": "x", "url": "y", "default_events": ["installation"]}`)); err == nil {
		t.Error("a manifest with installation events was taken")
	}
}

func TestChangesAndWaitWakeUp(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	changes, cancel := w.Changes()
	defer cancel()
	go func() { _, _ = w.As("bob").Comment(testRepo, n, "x") }()
	<-changes
	w.wait(func() bool { return len(w.view(n).Timeline) == 2 })
}

func TestSlowReceiversTimeOut(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	w.settle()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
		<-r.Context().Done()
	}))
	defer slow.Close()
	w.SetWebhook(slow.URL, testSecret)
	w.hooks.mu.Lock()
	w.hooks.timeout = time.Millisecond
	w.hooks.mu.Unlock()
	_, err := w.As("bob").Comment(testRepo, n, "x")
	must(t, err)
	all := w.settle()
	if last := all[len(all)-1]; last.Status != "timed out" || last.StatusCode != 0 {
		t.Errorf("status %q %d", last.Status, last.StatusCode)
	}
}
