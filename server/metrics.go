package server

import (
	"math"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gregjones/httpcache"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lockkeeper/lockkeeper/run"
)

// Metrics counts what the server does, for Prometheus. A nil *Metrics counts
// nothing.
type Metrics struct {
	registry   *prometheus.Registry
	deliveries *prometheus.CounterVec
	requests   *prometheus.CounterVec
	latency    prometheus.Histogram
	limit      *prometheus.GaugeVec
	runs       runMetrics
}

// NewMetrics makes a registry of its own, so that nothing is global.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockkeeper_deliveries_total", Help: "Webhook deliveries by outcome, and commands that were found without one.",
		}, []string{"outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockkeeper_github_requests_total", Help: "Calls of GitHub's API by method, status and whether the cache answered.",
		}, []string{"method", "status", "cached"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lockkeeper_github_request_duration_seconds", Help: "Duration of calls of GitHub's API.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		limit: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "lockkeeper_github_rate_limit_remaining", Help: "Calls that GitHub's newest answer left until its limit is reset, by the resource that is limited.",
		}, []string{"resource"}),
		runs: newRunMetrics(),
	}
	for _, outcome := range outcomes {
		m.deliveries.WithLabelValues(outcome) // rate() needs a series before the first event
	}
	m.registry.MustRegister(m.deliveries, m.requests, m.latency, m.limit, m.runs.total, m.runs.duration, m.runs.wait, m.runs.read,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// outcomes are those of deliveries.
var outcomes = []string{"stored", "duplicate", "refused", "error", "given_up", "found"}

// Built adds the version of the program.
func (m *Metrics) Built(version string) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lockkeeper_build_info", Help: "1, with the version of the program and of Go.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(info)
}

// Backlog is what waits, in counts.
type Backlog struct{ Deliveries, Runs, Notices int }

// WatchBacklog adds the backlog, read when Prometheus asks. Where it cannot be
// read the values are NaN.
func (m *Metrics) WatchBacklog(read func() (Backlog, error)) {
	gauge := func(name, help string, pick func(Backlog) int) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			b, err := read()
			if err != nil {
				return math.NaN()
			}
			return float64(pick(b))
		}))
	}
	gauge("lockkeeper_deliveries_pending", "Webhook deliveries not acted on yet.", func(b Backlog) int { return b.Deliveries })
	gauge("lockkeeper_runs_active", "Runs that are not over.", func(b Backlog) int { return b.Runs })
	gauge("lockkeeper_notices_pending", "Comments, checks, replies and reactions not sent yet.", func(b Backlog) int { return b.Notices })
}

// WatchEngine adds when an engine that hears of its jobs by messages last took
// one, and when it last looked at all of them by itself: Unix times, 0 for never.
func (m *Metrics) WatchEngine(signs func() (message, sweep time.Time)) {
	gauge := func(name, help string, pick func() time.Time) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if at := pick(); !at.IsZero() {
				return float64(at.Unix())
			}
			return 0
		}))
	}
	gauge("lockkeeper_engine_message_timestamp_seconds", "When the last status message of a job was taken; 0 for never.", func() time.Time {
		at, _ := signs()
		return at
	})
	gauge("lockkeeper_engine_sweep_timestamp_seconds", "When the last look at all open jobs ended; 0 for never.", func() time.Time {
		_, at := signs()
		return at
	})
}

// States counts projects of which the base branch and what runs differ.
type States struct {
	Applied  int // by a pull request that is open: its lock says so
	Unmerged int // by one that was closed after it
	Merged   int // without their apply
	Unknown  int // pull requests that were merged, and nobody knows what they changed
	Waiting  int // pull requests in the queue of some lock
}

// WatchStates adds these counts, read when Prometheus asks. Where they cannot be
// read the values are NaN.
func (m *Metrics) WatchStates(read func() (States, error)) {
	watch := func(o prometheus.GaugeOpts, pick func(States) int) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(o, func() float64 {
			s, err := read()
			if err != nil {
				return math.NaN()
			}
			return float64(pick(s))
		}))
	}
	gauge := func(state string, pick func(States) int) {
		watch(prometheus.GaugeOpts{
			Name: "lockkeeper_projects_out_of_step", Help: "Projects of which the base branch and what runs differ, by what happened.",
			ConstLabels: prometheus.Labels{"state": state},
		}, pick)
	}
	watch(prometheus.GaugeOpts{Name: "lockkeeper_lock_waiters", Help: "Pull requests that wait for a lock."}, func(s States) int { return s.Waiting })
	gauge("applied_not_merged", func(s States) int { return s.Applied })
	gauge("closed_after_apply", func(s States) int { return s.Unmerged })
	gauge("merged_not_applied", func(s States) int { return s.Merged })
	watch(prometheus.GaugeOpts{
		Name: "lockkeeper_merges_not_known", Help: "Pull requests that were merged, and nobody knows what they changed: the look at them failed.",
	}, func(s States) int { return s.Unknown })
}

// StatesOf counts them in the locks.
func StatesOf(l run.Locks) (s States) {
	type project struct {
		h    run.Subject
		name string
	}
	applied := map[project]bool{}
	for _, lock := range l.Locks {
		if !lock.Free() && lock.Applied {
			applied[project{run.Subject{Repository: run.Repository{ID: lock.Holder.Repository.ID}, PullRequest: lock.Holder.PullRequest}, lock.Project}] = true
		}
	}
	s.Applied = len(applied)
	for _, w := range l.Waiters {
		if !w.Idle {
			s.Waiting++
		}
	}
	for _, x := range l.Left {
		switch {
		case x.Unknown():
			s.Unknown++
		case x.Merged:
			s.Merged++
		default:
			s.Unmerged++
		}
	}
	return s
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *Metrics) delivery(outcome string) {
	if m != nil {
		m.deliveries.WithLabelValues(outcome).Inc()
	}
}

// GitHubClient counts the calls of a GitHub client. It is a
// githubapp.ClientMiddleware.
func (m *Metrics) GitHubClient(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		began := time.Now()
		resp, err := next.RoundTrip(r)
		m.latency.Observe(time.Since(began).Seconds())
		status, cached := "error", "false"
		if err == nil {
			m.left(resp.Header)
			status = strconv.Itoa(resp.StatusCode)
			cached = strconv.FormatBool(strings.EqualFold(resp.Header.Get(httpcache.XFromCache), "1"))
		}
		m.requests.WithLabelValues(r.Method, status, cached).Inc()
		return resp, err
	})
}

// left notes how many calls GitHub says are left.
func (m *Metrics) left(h http.Header) {
	n, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	resource := h.Get("X-RateLimit-Resource")
	if err == nil && slices.Contains(limitedResources, resource) {
		m.limit.WithLabelValues(resource).Set(float64(n))
	}
}

// limitedResources are those of GitHub's limits that Lockkeeper's calls count against.
var limitedResources = []string{"core", "graphql", "search"}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
