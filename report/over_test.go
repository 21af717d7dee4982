package report

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// Nothing is planned for a pull request that is over, so /plan is not offered there.
func TestAPullRequestThatIsOverIsOfferedNoPlan(t *testing.T) {
	f := newFixture("r1").planned("app", "dev", changes(queue))
	f.run.Jobs[0].Document.Fence, f.run.Trigger = 1, run.TriggerPush
	v := f.view()
	v.Locks.Closed = []run.Closed{{Holder: f.run.Holder(), At: noon}}
	if body := Comment(v); strings.Contains(body, "again `/plan`") || strings.Contains(body, "`/plan` takes") {
		t.Error(body[strings.Index(body, "</details>"):])
	}
	v.Locks.Closed[0].Holder.PullRequest++
	if body := Comment(v); !strings.Contains(body, "`/plan` takes the lock") {
		t.Error(body)
	}
}
