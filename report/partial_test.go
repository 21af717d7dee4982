package report

import (
	"strings"
	"testing"
)

// partialViews are plans that looked at less than everything.
func partialViews() map[string]View {
	whole := newFixture("r1").planned("network-prod", "prod", changes(database, queue, topic))
	targeted := newFixture("r2").planned("network-prod", "prod", changes(queue)).flagged("-target=aws_sqs_queue.jobs").later(10)
	none := newFixture("r2").planned("network-prod", "prod", noChange).flagged("-refresh-only").later(10)
	two := newFixture("r1").planned("network-prod", "prod", changes(database, queue)).planned("app-dev", "dev", changes(topic))
	one := newFixture("r2").planned("network-prod", "prod", changes(queue)).flagged("-target=aws_sqs_queue.jobs", "-replace=aws_sqs_queue.jobs").later(10)
	one.run.Selectors = []string{"network-prod"}
	unrefreshed := newFixture("r2").planned("network-prod", "prod", noChange).flagged("-refresh=false")
	unrefreshed.run.Unrefreshed = []string{"network-prod"}
	return map[string]View{
		"partial":      whole.then(targeted),
		"partial_none": whole.then(none),
		"partial_done": targeted.then(targeted.apply("r9", "network-prod")),
		"partial_some": two.then(one),
		"unrefreshed":  unrefreshed.view(),
		"not_allowed":  newFixture("r2").planned("network-prod", "prod", noChange).flagged("-refresh=false").view(),
	}
}

func TestPartialPlans(t *testing.T) {
	for name, v := range partialViews() {
		t.Run(name, func(t *testing.T) {
			golden(t, "comment_"+name, Comment(v))
			check, _ := CheckRun(at(v, nil))
			if partial := strings.HasPrefix(check.Title, "Partial plan: "); partial == (name == "unrefreshed") {
				t.Errorf("the check says %q", check.Title)
			}
		})
	}
}

// Flags are an author's text: they call nobody and leave no fence.
func TestFlagsOfAPlanAreOnlyText(t *testing.T) {
	f := newFixture("r2").planned("a", "dev", changes(queue)).flagged("-target=a.b[\"`@octocat` %d </details>\"]", "-replace="+evil, "-target=1", "-target=2", "-target=3", "-target=4")
	got := Comment(f.view())
	judge(t, got)
	for _, part := range []string{"and 1 more", "%d"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing in\n%s", part, got)
		}
	}
}
