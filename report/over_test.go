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

func TestTheChecksOfAPullRequestThatIsOverHaveNoButtonToPlan(t *testing.T) {
	f := newFixture("r1").planned("app", "dev", changes(queue))
	v := CheckView{View: f.view(), HeadSHA: newHead}
	v.Locks.Closed = []run.Closed{{Holder: f.run.Holder(), At: noon}}
	for name, of := range map[string]func(CheckView) (Check, bool){CheckPlan: CheckRun, CheckApply: ApplyCheck} {
		if c, ok := of(v); !ok || c.buttons() != "" {
			t.Errorf("%s offers %q", name, c.buttons())
		}
	}
	v.Locks.Closed = nil
	if c, _ := CheckRun(v); c.buttons() != "plan apply" {
		t.Errorf("one that is open offers %q", c.buttons())
	}
}
