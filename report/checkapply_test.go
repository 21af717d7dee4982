package report

import (
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// queued is what the merge queue asks about: the plan of a group of its own.
func queued(f *viewtest.Fixture) CheckView {
	f.Run.Trigger, f.Run.Line, f.Run.HeadSHA, f.Run.PullRequest = run.TriggerQueue, "", viewtest.OldHead, 4012
	f.Run.Branch = viewtest.GroupBranch
	v := checkView(f)
	v.HeadSHA = viewtest.OldHead
	return v
}

func at(in view.Input, outputs map[string]string) CheckView {
	return CheckView{Input: in, HeadSHA: viewtest.NewHead, Outputs: outputs}
}

// applyingFor is an apply that people wait for.
func applyingFor(in view.Input) CheckView {
	c := at(in, nil)
	c.Live = map[string]run.Lines{}
	for _, j := range in.Runs[0].Jobs {
		c.Live[j.ID] = run.Lines{At: viewtest.Noon.Add(75 * time.Second), Text: "$ terraform apply\n" +
			"aws_db_instance.orders: Creating...\naws_db_instance.orders: Still creating... [10s elapsed]"}
	}
	return c
}

func TestApplyCheck(t *testing.T) {
	views, locks := applyViews(), lockViews()
	named := viewtest.Three()
	named.Run.Selectors = []string{"*-prod"}
	plan := viewtest.Three()
	failed := plan.Apply("r9", "network-prod failed", "app-prod skipped")
	failed.Outputs[failed.Run.Jobs[0].ID] = "aws_db_instance.orders: Destroying...\n\nError: creating S3 Bucket\n"
	allLater := viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue))
	allLater.Run.Jobs[0].Document.Project.AfterMerge = true
	refused := ended2(run.StateRefused, func(r *run.Run) {
		r.Trigger, r.Problem, r.PreparedAt = run.TriggerPush, viewtest.ConfigProblem, time.Time{}
	})
	queueLater := viewtest.Three()
	for i := range queueLater.Run.Jobs {
		queueLater.Run.Jobs[i].Document.Project.AfterMerge = true
	}

	for name, c := range map[string]struct {
		view CheckView
		want string // status, conclusion, buttons
	}{
		"waiting":      {at(views["gate_many"], nil), "queued"},
		"ready":        {at(views["gate_ready"], nil), "queued"},
		"speculative":  {at(locks["speculative_many"], nil), "queued"},
		"named":        {checkView(named), "queued"},
		"named_done":   {at(named.Then(named.Apply("r9", "network-prod", "app-prod")), nil), "queued"},
		"refused":      {at(refused, nil), "queued"},
		"partly":       {at(views["apply_partly"], nil), "queued"},
		"running":      {at(views["apply_running"], nil), "in_progress"},
		"machine":      {at(views["apply_machine"], nil), "in_progress"},
		"live":         {applyingFor(views["apply_running"]), "in_progress"},
		"done":         {at(views["apply_done"], nil), "completed success"},
		"no_changes":   {at(goldenViews()["no_op"], nil), "completed success"},
		"failed":       {at(withLocks(plan.Then(failed), viewtest.Locking{}.Held(12, "network-prod")), failed.Outputs), "completed failure plan unlock"},
		"interrupted":  {at(views["apply_interrupted"], nil), "completed failure plan"},
		"stopped":      {at(views["apply_stopped"], nil), "completed cancelled plan"},
		"skipped":      {at(plan.Then(plan.Apply("r9", "network-prod", "app-prod skipped")), nil), "completed cancelled plan"},
		"nothing":      {at(goldenViews()["nothing"], nil), "completed neutral"},
		"after_merge":  {at(allLater.Input(), nil), "completed neutral"},
		"plan_only":    {at(views["apply_plan_only"], nil), "completed neutral"},
		"overridden":   {at(locks["policy_overridden"], nil), "completed success"},
		"partial":      {at(partialViews()["partial"], nil), "queued"},
		"partial_none": {at(partialViews()["partial_none"], nil), "queued"},
		"partial_done": {at(partialViews()["partial_done"], nil), "queued"},
		"partial_some": {at(partialViews()["partial_some"], nil), "queued"},
		"unrefreshed":  {at(partialViews()["unrefreshed"], nil), "completed success"},
		"queue_open":   {queued(viewtest.Three()), "completed failure"},
		"queue_green":  {queued(viewtest.New("r1").Planned("dns-prod", "prod", viewtest.NoChange)), "completed success"},
		"queue_failed": {queued(viewtest.New("r1").Planned("dns-prod", "prod", viewtest.NoChange).Failed("app-prod", "prod", viewtest.InvalidReference)), "completed failure"},
		"queue_later":  {queued(queueLater), "completed neutral"},
		"queue_none":   {queued(viewtest.New("r1")), "completed neutral"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := ApplyCheck(c.view)
			if !ok {
				t.Fatal("there is no check run")
			}
			golden(t, "check_apply_"+name, got.goldenText())
			words := strings.Fields(got.Status + " " + got.Conclusion)
			for _, a := range got.Actions {
				words = append(words, a.Identifier)
			}
			if text := strings.Join(words, " "); text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
			judge(t, got.Summary)
			judge(t, got.Text)
		})
	}
}

func TestButtonsOfAPlan(t *testing.T) {
	views, locks := applyViews(), lockViews()
	for name, c := range map[string]struct {
		view CheckView
		want string
	}{
		"nothing to apply":                   {at(goldenViews()["no_op"], nil), "plan"},
		"something to apply":                 {at(views["gate_one"], nil), "plan apply"},
		"and locks to release":               {at(locks["in_line"], nil), "plan apply unlock"},
		"without the locks":                  {at(locks["speculative"], nil), "plan"},
		"the locks were released":            {at(locks["released_all"], nil), "plan"},
		"somebody else has the locks":        {at(locks["released_taken"], nil), "plan"},
		"one of the locks was released":      {at(locks["released_one"], nil), "plan unlock"},
		"one of several is without its lock": {at(locks["speculative_half"], nil), "plan unlock"},
		"the environment allows nothing":     {at(views["apply_plan_only"], nil), "plan"},
		"everything is applied":              {at(views["apply_done"], nil), "plan unlock"},
		"a failed apply":                     {at(views["apply_failed_one"], nil), "plan"},
		"one of several is applied":          {at(views["apply_partly"], nil), "plan apply"},
		"a plan failed":                      {at(goldenViews()["failed"], nil), "plan"},
		"an apply that is under way":         {at(views["apply_running"], nil), "plan"},
		"a group of the merge queue":         {queued(viewtest.Three()), ""},
		"a plan that came after an apply":    {at(views["apply_planned_again"], nil), "plan apply unlock"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := CheckRun(c.view)
			var words []string
			for _, a := range got.Actions {
				words = append(words, a.Identifier)
				if len(a.Label) > 20 || len(a.Description) > 40 || len(a.Identifier) > 20 || len(got.Actions) > 3 {
					t.Errorf("more than GitHub takes: %+v", got.Actions)
				}
			}
			if text := strings.Join(words, " "); !ok || text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

// An apply must not cost a call for the plan's check, so that one says the same
// before, during and after it, but for its buttons at the end.
func TestAnApplyChangesTheButtonsOfThePlansCheckOnceAtItsStart(t *testing.T) {
	plan := viewtest.Three()
	before, _ := CheckRun(at(plan.Input(), nil))
	during, _ := CheckRun(at(plan.Then(plan.Apply("r9", "network-prod running", "app-prod queued")), nil))
	after, _ := CheckRun(at(plan.Then(plan.Apply("r9", "network-prod", "app-prod")), nil))
	if before.Buttons() != "plan apply" || during.Buttons() != "plan" {
		t.Errorf("buttons %q before and %q during the apply", before.Buttons(), during.Buttons())
	}
	if during.Content() != after.Content() {
		t.Errorf("the end of the apply changed it:\n%s\n%s", during.goldenText(), after.goldenText())
	}
	after.Actions = before.Actions
	if before.Content() != after.Content() {
		t.Errorf("the apply changed more than the buttons:\n%s\n%s", before.goldenText(), after.goldenText())
	}
}

// What goes on inside of an apply is not sent step by step.
func TestTheApplyCheckIsSentOnceWhileAnApplyRuns(t *testing.T) {
	plan := viewtest.Three()
	first, _ := ApplyCheck(at(plan.Then(plan.Apply("r9", "network-prod queued", "app-prod queued")), nil))
	second, _ := ApplyCheck(at(plan.Then(plan.Apply("r9", "network-prod", "app-prod running")), nil))
	if first.Status != StatusInProgress || first.Content() != second.Content() {
		t.Errorf("it changed:\n%s\n%s", first.goldenText(), second.goldenText())
	}
}

// T22: nothing that is not applied makes the check green, whatever its state.
func TestT22_OnlyAppliedIsGreen(t *testing.T) {
	for _, state := range []run.JobState{run.JobFailed, run.JobCancelled, run.JobSkipped, run.JobQueued, run.JobRunning, "unheard of"} {
		plan := viewtest.Three()
		c, _ := ApplyCheck(at(plan.Then(plan.Apply("r9", "app-prod", "network-prod "+string(state))), nil))
		if c.Conclusion == "success" || c.Conclusion == "neutral" {
			t.Errorf("one project is %s, and the check is %s", state, c.Conclusion)
		}
	}
	for _, state := range []run.JobState{run.JobFailed, run.JobCancelled, run.JobQueued, run.JobRunning, "unheard of"} {
		plan := viewtest.Three()
		plan.Run.Jobs[1].State = state
		c, _ := ApplyCheck(at(plan.Then(plan.Apply("r9", "network-prod")), nil))
		if c.Conclusion == "success" || c.Conclusion == "neutral" {
			t.Errorf("one project's plan is %s, and the check is %s", state, c.Conclusion)
		}
	}
}

// A head whose lockkeeper.yml has mistakes would leave everybody without plans once it is
// merged: whatever was applied, its check is not green, so that nothing merges it.
func TestABrokenConfigIsNeverGreenToMerge(t *testing.T) {
	for name, c := range map[string]struct {
		view   CheckView
		status string
	}{
		"applied": {func() CheckView {
			f := viewtest.New("r1").Planned("vpc-prod", "prod", viewtest.NoChange)
			f.Run.ConfigMistakes = 1
			return checkView(f)
		}(), StatusQueued},
		"planned again, and cancelled before it read anything": {func() CheckView {
			f := viewtest.New("r1").Planned("vpc-prod", "prod", viewtest.NoChange)
			f.Run.ConfigMistakes = 1
			v := checkView(f)
			again := f.Run
			again.ID, again.State, again.Jobs, again.ConfigMistakes, again.PreparedAt = "r2", run.StateCancelled, nil, 0, time.Time{}
			v.Runs = append([]run.Run{again}, v.Runs...)
			return v
		}(), StatusQueued},
		"no project is touched": {func() CheckView {
			f := viewtest.New("r1")
			f.Run.ConfigMistakes = 1
			return checkView(f)
		}(), StatusQueued},
		"in the merge queue": {func() CheckView {
			f := viewtest.New("r1").Planned("vpc-prod", "prod", viewtest.NoChange)
			f.Run.ConfigMistakes = 1
			return queued(f)
		}(), StatusCompleted},
	} {
		got, ok := ApplyCheck(c.view)
		if !ok || got.Status != c.status || got.Conclusion != "" && got.Conclusion != "failure" || got.Title != "lockkeeper.yml has 1 mistake" || !strings.Contains(got.Summary, "Fix it and push") {
			t.Errorf("%s: %v %+v", name, ok, got)
		}
	}
}
