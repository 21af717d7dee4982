package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestWhatACommentLeadsTo(t *testing.T) {
	in := func(key string, v any) func(m) { return func(e m) { e["comment"].(m)[key] = v } }
	tests := []struct {
		name string
		body []byte
		runs int
		said string // beginning of each notice, joined by " | "
	}{
		{"a plan", comment(t, "/plan"), 1, "reaction eyes"},
		{"a plan of named projects", comment(t, "/plan net-* -- -refresh=false"), 1, "reaction eyes"},
		{"a question for help", comment(t, "/help"), 0, "reaction eyes | reply "},
		{"a question for the status", comment(t, "/status"), 0, "reaction eyes | reply 0 runs"},
		{"cancelling by a writer", comment(t, "/cancel"), 0, "reaction +1"},
		{"cancelling by a stranger", comment(t, "/cancel", in("user", user("sam")), func(e m) { e["sender"] = user("sam") }), 0, "reaction confused | reply @sam Only people with write access"},
		{"a mistake", comment(t, "/plan key=value"), 0, "reaction confused | reply "},
		{"an apply", comment(t, "/apply"), 1, "reaction eyes"},
		{"a question for the reasons", comment(t, "/why net"), 0, "reaction eyes | reply why 3 rui [net]"},
		{"a command that does not exist yet", comment(t, "/destroy"), 0, "reaction confused | reply "},
		{"prose", comment(t, "looks good"), 0, ""},
		{"another bot's command", comment(t, "/retest"), 0, ""},
		{"T14 an edited comment", comment(t, "/plan", func(e m) { e["action"] = "edited" }), 0, ""},
		{"T14 a deleted comment", comment(t, "/plan", func(e m) { e["action"] = "deleted" }), 0, ""},
		{"T15 a bot's comment", comment(t, "/plan", in("user", m{"login": "x[bot]", "type": "Bot"}), func(e m) { e["sender"] = m{"login": "x[bot]", "type": "Bot"} }), 0, ""},
		{"T15 a comment that a person made through an App", comment(t, "/plan", in("performed_via_github_app", m{"id": 1})), 0, ""},
		{"a comment that somebody else sends", comment(t, "/plan", func(e m) { e["sender"] = user("sam") }), 0, ""},
		{"a comment on an issue", comment(t, "/plan", func(e m) { delete(e["issue"].(m), "pull_request") }), 0, ""},
		{"a repository that is not allowed", comment(t, "/plan", func(e m) {
			e["repository"] = m{"id": 8, "name": "x", "owner": m{"login": "evil"}}
		}), 0, ""},
		{"no installation", comment(t, "/plan", func(e m) { e["installation"] = nil }), 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, func(b *Base) { b.Repositories = []string{"Acme/*"} })
			if got := f.deliver("g", "issue_comment", tt.body); got != 200 {
				t.Errorf("status %d", got)
			}
			f.settle()
			if got := len(f.pullRuns()); got != tt.runs {
				t.Errorf("%d runs, want %d", got, tt.runs)
			}
			var want []string
			if tt.said != "" {
				want = strings.Split(tt.said, " | ")
			}
			said := f.said()
			if len(said) != len(want) {
				t.Fatalf("said %q, want %q", said, want)
			}
			for i := range want {
				if !strings.HasPrefix(said[i], strings.TrimSpace(want[i])) {
					t.Errorf("said %q, want %q", said[i], want[i])
				}
			}
		})
	}
}

func TestAPlanKeepsWhatWasTyped(t *testing.T) {
	f := newFixture(t)
	f.deliver("g", "issue_comment", comment(t, "/plan net-* -- -refresh=false\r\nthanks"))
	f.settle()
	r := f.pullRuns()[0]
	want := run.Run{
		ID: r.ID, Key: "comment/7/99", Kind: run.KindPlan, Trigger: run.TriggerComment, Actor: "rui", CommentID: 99, Comment: digest("/plan net-* -- -refresh=false\r\nthanks"),
		Subject:   run.Subject{Repository: run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 5}, PullRequest: 3},
		Selectors: []string{"net-*"}, Flags: []string{"-refresh=false"}, Line: "/plan net-* -- -refresh=false",
		State: run.StateAccepted, CreatedAt: noon,
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestWhatAPullRequestEventLeadsTo(t *testing.T) {
	pr := func(change func(m)) func(m) { return func(e m) { change(e["pull_request"].(m)) } }
	edited := func(what string) []byte {
		return pullEvent(t, "edited", func(e m) { e["changes"] = m{what: m{"ref": m{"from": "dev"}}} })
	}
	open := PullNow{HeadSHA: "aaa", BaseRef: "main"}
	closed, merged := PullNow{Closed: true, HeadSHA: "aaa", BaseRef: "main"}, PullNow{Closed: true, Merged: true, HeadSHA: "aaa", BaseRef: "main"}
	older := run.Run{Kind: run.KindPlan, HeadSHA: "old", BaseRef: "main"}
	apply := func(base string) run.Run { return run.Run{Kind: run.KindApply, HeadSHA: "aaa", BaseRef: base} }
	tests := []struct {
		name  string
		body  []byte
		now   PullNow // as GitHub has it
		there run.Run // that is active; none without a kind
		runs  int     // new ones
		asked string
	}{
		{"opened", pullEvent(t, "opened"), open, run.Run{}, 1, ""},
		{"pushed to", pullEvent(t, "synchronize"), open, older, 1, "supersede 7/3 aaa"},
		{"pushed to, and nothing is of an older commit", pullEvent(t, "synchronize"), open, apply("main"), 1, ""},
		{"pushed to again since", pullEvent(t, "synchronize"), PullNow{HeadSHA: "newer"}, older, 1, "supersede 7/3 newer"},
		{"ready for review", pullEvent(t, "ready_for_review"), open, run.Run{}, 1, ""},
		{"reopened", pullEvent(t, "reopened"), open, run.Run{}, 1, ""},
		{"another base", edited("base"), open, apply("dev"), 1, `object 7/3 base_changed of "main"`},
		{"another base, and an apply is being judged", edited("base"), open, apply(""), 1, `object 7/3 base_changed of "main"`},
		{"another base, and nothing is applied", edited("base"), open, older, 1, ""},
		{"another title", edited("title"), open, apply("dev"), 0, ""},
		{"a draft", pullEvent(t, "opened", pr(func(p m) { p["draft"] = true })), open, run.Run{}, 0, ""},
		{"T07 a fork", pullEvent(t, "opened", pr(func(p m) { p["head"].(m)["repo"] = m{"id": 8, "name": "infra"} })), open, run.Run{}, 0, ""},
		{"T07 a fork that is gone", pullEvent(t, "opened", pr(func(p m) { p["head"].(m)["repo"] = nil })), open, run.Run{}, 0, ""},
		{"closed", pullEvent(t, "closed"), closed, run.Run{}, 0, `close 7/3 merged false at "aaa" into "main"`},
		{"merged", pullEvent(t, "closed", pr(func(p m) { p["merged"] = true })), merged, run.Run{}, 0, `close 7/3 merged true at "aaa" into "main",unplanned 7/3 at "aaa" into "main"`},
		{"a fork that is closed", pullEvent(t, "closed", pr(func(p m) { p["head"].(m)["repo"] = nil })), closed, run.Run{}, 0, `close 7/3 merged false at "aaa" into "main"`},
		{"t_forge: closed, and it is open", pullEvent(t, "closed"), open, older, 0, ""},
		{"t_forge: merged, and it was closed without", pullEvent(t, "closed", pr(func(p m) { p["merged"] = true })), closed, run.Run{}, 0, `close 7/3 merged false at "aaa" into "main"`},
		{"t_forge: another base, and it is the old one", edited("base"), open, apply("main"), 1, ""},
		{"labelled", pullEvent(t, "labeled"), open, older, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			*f.now = tt.now
			before := 0
			if tt.there.Kind != "" {
				tt.there.ID, tt.there.Key, tt.there.Repository, tt.there.PullRequest, tt.there.State = "there", "there", run.Repository{ID: 7}, 3, run.StateRunning
				if _, err := f.store.CreateRun(t.Context(), tt.there, nil); err != nil {
					t.Fatal(err)
				}
				before = 1
			}
			f.deliver("g", "pull_request", tt.body)
			f.settle()
			if got := len(f.pullRuns()) - before; got != tt.runs {
				t.Errorf("%d runs, want %d", got, tt.runs)
			}
			if got := strings.Join(f.runs.asked, ","); got != tt.asked {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
			if said := f.said(); len(said) > 0 {
				t.Errorf("said %q, but nobody asked", said)
			}
		})
	}
}

func TestDraftsArePlannedWhenTheServerWantsIt(t *testing.T) {
	f := newFixture(t, func(b *Base) { b.Drafts = true })
	f.deliver("g", "pull_request", pullEvent(t, "opened", func(e m) { e["pull_request"].(m)["draft"] = true }))
	f.settle()
	if len(f.pullRuns()) != 1 {
		t.Error("not planned")
	}
}

func TestT26EveryDeliveryActsOnce(t *testing.T) {
	events := map[string]struct {
		event string
		body  []byte
	}{
		"comment": {"issue_comment", comment(t, "/plan")},
		"apply":   {"issue_comment", comment(t, "/apply")},
		"group":   {"merge_group", groupEvent(t, "checks_requested")},
		"pull":    {"pull_request", pullEvent(t, "opened")},
	}
	for name, e := range events {
		t.Run(name+" twice with one GUID", func(t *testing.T) {
			f := newFixture(t)
			for range 2 {
				f.deliver("g", e.event, e.body)
				f.settle()
			}
			if got := len(f.pullRuns()); got != 1 {
				t.Errorf("%d runs", got)
			}
		})
		t.Run(name+" twice with two GUIDs", func(t *testing.T) {
			f := newFixture(t)
			for i := range 2 {
				f.deliver(fmt.Sprint(i), e.event, e.body)
				f.settle()
			}
			if got := len(f.pullRuns()); got != 1 {
				t.Errorf("%d runs", got)
			}
		})
		t.Run(name+" ten times at once", func(t *testing.T) {
			f := newFixture(t)
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() { f.deliver(fmt.Sprint(i%2), e.event, e.body) })
			}
			wg.Wait()
			f.settle()
			if got := len(f.pullRuns()); got != 1 {
				t.Errorf("%d runs", got)
			}
		})
	}
}

// failing is a handler that fails or panics a number of times.
type failing struct {
	times int
	panic bool
	calls int
}

func (*failing) Handles() []string { return []string{"ping"} }

func (h *failing) Handle(context.Context, string, string, []byte) error {
	h.calls++
	if h.calls > h.times {
		return nil
	}
	if h.panic {
		panic("boom")
	}
	return errors.New("boom")
}

func TestADeliveryIsTriedAgainUntilItsHandlerIsDone(t *testing.T) {
	for _, panics := range []bool{false, true} {
		f := newFixture(t)
		h := &failing{times: 2, panic: panics}
		now := noon
		in := NewInbox(f.store, []githubapp.EventHandler{h}, func() time.Time { return now }, nil)
		if err := in.Schedule(t.Context(), githubapp.Dispatch{EventType: "ping", DeliveryID: "g", Payload: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			var wg sync.WaitGroup
			if err := in.round(t.Context(), &wg); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			now = now.Add(time.Hour)
		}
		if h.calls != 3 {
			t.Errorf("panics %v: %d calls, want 3", panics, h.calls)
		}
	}
}

func TestADeliveryThatNeverWorksIsGivenUp(t *testing.T) {
	f := newFixture(t)
	h := &failing{times: 1000}
	now := noon
	in := NewInbox(f.store, []githubapp.EventHandler{h}, func() time.Time { return now }, nil)
	if err := in.Schedule(t.Context(), githubapp.Dispatch{EventType: "ping", DeliveryID: "g"}); err != nil {
		t.Fatal(err)
	}
	for range 2 * maxAttempts {
		var wg sync.WaitGroup
		if err := in.round(t.Context(), &wg); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		now = now.Add(time.Hour)
	}
	if h.calls != maxAttempts {
		t.Errorf("%d calls, want %d", h.calls, maxAttempts)
	}
}

func TestT28OnlyWhatNeverArrivedIsAskedForAgain(t *testing.T) {
	at := func(ago time.Duration) *github.Timestamp { return &github.Timestamp{Time: noon.Add(-ago)} }
	d := func(id int64, guid string, code int, ago time.Duration) *github.HookDelivery {
		return &github.HookDelivery{ID: &id, GUID: &guid, StatusCode: &code, DeliveredAt: at(ago)}
	}
	list := []*github.HookDelivery{ // newest first
		d(9, "fresh", 500, 10*time.Second),
		d(8, "mended", 200, 2*time.Minute),
		d(7, "again", 502, 3*time.Minute),
		d(6, "timeout", 0, 4*time.Minute),
		d(5, "mended", 500, 5*time.Minute),
		d(4, "again", 500, 6*time.Minute),
		d(3, "fine", 202, 7*time.Minute),
	}
	for range lostAttempts + 1 {
		list = append(list, d(2, "hopeless", 500, 8*time.Minute))
	}
	if diff := cmp.Diff([]int64{6, 7}, lost(list, noon, time.Minute)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestT29AButtonThatWasPressedLongAgoIsNotAskedForAgain(t *testing.T) {
	press := func(id int64, ago time.Duration) *github.HookDelivery {
		return &github.HookDelivery{ID: &id, GUID: github.String(fmt.Sprint(id)), StatusCode: github.Int(502), Event: github.String("check_run"),
			Action: github.String("requested_action"), DeliveredAt: &github.Timestamp{Time: noon.Add(-ago)}}
	}
	again := press(2, 5*time.Minute) // asked for again since, and pressed before
	list := []*github.HookDelivery{again, press(1, 14*time.Minute+59*time.Second), press(2, 16*time.Minute), press(3, 15*time.Minute+time.Second)}
	if diff := cmp.Diff([]int64{1}, lost(list, noon, time.Minute)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHealthPages(t *testing.T) {
	var down error
	s := &Server{Webhook: http.NotFoundHandler(), Metrics: NewMetrics(), Ready: func(context.Context) error { return down }}
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Errorf("/healthz: %d", code)
	}
	if code, _ := get("/readyz"); code != 200 {
		t.Errorf("/readyz: %d", code)
	}
	down = errors.New("secret detail")
	if code, body := get("/readyz"); code != 503 || strings.Contains(body, "secret") {
		t.Errorf("/readyz when down: %d %q", code, body)
	}
	s.Metrics.delivery("stored")
	s.Metrics.WatchBacklog(func() (Backlog, error) { return Backlog{Runs: 7}, nil })
	if code, body := get("/metrics"); code != 200 || !strings.Contains(body, `lockkeeper_deliveries_total{outcome="stored"} 1`) || !strings.Contains(body, "lockkeeper_runs_active 7") {
		t.Errorf("/metrics: %d", code)
	}
}

// A storm of probes must not fill a log that lies on the disk that is full.
func TestReadinessIsLoggedWhenItChanges(t *testing.T) {
	var log bytes.Buffer
	var down error
	s := &Server{Webhook: http.NotFoundHandler(), Metrics: NewMetrics(), Ready: func(context.Context) error { return down }, Log: zerolog.New(&log)}
	for _, down = range []error{nil, errors.New("the disk is full"), errors.New("the disk is full"), nil, nil} {
		s.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/readyz", nil))
	}
	const want = `{"level":"error","error":"the disk is full","message":"not ready"}` + "\n" + `{"level":"info","message":"ready again"}` + "\n"
	if log.String() != want {
		t.Errorf("got %s, want %s", log.String(), want)
	}
}

// GitHub's clock has seconds. A base that is changed and changed back within one
// is planned for what it is at the end.
func TestABaseThatIsChangedTwiceInASecondIsPlannedTwice(t *testing.T) {
	f := newFixture(t)
	for i, from := range []string{"main", "dev", "main"} {
		body := pullEvent(t, "edited", func(e m) { e["changes"] = m{"base": m{"ref": m{"from": from}}} })
		f.deliver(fmt.Sprint("edit", i), "pull_request", body)
		f.deliver(fmt.Sprint("edit", i), "pull_request", body) // GitHub sends it again
	}
	f.settle()
	if got := len(f.pullRuns()); got != 3 {
		t.Errorf("%d runs, want one for each change", got)
	}
}

// A check that is green for another base is not true any more, so what someone had
// planned is planned for the new one also where nothing is planned by itself.
func TestWhatWasPlannedIsPlannedForAnotherBaseAlsoWithoutAutoplan(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*Base)
		planned bool
		want    int
		draft   bool
	}{
		"a draft that was planned": {func(*Base) {}, true, 2, true},
		"a draft that was not":     {func(*Base) {}, false, 0, true},
		"nothing was planned":      {func(b *Base) { b.Autoplan = false }, false, 0, false},
		"it was planned":           {func(b *Base) { b.Autoplan = false }, true, 2, false},
		"GitHub did not send the event": {func(b *Base) {
			b.Autoplan = false
			b.Sent = func(context.Context, string, string, []byte, time.Time) error {
				return &NotPressed{Err: errors.New("unknown"), Forged: true}
			}
		}, true, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, tt.change)
			if tt.planned {
				f.deliver("c", "issue_comment", comment(t, "/plan"))
				f.settle()
			}
			f.deliver("e", "pull_request", pullEvent(t, "edited", func(e m) {
				e["changes"] = m{"base": m{"ref": m{"from": "dev"}}}
				e["pull_request"].(m)["draft"] = tt.draft
			}))
			f.settle()
			if got := len(f.pullRuns()); got != tt.want {
				t.Errorf("%d runs, want %d", got, tt.want)
			}
		})
	}
}
