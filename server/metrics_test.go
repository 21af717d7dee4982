package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

func scraped(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func wantsMetrics(t *testing.T, m *Metrics, lines ...string) {
	t.Helper()
	text := scraped(m)
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("%q is missing in\n%s", line, text)
		}
	}
}

// An alert on a counter that is not there yet sees nothing of its first event.
func TestCountersAreThereBeforeTheFirstEvent(t *testing.T) {
	m := NewMetrics()
	m.Built("v1.2.3")
	m.WatchStates(func() (States, error) { return States{Waiting: 2}, nil })
	wantsMetrics(t, m, `lockkeeper_deliveries_total{outcome="given_up"} 0`, `lockkeeper_runs_total{kind="apply",result="failed"} 0`, "lockkeeper_lock_waiters 2")
	if text := scraped(m); !strings.Contains(text, `lockkeeper_build_info{goversion="go1.`) || !strings.Contains(text, `version="v1.2.3"} 1`) {
		t.Error("no build info")
	}
}

func TestRunsAreCountedOnceAtTheirEnd(t *testing.T) {
	at := func(seconds int) time.Time { return time.Date(2026, 3, 4, 12, 0, seconds, 0, time.UTC) }
	m := NewMetrics()
	accepted := run.Run{Kind: run.KindApply, State: run.StateAccepted, CreatedAt: at(0)}
	queued := accepted
	queued.State, queued.PreparedAt, queued.Jobs = run.StateRunning, at(2), []run.Job{{ID: "j", State: run.JobQueued}}
	running := queued
	running.Jobs = []run.Job{{ID: "j", State: run.JobRunning, StartedAt: at(5)}}
	failed := running
	failed.State, failed.FinishedAt = run.StateFailed, at(40)
	failed.Jobs = []run.Job{{ID: "j", State: run.JobFailed, StartedAt: at(5), Result: &run.Result{PlanRead: run.PlanReadDiffers}}}
	refused := accepted
	refused.State, refused.FinishedAt = run.StateRefused, at(1)
	for _, step := range [][2]run.Run{{accepted, queued}, {queued, running}, {running, running}, {running, failed}, {failed, failed}, {accepted, refused}} {
		m.Step(step[0], step[1])
	}
	wantsMetrics(t, m, `lockkeeper_runs_total{kind="apply",result="failed"} 1`, `lockkeeper_runs_total{kind="apply",result="refused"} 1`,
		`lockkeeper_run_duration_seconds_sum{kind="apply"} 40`, `lockkeeper_run_duration_seconds_count{kind="apply"} 1`,
		`lockkeeper_plans_read_total{how="differs"} 1`, `lockkeeper_plans_read_total{how="file"} 0`,
		`lockkeeper_job_wait_seconds_sum{kind="apply"} 3`, `lockkeeper_job_wait_seconds_count{kind="apply"} 1`)
}

func TestWhatGitHubLeavesIsShown(t *testing.T) {
	github := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-RateLimit-Remaining", r.URL.Query().Get("left"))
		w.Header().Set("X-RateLimit-Resource", r.URL.Query().Get("of"))
	}))
	defer github.Close()
	m := NewMetrics()
	client := http.Client{Transport: m.GitHubClient(http.DefaultTransport)}
	for _, query := range []string{"left=4999&of=core", "left=4998&of=core", "left=12&of=search", "left=none&of=core", "left=7&of=made_up", ""} {
		resp, err := client.Get(github.URL + "?" + query)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantsMetrics(t, m, `lockkeeper_github_rate_limit_remaining{resource="core"} 4998`, `lockkeeper_github_rate_limit_remaining{resource="search"} 12`,
		"lockkeeper_github_request_duration_seconds_count 6")
	if strings.Contains(scraped(m), "made_up") {
		t.Error("a resource that nobody knows has a series")
	}
}

func TestStatesCountWhoWaits(t *testing.T) {
	l := run.Locks{Waiters: []run.Waiter{{ID: 1}, {ID: 2, Idle: true}, {ID: 3}}}
	if s := StatesOf(l); s.Waiting != 2 {
		t.Errorf("%d wait, want the two that are not idle", s.Waiting)
	}
}

// An engine that hears nothing any more, or does not come round, shows it.
func TestWhenTheEngineHeardSomethingLast(t *testing.T) {
	m := NewMetrics()
	var message, sweep time.Time
	m.WatchEngine(func() (time.Time, time.Time) { return message, sweep })
	wantsMetrics(t, m, "lockkeeper_engine_message_timestamp_seconds 0", "lockkeeper_engine_sweep_timestamp_seconds 0")
	message, sweep = time.Unix(1000, 0), time.Unix(2000, 5e8)
	wantsMetrics(t, m, "lockkeeper_engine_message_timestamp_seconds 1000", "lockkeeper_engine_sweep_timestamp_seconds 2000")
}

// Metrics with a listener of their own are where webhooks are not, so that what is in
// front of the server cannot show them.
func TestMetricsHaveAnAddressOfTheirOwn(t *testing.T) {
	for _, apart := range []bool{false, true} {
		s := &Server{Webhook: http.NotFoundHandler(), Metrics: NewMetrics(), Apart: apart, Ready: func(context.Context) error { return nil }}
		asked := func(h http.Handler, path string) int {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			return w.Code
		}
		if got, want := asked(s.Handler(), "/metrics"), map[bool]int{false: 200, true: 404}[apart]; got != want {
			t.Errorf("apart %t: /metrics beside webhooks answers %d", apart, got)
		}
		if got := asked(MetricsAlone(s.Metrics), "/metrics"); got != 200 {
			t.Errorf("/metrics alone answers %d", got)
		}
		for _, path := range []string{"/readyz", "/api/github/hook"} {
			if got := asked(MetricsAlone(s.Metrics), path); got != 404 {
				t.Errorf("%s beside metrics answers %d", path, got)
			}
		}
	}
}
