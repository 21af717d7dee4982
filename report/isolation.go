package report

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// isolationProperties are what may be missing, as in docs/security.md.
var isolationProperties = []string{"files", "environment", "signals", "lifetime", "limits"}

// isolationNote says that jobs ran where it is not required that they are kept
// apart, and what was missing; empty when it was required.
func isolationNote(jobs []run.Job) string {
	var off, function, bestEffort, incomplete bool
	missing := map[string]bool{}
	for _, j := range jobs {
		if j.Result == nil {
			continue
		}
		off = off || j.Result.Isolation == "off"
		function = function || j.Result.Isolation == run.IsolationFunction
		bestEffort = bestEffort || j.Result.Isolation == "best_effort"
		for _, property := range j.Result.Missing {
			incomplete, missing[property] = true, true
		}
	}
	switch {
	case off:
		return "The job was not kept apart from the server, and could read and do all that it may: `isolation` is `off`."
	case function:
		return "This ran in a Lambda function, where nothing keeps a plan apart from the plans before and after it: its environment has `lambda: true` in the server's config."
	case bestEffort && incomplete:
		var known []string // and nothing else that a result may hold
		for _, property := range isolationProperties {
			if missing[property] {
				known = append(known, "`"+property+"`")
			}
		}
		return "The job was not wholly kept apart from the server (missing: " + strings.Join(known, ", ") + "), and its config does not require that: `isolation` is `best_effort`."
	case bestEffort:
		return "The job was kept apart from the server. Its config does not require that: `isolation` is `best_effort`."
	}
	return ""
}

// waitsNote says why jobs that are queued do not begin.
func waitsNote(m view.Model) string {
	queued := func(j run.Job) bool { return j.State == run.JobQueued }
	if m.Waits == "" || !slices.ContainsFunc(append(m.PlanJobs(), m.ApplyJobs()...), queued) {
		return ""
	}
	return m.Waits
}
