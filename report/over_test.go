package report

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// Nothing is planned for a pull request that is over, so /plan is not offered there.
func TestAPullRequestThatIsOverIsOfferedNoPlan(t *testing.T) {
	f := viewtest.New("r1").Planned("app", "dev", viewtest.Changes(viewtest.Queue))
	f.Run.Jobs[0].Document.Fence, f.Run.Trigger = 1, run.TriggerPush
	in := f.Input()
	in.Locks.Closed = []run.Closed{{Holder: f.Run.Pull(), At: viewtest.Noon}}
	if body := Comment(in); strings.Contains(body, "again `/plan`") || strings.Contains(body, "`/plan` takes") {
		t.Error(body[strings.Index(body, "</details>"):])
	}
	in.Locks.Closed[0].Holder.PullRequest++
	if body := Comment(in); !strings.Contains(body, "`/plan` takes the lock") {
		t.Error(body)
	}
}

func TestTheChecksOfAPullRequestThatIsOverHaveNoButtonToPlan(t *testing.T) {
	f := viewtest.New("r1").Planned("app", "dev", viewtest.Changes(viewtest.Queue))
	v := CheckView{Input: f.Input(), HeadSHA: viewtest.NewHead}
	v.Locks.Closed = []run.Closed{{Holder: f.Run.Pull(), At: viewtest.Noon}}
	for name, of := range map[string]func(CheckView) (Check, bool){CheckPlan: CheckRun, CheckApply: ApplyCheck} {
		if c, ok := of(v); !ok || c.Buttons() != "" {
			t.Errorf("%s offers %q", name, c.Buttons())
		}
	}
	v.Locks.Closed = nil
	if c, _ := CheckRun(v); c.Buttons() != "plan apply" {
		t.Errorf("one that is open offers %q", c.Buttons())
	}
}
