package report

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
)

// partialViews are plans that looked at less than everything.
func partialViews() map[string]view.Input {
	whole := viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue, viewtest.Topic))
	targeted := viewtest.New("r2").Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue)).Flagged("-target=aws_sqs_queue.jobs").Later(10)
	none := viewtest.New("r2").Planned("network-prod", "prod", viewtest.NoChange).Flagged("-refresh-only").Later(10)
	two := viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue)).Planned("app-dev", "dev", viewtest.Changes(viewtest.Topic))
	one := viewtest.New("r2").Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue)).Flagged("-target=aws_sqs_queue.jobs", "-replace=aws_sqs_queue.jobs").Later(10)
	one.Run.Selectors = []string{"network-prod"}
	unrefreshed := viewtest.New("r2").Planned("network-prod", "prod", viewtest.NoChange).Flagged("-refresh=false")
	unrefreshed.Run.Unrefreshed = []string{"network-prod"}
	return map[string]view.Input{
		"partial":      whole.Then(targeted),
		"partial_none": whole.Then(none),
		"partial_done": targeted.Then(targeted.Apply("r9", "network-prod")),
		"partial_some": two.Then(one),
		"unrefreshed":  unrefreshed.Input(),
		"not_allowed":  viewtest.New("r2").Planned("network-prod", "prod", viewtest.NoChange).Flagged("-refresh=false").Input(),
	}
}

func TestPartialPlans(t *testing.T) {
	for name, in := range partialViews() {
		t.Run(name, func(t *testing.T) {
			golden(t, "comment_"+name, Comment(in))
			check, _ := CheckRun(at(in, nil))
			if partial := strings.HasPrefix(check.Title, "Partial plan: "); partial == (name == "unrefreshed") {
				t.Errorf("the check says %q", check.Title)
			}
		})
	}
}

// Flags are an author's text: they call nobody and leave no fence.
func TestFlagsOfAPlanAreOnlyText(t *testing.T) {
	f := viewtest.New("r2").Planned("a", "dev", viewtest.Changes(viewtest.Queue)).Flagged("-target=a.b[\"`@octocat` %d </details>\"]", "-replace="+evil, "-target=1", "-target=2", "-target=3", "-target=4")
	got := Comment(f.Input())
	judge(t, got)
	for _, part := range []string{"and 1 more", "%d"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing in\n%s", part, got)
		}
	}
}
