package github

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/run"
)

// text is what the page of a check run shows below its summary.
func (f *fakeGitHub) text(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.checks {
		if c.Name == name {
			return c.Output.GetText()
		}
	}
	return ""
}

// Lines that change cost a call, those that stay cost none, and at the end none
// of them is left.
func TestLiveLinesAreShownUntilTheJobEnds(t *testing.T) {
	b := newBench(t)
	lines := run.Lines{}
	b.sinks.Live = func(string) run.Lines { return lines }
	plan := b.planned(1)
	look := func(text string) {
		t.Helper()
		if lines.Text != text {
			lines = run.Lines{Text: text, At: b.now()}
		}
		b.store.put(run.RefreshCheck(plan))
		b.drain()
		if got := b.github.text(report.CheckPlan); !strings.Contains(got, text) {
			t.Errorf("%q is not in %q", text, got)
		}
		b.advance(time.Minute)
	}
	b.store.setRun(started(plan), run.RefreshCheck(plan))
	b.drain()
	before := len(b.github.seen())
	for _, text := range []string{"one line", "one line", "another line", "another line"} {
		look(text)
	}
	if diff := cmp.Diff([]string{"PATCH check", "PATCH check"}, b.github.seen()[before:]); diff != "" {
		t.Error(diff)
	}
	failed := ended(plan, run.JobFailed) // without an output
	b.store.setRun(failed, run.RefreshCheck(failed))
	b.drain()
	if got := b.github.text(report.CheckPlan); strings.Contains(got, "line") {
		t.Errorf("at the end there is still\n%s", got)
	}
}
