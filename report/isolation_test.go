package report

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// A job that was not kept apart says so on every plan and every apply of it, in
// the comment and in the check.
func TestWhatRanWithoutIsolationSaysSo(t *testing.T) {
	for mode, says := range map[string]string{"": "", run.IsolationFunction: "`lambda: true`", "best_effort": "`isolation` is `best_effort`", "off": "`isolation` is `off`"} {
		f := newFixture("run").planned("network", "dev", run.Summary{}).planned("orders", "dev", run.Summary{})
		f.run.Jobs[1].Result.Isolation = mode
		view := View{Runs: []run.Run{f.run}, Summaries: f.summaries}
		if got := Comment(view); strings.Contains(got, "This ran") != (says != "") || !strings.Contains(got, says) {
			t.Errorf("with %q the comment is\n%s", mode, got)
		}
	}
}

// Jobs that do not begin say why, and only they.
func TestWhatWaitsForRoomSaysSo(t *testing.T) {
	const why = "The disk of the server is short of room."
	f := newFixture("run")
	f.run.State = run.StateRunning
	f.job("network", "dev", run.JobQueued)
	view := View{Runs: []run.Run{f.run}, Summaries: f.summaries, Waits: why}
	if got := Comment(view); !strings.Contains(got, why) {
		t.Errorf("the comment does not say why the job waits:\n%s", got)
	}
	f.run.Jobs[0].State = run.JobRunning
	if got := Comment(view); strings.Contains(got, why) {
		t.Errorf("the comment says that a job waits which runs:\n%s", got)
	}
}
