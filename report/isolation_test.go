package report

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// A job that need not be kept apart says so on every plan and every apply of it,
// in the comment and in the check, also where nothing is missing.
func TestWhatRanWithoutIsolationSaysSo(t *testing.T) {
	for _, tt := range []struct {
		mode    string
		missing []string
		says    string
	}{
		{"", nil, ""},
		{"best_effort", nil, "**Note**: The job was kept apart from the server. Its config does not require that: `isolation` is `best_effort`.\n"},
		{"best_effort", []string{"signals", "files"}, "(missing: `files`, `signals`), and its config does not require that: `isolation` is `best_effort`"},
		{"best_effort", []string{"signals", "<img src=x>@everyone"}, "(missing: `signals`), and its config"},
		{"off", []string{"files"}, "`isolation` is `off`"},
		{run.IsolationFunction, []string{"files"}, "This ran in a Lambda function, where nothing keeps a plan apart"},
	} {
		f := viewtest.New("run").Planned("network", "dev", run.Summary{}).Planned("orders", "dev", run.Summary{})
		f.Run.Jobs[1].Result.Isolation, f.Run.Jobs[1].Result.Missing = tt.mode, tt.missing
		view := view.Input{Runs: []run.Run{f.Run}, Summaries: f.Summaries}
		check, ok := CheckRun(CheckView{Input: view, HeadSHA: f.Run.HeadSHA})
		if !ok {
			t.Fatal("there is no check")
		}
		for place, got := range map[string]string{"comment": Comment(view), "check": check.Summary} {
			if strings.Contains(got, "**Note**") != (tt.says != "") || !strings.Contains(got, tt.says) || strings.Contains(got, "everyone") {
				t.Errorf("with %q and %q the %s is\n%s", tt.mode, tt.missing, place, got)
			}
		}
	}
}

// Jobs that do not begin say why, and only they.
func TestWhatWaitsForRoomSaysSo(t *testing.T) {
	const why = "The disk of the server is short of room."
	f := viewtest.New("run")
	f.Run.State = run.StateRunning
	f.Job("network", "dev", run.JobQueued)
	view := view.Input{Runs: []run.Run{f.Run}, Summaries: f.Summaries, Waits: why}
	if got := Comment(view); !strings.Contains(got, why) {
		t.Errorf("the comment does not say why the job waits:\n%s", got)
	}
	f.Run.Jobs[0].State = run.JobRunning
	if got := Comment(view); strings.Contains(got, why) {
		t.Errorf("the comment says that a job waits which runs:\n%s", got)
	}
}
