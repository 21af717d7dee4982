package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

func checkView(f *viewtest.Fixture) CheckView {
	return CheckView{Input: f.Input(), HeadSHA: viewtest.NewHead, Outputs: f.Outputs}
}

// goldenText writes a check run as people see it: the line in the list of
// checks, then its page.
func (c Check) goldenText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s · %s %s · %s\n", c.Name, c.Status, c.Conclusion, c.Title)
	fmt.Fprintf(&b, "external id %s, %s to %s\n", c.ExternalID, c.StartedAt.Format(time.TimeOnly), c.CompletedAt.Format(time.TimeOnly))
	for _, a := range c.Actions {
		fmt.Fprintf(&b, "[%s] %s (%s)\n", a.Label, a.Description, a.Identifier)
	}
	return b.String() + "\n===== summary\n\n" + c.Summary + "\n===== text\n\n" + c.Text
}

func TestCheckRun(t *testing.T) {
	failed := viewtest.New("rf").Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue)).Failed("app-prod", "prod", viewtest.InvalidReference)
	failed.Outputs[failed.Run.Jobs[0].ID] = "Plan: 1 to add, 0 to change, 0 to destroy.\n"
	failed.Outputs[failed.Run.Jobs[1].ID] = "\x1b[31mError: Reference to undeclared input variable\x1b[0m\n```\n# forged\n"
	state := func(s run.State, change func(*run.Run)) CheckView {
		return CheckView{Input: ended2(s, change), HeadSHA: viewtest.NewHead}
	}
	queued := viewtest.New("rq")
	queued.Job("app-dev", "dev", run.JobQueued)
	queued.Run.State = run.StateRunning

	mistaken := viewtest.New("rc").Planned("network-prod", "prod", viewtest.Changes(viewtest.Queue))
	mistaken.Run.ConfigMistakes = 2
	mistaken.Run.Notes = []string{"`lockkeeper.yml` of this pull request has 2 mistakes, the first on line 4: `projects[0].dri is not a key`. Correct it before the merge: nothing would be planned after it."}

	for name, v := range map[string]CheckView{
		"config":     checkView(mistaken),
		"planned":    checkView(viewtest.New("ro").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Balancer, viewtest.Service, viewtest.Queue))),
		"no_op":      checkView(viewtest.New("ro").Planned("network-prod", "prod", viewtest.NoChange)),
		"failed":     checkView(failed),
		"queued":     checkView(queued),
		"running":    checkView(running()),
		"machine":    checkView(withoutMachine(running())),
		"live":       longRunning(),
		"nothing":    state(run.StateSucceeded, func(*run.Run) {}),
		"refused":    state(run.StateRefused, func(r *run.Run) { r.Trigger, r.Problem = run.TriggerPush, viewtest.ConfigProblem }),
		"cancelled":  state(run.StateCancelled, func(r *run.Run) { r.CancelledBy = "bob" }),
		"superseded": state(run.StateSuperseded, func(r *run.Run) { r.SupersededBy = viewtest.OldHead }),
	} {
		t.Run(name, func(t *testing.T) {
			c, ok := CheckRun(v)
			if !ok {
				t.Fatal("there is no check run")
			}
			golden(t, "check_"+name, c.goldenText())
		})
	}
}

// longRunning is a plan that people wait for, with everything in its output that
// could leave a fence or call somebody.
func longRunning() CheckView {
	v := checkView(running())
	v.Live = map[string]run.Lines{v.Runs[0].Jobs[1].ID: {At: viewtest.Noon.Add(25 * time.Second), Text: "$ terraform plan\n" +
		"data.aws_ami.this: Reading...\n```\n# @octocat see #1\n</details>\x1b[31m\n````` & \u202eback\ndata.aws_ami.this: Still reading... [10s elapsed]"}}
	for _, j := range []int{0, 2} { // what did not begin or is over shows nothing
		v.Live[v.Runs[0].Jobs[j].ID] = run.Lines{Text: "not to be seen"}
	}
	return v
}

func TestManyRunningJobsFitIntoACheck(t *testing.T) {
	f := viewtest.New("r2")
	f.Run.State, f.Run.FinishedAt = run.StateRunning, time.Time{}
	for n := range 40 {
		f.Job(fmt.Sprint("app-", n), "dev", run.JobRunning)
	}
	v := checkView(f)
	v.Live = map[string]run.Lines{}
	for _, j := range f.Run.Jobs {
		v.Live[j.ID] = run.Lines{Text: strings.Repeat("data.aws_ami.this: Still reading... [10s elapsed]\n", 80)}
	}
	c, ok := CheckRun(v)
	if !ok || len(c.Text) > 65_535 || strings.Count(c.Text, "What Terraform prints") < 10 {
		t.Errorf("%d bytes about %d jobs", len(c.Text), strings.Count(c.Text, "What Terraform prints"))
	}
	judge(t, c.Text)
}

func TestCheckRunsKeepWithinTheLimits(t *testing.T) {
	views := goldenViews()
	big := CheckView{Input: views["too_large"], HeadSHA: viewtest.NewHead, Outputs: map[string]string{}}
	for _, j := range big.Runs[0].Jobs {
		big.Outputs[j.ID] = strings.Repeat("a line of output\n", 4_000)
	}
	for name, v := range map[string]CheckView{"200 projects": big, "3,000 destroys": {Input: views["destroys_3000"], HeadSHA: viewtest.NewHead}} {
		c, ok := CheckRun(v)
		if strings.Contains(c.Text, "see the check run") || !strings.Contains(c.Text, "The server stores the whole plan") {
			t.Errorf("%s: the check run refers to itself:\n%s", name, c.Text[len(c.Text)-600:])
		}
		if !ok || len(c.Summary) > 65_535 || len(c.Text) > 65_535 || len(c.Title) > 255 {
			t.Errorf("%s: summary of %d, text of %d, title of %d bytes", name, len(c.Summary), len(c.Text), len(c.Title))
		}
		judge(t, c.Text)
		for _, a := range c.Actions {
			if len(a.Label) > 20 || len(a.Description) > 40 || len(a.Identifier) > 20 {
				t.Errorf("the button is too long: %+v", a)
			}
		}
	}
}

func TestNoCheckRunForACommitThatWasNeverPlanned(t *testing.T) {
	v := checkView(viewtest.New("ro").Planned("network-prod", "prod", viewtest.NoChange))
	v.HeadSHA = viewtest.OldHead
	if c, ok := CheckRun(v); ok {
		t.Errorf("got %+v", c)
	}
}

func TestStatus(t *testing.T) {
	active := running()
	active.Run.Jobs[1].StartedAt = viewtest.Noon.Add(20 * time.Second)
	accepted := viewtest.New("ra")
	accepted.Run.State, accepted.Run.HeadSHA, accepted.Run.Line = run.StateAccepted, "", "/plan network-*"
	failed := viewtest.New("rf").Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue)).Failed("app-prod", "prod", viewtest.InvalidReference)
	refused := viewtest.New("rr")
	refused.Run.State, refused.Run.Line = run.StateRefused, "/plan nowhere | x"
	refused.Run.Problem = &run.Problem{Message: "There is no project `nowhere | x`."}
	push := viewtest.New("rp").Planned("app-dev", "dev", viewtest.NoChange)
	push.Run.Trigger, push.Run.Line = run.TriggerPush, ""
	cancelled := viewtest.New("rc")
	cancelled.Run.State, cancelled.Run.CancelledBy = run.StateCancelled, "bob"

	now := viewtest.Noon.Add(95 * time.Second)
	golden(t, "status_none", statusOf(nil, run.Locks{}, now))
	golden(t, "status_idle", statusOf([]run.Run{failed.Run, push.Run}, run.Locks{}, now.Add(50*time.Hour)))
	golden(t, "status_active", statusOf([]run.Run{accepted.Run, active.Run, failed.Run, refused.Run, cancelled.Run, push.Run}, run.Locks{}, now))
	golden(t, "refusal", Refusal(refused.Run))
	golden(t, "refusal_config", Refusal(run.Run{State: run.StateRefused, Problem: viewtest.ConfigProblem}))
}
