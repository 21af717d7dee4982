package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gregjones/httpcache"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what the server does, for Prometheus. A nil *Metrics counts
// nothing.
type Metrics struct {
	registry   *prometheus.Registry
	deliveries *prometheus.CounterVec
	requests   *prometheus.CounterVec
	latency    prometheus.Histogram
}

// NewMetrics makes a registry of its own, so that nothing is global.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockkeeper_deliveries_total", Help: "Webhook deliveries by outcome.",
		}, []string{"outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockkeeper_github_requests_total", Help: "Calls of GitHub's API by method, status and whether the cache answered.",
		}, []string{"method", "status", "cached"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lockkeeper_github_request_seconds", Help: "Duration of calls of GitHub's API.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	m.registry.MustRegister(m.deliveries, m.requests, m.latency,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Gauge adds a value that is read when Prometheus asks.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
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
			status = strconv.Itoa(resp.StatusCode)
			cached = strconv.FormatBool(strings.EqualFold(resp.Header.Get(httpcache.XFromCache), "1"))
		}
		m.requests.WithLabelValues(r.Method, status, cached).Inc()
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
