package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// sent is a delivery as GitHub lists it.
type sent struct {
	guid    string
	at      time.Time
	again   bool
	payload []byte
	event   string // check_run when it is empty
}

// deliveriesAPI answers the two calls about deliveries, newest first, in pages
// of two.
type deliveriesAPI struct {
	list   []sent
	status int // of every answer, when it is not 0
	header map[string]string
	calls  int
}

func (a *deliveriesAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.calls++
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.status != 0 {
		http.Error(w, `{"message":"no"}`, a.status)
		return
	}
	item := func(i int) m {
		d := a.list[i]
		return m{"id": i + 1, "guid": d.guid, "delivered_at": d.at.Format(time.RFC3339), "redelivery": d.again, "event": cmp.Or(d.event, "check_run"), "status_code": 200}
	}
	var i int
	if _, err := fmt.Sscanf(r.URL.Path, "/api/v3/app/hook/deliveries/%d", &i); err == nil {
		full := item(i - 1)
		var reordered any // GitHub's JSON is of its own making
		_ = json.Unmarshal(a.list[i-1].payload, &reordered)
		full["request"] = m{"headers": m{}, "payload": reordered}
		_ = json.NewEncoder(w).Encode(full)
		return
	}
	_, _ = fmt.Sscan(r.URL.Query().Get("cursor"), &i)
	page := []m{}
	for ; i < len(a.list) && len(page) < 2; i++ {
		page = append(page, item(i))
	}
	if i < len(a.list) {
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?cursor=%d>; rel="next"`, r.Host, r.URL.Path, i))
	}
	_ = json.NewEncoder(w).Encode(page)
}

// presses asks this API, at the address that a GitHub Enterprise Server has.
func (a *deliveriesAPI) presses(t *testing.T, now func() time.Time) *Presses {
	t.Helper()
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	return &Presses{
		App: func() (*github.Client, error) {
			c := github.NewClient(srv.Client())
			c.BaseURL, _ = url.Parse(srv.URL + "/api/v3/")
			return c, nil
		},
		RetryAfter: func(err error, _ time.Time) (time.Duration, bool) {
			var limited *github.RateLimitError
			var answer *github.ErrorResponse
			if errors.As(err, &limited) {
				return limited.Rate.Reset.Sub(now()), true
			}
			return time.Second, errors.As(err, &answer) && answer.Response.StatusCode >= 500
		},
		Now: now,
	}
}

func TestWhatGitHubSaysOfAPress(t *testing.T) {
	body := checkEvent(t, "requested_action", "run", appID, "apply")
	other := func(change func(m)) []byte { return checkEvent(t, "requested_action", "run", appID, "apply", change) }
	filler := func(n int) (out []sent) {
		for i := range n {
			out = append(out, sent{guid: fmt.Sprint("x", i), at: noon, payload: body})
		}
		return out
	}
	pressedAt := func(ago time.Duration) []sent { return []sent{{guid: "g", at: noon.Add(-ago), payload: body}} }
	for _, tt := range []struct {
		name   string
		api    deliveriesAPI
		waited time.Duration
		want   string // in the refusal, "later", or empty: it counts
		forged bool
	}{
		{name: "sent just now", api: deliveriesAPI{list: pressedAt(0)}},
		{name: "behind others, in a later page", api: deliveriesAPI{list: append(filler(7), pressedAt(0)...)}},
		{name: "T29 14:59 ago", api: deliveriesAPI{list: pressedAt(15*time.Minute - time.Second)}},
		{name: "T29 15:01 ago", api: deliveriesAPI{list: pressedAt(15*time.Minute + time.Second)}, want: "more than 15 minutes"},
		{name: "not listed yet", api: deliveriesAPI{list: filler(1)}, want: "later"},
		{name: "t_forge: never sent", api: deliveriesAPI{list: filler(3)}, waited: pressPatience, want: "does not list this press", forged: true},
		{name: "another presser", api: deliveriesAPI{list: []sent{{guid: "g", at: noon, payload: other(func(e m) { e["sender"] = user("rui") })}}}, want: "not what GitHub sent", forged: true},
		{name: "another button", api: deliveriesAPI{list: []sent{{guid: "g", at: noon, payload: other(func(e m) { e["requested_action"] = m{"identifier": "plan"} })}}}, want: "not what GitHub sent", forged: true},
		{name: "another check run", api: deliveriesAPI{list: []sent{{guid: "g", at: noon, payload: other(func(e m) { e["check_run"].(m)["id"] = 2 })}}}, want: "not what GitHub sent", forged: true},
		{name: "another commit", api: deliveriesAPI{list: []sent{{guid: "g", at: noon, payload: other(func(e m) { e["check_run"].(m)["head_sha"] = "bbb" })}}}, want: "not what GitHub sent", forged: true},
		{name: "another repository", api: deliveriesAPI{list: []sent{{guid: "g", at: noon, payload: other(func(e m) { e["repository"] = m{"id": 8} })}}}, want: "not what GitHub sent", forged: true},
		{name: "what does not matter differs", api: deliveriesAPI{list: []sent{{guid: "g", at: noon, payload: other(func(e m) { e["more"] = m{"x": 1} })}}}},
		{name: "an old press sent again", api: deliveriesAPI{list: []sent{{guid: "g", at: noon, again: true, payload: body}, {guid: "g", at: noon.Add(-20 * time.Minute), payload: body}}}, want: "more than 15 minutes"},
		{name: "a press sent again soon", api: deliveriesAPI{list: []sent{{guid: "g", at: noon, again: true, payload: body}, {guid: "g", at: noon.Add(-2 * time.Minute), payload: body}}}},
		{name: "sent again, and its beginning is not listed", api: deliveriesAPI{list: []sent{{guid: "g", at: noon, again: true, payload: body}}}, want: "more than 15 minutes"},
		{name: "the API is not there", api: deliveriesAPI{status: 404}, want: "does not tell its Apps"},
		{name: "401", api: deliveriesAPI{status: 401}, want: "it answered 401"},
		{name: "403", api: deliveriesAPI{status: 403}, want: "it answered 403"},
		{name: "502", api: deliveriesAPI{status: 502}, want: "later"},
		{name: "502 for long", api: deliveriesAPI{status: 502}, waited: pressPatience, want: "did not answer"},
		{name: "a rate limit of 40 minutes", want: "did not answer", api: deliveriesAPI{status: 403, header: map[string]string{
			"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(noon.Add(40 * time.Minute).Unix())}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.api.presses(t, func() time.Time { return noon })
			at, err := p.Confirm(t.Context(), "check_run", "g", body, noon.Add(-tt.waited))
			var later *Later
			var not *NotPressed
			switch {
			case tt.want == "":
				if err != nil || at.After(noon) {
					t.Errorf("%v, %v", at, err)
				}
			case tt.want == "later":
				if !errors.As(err, &later) || later.After <= 0 {
					t.Errorf("%v, want that it is asked for later", err)
				}
			case !errors.As(err, &not) || !strings.Contains(not.Text, tt.want) || not.Forged != tt.forged:
				t.Errorf("%v, want %q, forged %v", err, tt.want, tt.forged)
			}
		})
	}
}

// A press costs two calls however many deliveries there are, if it is new.
func TestAPressCostsTwoCalls(t *testing.T) {
	body := checkEvent(t, "requested_action", "run", appID, "apply")
	api := &deliveriesAPI{list: []sent{{guid: "g", at: noon, payload: body}, {guid: "x", at: noon, payload: body}, {guid: "y", at: noon, payload: body}}}
	if _, err := api.presses(t, func() time.Time { return noon }).Confirm(t.Context(), "check_run", "g", body, noon); err != nil || api.calls != 2 {
		t.Errorf("%d calls, %v", api.calls, err)
	}
}

// pressing is a fixture that asks a GitHub about presses, with a clock.
func pressing(t *testing.T, api *deliveriesAPI) (f *fixture, now *time.Time) {
	t.Helper()
	now = new(noon)
	clock := func() time.Time { return *now }
	f = newFixture(t, func(b *Base) {
		p := api.presses(t, clock)
		b.Now, b.Pressed, b.Sent = clock, p.Confirm, p.Sent
	})
	return f, now
}

func (f *fixture) applies() (n int) {
	f.Helper()
	for _, r := range f.pullRuns() {
		if r.Kind == run.KindApply {
			n++
		}
	}
	return n
}

// act acts on what is due by the handlers' clock.
func (f *fixture) act(now time.Time) {
	f.Helper()
	due, err := f.store.PendingDeliveries(f.Context(), now, 100)
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range due {
		f.inbox.act(f.Context(), d)
	}
}

func TestADeliveryThatIsListedLateStillCounts(t *testing.T) {
	api := &deliveriesAPI{}
	f, now := pressing(t, api)
	body := checkEvent(t, "requested_action", f.planned(), appID, "apply")
	f.deliver("g", "check_run", body)
	f.act(*now)
	if f.applies() != 0 {
		t.Fatal("applied before GitHub confirmed it")
	}
	*now = now.Add(40 * time.Second)
	api.list = []sent{{guid: "g", at: noon, payload: body}}
	f.act(*now)
	f.act(*now)
	if f.applies() != 1 || len(f.said()) != 1 { // the reaction to the plan
		t.Errorf("%d applies, said %q", f.applies(), f.said())
	}
}

func TestAPressThatIsNeverListedEndsInASentence(t *testing.T) {
	f, now := pressing(t, &deliveriesAPI{})
	f.deliver("g", "check_run", checkEvent(t, "requested_action", f.planned(), appID, "apply"))
	for range 100 { // longer than the inbox tries what goes wrong
		f.act(*now)
		*now = now.Add(5 * time.Second)
	}
	said := f.said()
	if f.applies() != 0 || len(said) != 2 || !strings.Contains(said[1], "GitHub does not list this press") {
		t.Errorf("%d applies, said %q", f.applies(), said)
	}
	if due, err := f.store.PendingDeliveries(f.Context(), now.Add(time.Hour), 10); err != nil || len(due) != 0 {
		t.Errorf("%v is still waiting, %v", due, err)
	}
}

// A GUID that was seen does nothing again, whatever comes with it.
func TestAnOldGUIDWithAnotherPayloadDoesNothing(t *testing.T) {
	api := &deliveriesAPI{}
	f, now := pressing(t, api)
	before := f.planned()
	apply := checkEvent(t, "requested_action", before, appID, "apply")
	api.list = []sent{{guid: "g", at: noon, payload: apply}}
	for _, body := range [][]byte{apply, checkEvent(t, "requested_action", before, appID, "apply", func(e m) { e["sender"] = user("root") })} {
		f.deliver("g", "check_run", body)
		f.act(*now)
	}
	if f.applies() != 1 {
		t.Errorf("%d applies", f.applies())
	}
}

func TestOnlyAButtonThatWasPostedCounts(t *testing.T) {
	for name, tt := range map[string]struct {
		buttons string
		change  func(m)
	}{
		"not offered":          {"plan unlock", func(m) {}},
		"none offered":         {"", func(m) {}},
		"another check run":    {"plan apply", func(e m) { e["check_run"].(m)["id"] = 2 }},
		"another commit":       {"plan apply", func(e m) { e["check_run"].(m)["head_sha"] = "bbb" }},
		"another check's name": {"plan apply", func(e m) { e["check_run"].(m)["name"] = "lockkeeper/apply" }},
	} {
		t.Run(name, func(t *testing.T) {
			now := noon
			asked := 0
			f := newFixture(t, func(b *Base) {
				b.Now = func() time.Time { return now }
				b.Pressed = func(context.Context, string, string, []byte, time.Time) (time.Time, error) { asked++; return now, nil }
			})
			body := checkEvent(t, "requested_action", f.planned(), appID, "apply", tt.change)
			f.posted(tt.buttons)
			f.deliver("g", "check_run", body)
			f.act(now) // the row may be behind what GitHub shows
			now = now.Add(2 * offerSettles)
			f.act(now)
			if said := f.said(); f.applies() != 0 || asked != 0 || len(said) != 2 || !strings.Contains(said[1], "does not offer that button") {
				t.Errorf("%d applies, GitHub asked %d times, said %q", f.applies(), asked, said)
			}
		})
	}
}

// B2: a hundred presses of "Plan again" pushed older runs out of sight.
func TestB2PressesOfButtonsAreCounted(t *testing.T) {
	f := newFixture(t)
	before := f.planned()
	for i := range mostCommands + 20 {
		f.deliver(fmt.Sprint("press", i), "check_run", checkEvent(t, "requested_action", before, appID, "plan"))
	}
	f.settle()
	said := f.said()
	if got := len(f.pullRuns()); got != mostCommands+1 || !strings.Contains(said[len(said)-1], "more than 60 commands") || len(said) != 2 {
		t.Errorf("%d runs, said %q", got, said)
	}
}

func TestTheUnlockButtonOfAnEnvironmentWithoutButtonsReleasesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		head, environment, want string
	}{
		"with buttons":   {"aaa", "dev", ""},
		"without":        {"aaa", "prod", "takes no button for `prod`"},
		"another commit": {"bbb", "dev", "has another commit now"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(b *Base) {
				b.Service.NoButtons = map[string]bool{"prod": true}
				facts := b.Service.Facts
				b.Service.Facts = func(ctx context.Context, repo run.Repository, pull int, actor string, projects ...string) (policy.Facts, error) {
					out, err := facts(ctx, repo, pull, actor, projects...)
					out.HeadSHA = tt.head
					return out, err
				}
			})
			before := f.planned()
			_, err := f.store.UpdateRun(f.Context(), before, func(r *run.Run) ([]run.Notice, error) {
				r.Jobs = []run.Job{{ID: run.JobID(r.ID, 0), Document: run.JobDocument{Project: run.JobProject{Name: "a"}, Environment: run.JobEnvironment{Name: tt.environment}}}}
				return nil, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			f.locks.Locks = []run.Lock{locked("a", 3)}
			f.deliver("g", "check_run", checkEvent(t, "requested_action", before, appID, "unlock", func(e m) { e["sender"] = user("rui") }))
			f.settle()
			said := f.said()
			if released := len(f.runs.asked) > 0; released != (tt.want == "") || !strings.Contains(said[len(said)-1], tt.want) {
				t.Errorf("asked for %v, said %q", f.runs.asked, said)
			}
		})
	}
}

// A stolen webhook secret makes up comments as well as presses.
func TestACommentThatIsNotAtGitHubUnlocksAndCancelsNothing(t *testing.T) {
	for _, line := range []string{"/unlock", "/cancel"} {
		f := newFixture(t, func(b *Base) {
			b.Written = func(_ context.Context, _ run.Repository, pull int, id int64, login, sum string, _ time.Time) (bool, error) {
				return false, nil
			}
		})
		f.locks.Locks = []run.Lock{locked("a", 3)}
		f.deliver("g", "issue_comment", comment(t, line))
		f.settle()
		if said := strings.Join(f.said(), "\n"); len(f.runs.asked) > 0 || !strings.Contains(said, "so nothing was done") {
			t.Errorf("%s: asked for %v, said %q", line, f.runs.asked, said)
		}
	}
}
