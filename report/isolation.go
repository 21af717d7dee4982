package report

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// isolationNote says that jobs ran without everything that keeps them apart;
// empty when nothing was missing.
func isolationNote(jobs []run.Job) string {
	is := func(mode string) bool {
		return slices.ContainsFunc(jobs, func(j run.Job) bool { return j.Result != nil && j.Result.Isolation == mode })
	}
	switch {
	case is("off"):
		return "This ran with everything that the server may read and do: `isolation` is `off` in its config."
	case is("best_effort"):
		return "This ran without all of what keeps a job apart from the server: `isolation` is `best_effort` in its config."
	case is(run.IsolationFunction):
		return "This ran in a Lambda function, where nothing keeps a plan apart from the plans before and after it: its environment has `lambda: true` in the server's config."
	}
	return ""
}

// waitsNote says why jobs that are queued do not begin.
func (p picked) waitsNote() string {
	queued := func(j run.Job) bool { return j.State == run.JobQueued }
	if p.waits == "" || !slices.ContainsFunc(append(p.plans(), p.applies()...), queued) {
		return ""
	}
	return p.waits
}

func (d delivery) waits() string {
	if d.Waits == nil {
		return ""
	}
	return d.Waits()
}
