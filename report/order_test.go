package report

import (
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// What Terraform printed is in the order of the diffs above it: worst first.
func TestWhatTerraformPrintedIsInTheOrderOfTheDiffs(t *testing.T) {
	f := viewtest.New("ro").Planned("app", "dev", viewtest.NoChange).Planned("dns", "dev", viewtest.Changes(viewtest.Topic)).Planned("web", "prod", viewtest.Changes(viewtest.Database))
	outputs := map[string]string{}
	for _, j := range f.Run.Jobs {
		outputs[j.ID] = "Plan of " + view.ProjectOf(j)
	}
	c, ok := CheckRun(CheckView{Input: f.Input(), HeadSHA: f.Run.HeadSHA, Outputs: outputs})
	if !ok {
		t.Fatal("no check run")
	}
	wantsInOrder(t, c.Text, "<b>web</b>: 1 to destroy", "<b>dns</b>: 1 to add", "Plan of web", "Plan of dns", "Plan of app")
}

// A run that was started first may end last.
func TestStatusIsInTheOrderOfTheEnds(t *testing.T) {
	now := viewtest.Noon.Add(time.Hour)
	ended := func(line string, seconds time.Duration) run.Run {
		r := viewtest.New("r"+line).Planned("web", "dev", viewtest.NoChange).Run
		r.Line, r.FinishedAt = "/plan "+line, now.Add(-seconds*time.Second)
		return r
	}
	text := statusOf([]run.Run{ended("second", 36), ended("third", 39), ended("first", 13), ended("fourth", 48)}, run.Locks{}, now)
	wantsInOrder(t, text, "first", "second", "third", "fourth")
}

func TestStatusCutsARefusalBetweenWords(t *testing.T) {
	r := viewtest.New("rr").Run
	r.Kind, r.State, r.Line = run.KindApply, run.StateRefused, "/apply"
	r.Problem = &run.Problem{Message: strings.Repeat("unbroken ", 40)}
	text := statusOf([]run.Run{r}, run.Locks{}, viewtest.Noon)
	if !strings.Contains(text, "unbroken … |") {
		t.Errorf("a refusal is cut in the middle of a word:\n%s", text)
	}
}

// wantsInOrder fails unless text has each of the parts behind the one before.
func wantsInOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, p := range parts {
		_, after, ok := strings.Cut(rest, p)
		if !ok {
			t.Fatalf("%q does not come in its place:\n%s", p, text)
		}
		rest = after
	}
}
