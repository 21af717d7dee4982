package server

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lockkeeper/lockkeeper/run"
)

// runMetrics count what became of runs.
type runMetrics struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	wait     *prometheus.HistogramVec
	read     *prometheus.CounterVec
}

// plansRead are the ways that are counted.
var plansRead = []run.PlanRead{run.PlanReadShow, run.PlanReadFile, run.PlanReadCompared, run.PlanReadDiffers}

// The bounds of what people wait for, in seconds.
var waits = []float64{1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}

func newRunMetrics() runMetrics {
	m := runMetrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockkeeper_runs_total", Help: "Runs that are over, by kind and result.",
		}, []string{"kind", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lockkeeper_run_duration_seconds", Help: "Time from the command to the end of a run that had jobs.", Buckets: waits,
		}, []string{"kind"}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lockkeeper_job_wait_seconds", Help: "Time from when a run is prepared to when a job of it starts: others come first.", Buckets: waits,
		}, []string{"kind"}),
		read: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockkeeper_plans_read_total", Help: "Plans by how what they show came about: terraform show, the plan file alone, or both, compared.",
		}, []string{"how"}),
	}
	for _, how := range plansRead {
		m.read.WithLabelValues(string(how))
	}
	for _, kind := range []run.Kind{run.KindPlan, run.KindApply} {
		for _, result := range []run.State{run.StateSucceeded, run.StateFailed, run.StateRefused, run.StateCancelled, run.StateSuperseded} {
			m.total.WithLabelValues(string(kind), string(result))
		}
	}
	return m
}

// Step counts what a stored step changed.
func (m *Metrics) Step(before, after run.Run) {
	kind := string(after.Kind)
	for i := range after.Jobs {
		j := &after.Jobs[i]
		was := before.Job(j.ID)
		if j.State == run.JobRunning && (was == nil || was.State == run.JobQueued) {
			m.runs.wait.WithLabelValues(kind).Observe(between(after.PreparedAt, j.StartedAt))
		}
		if j.State.Final() && (was == nil || !was.State.Final()) && j.Result != nil && slices.Contains(plansRead, j.Result.PlanRead) {
			m.runs.read.WithLabelValues(string(j.Result.PlanRead)).Inc()
		}
	}
	if before.State.Final() || !after.State.Final() {
		return
	}
	m.runs.total.WithLabelValues(kind, string(after.State)).Inc()
	if len(after.Jobs) > 0 {
		m.runs.duration.WithLabelValues(kind).Observe(between(after.CreatedAt, after.FinishedAt))
	}
}

// between is in seconds, and not below zero whatever clocks say.
func between(from, to time.Time) float64 { return max(0, to.Sub(from).Seconds()) }
