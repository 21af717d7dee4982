package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

func checkView(f *fixture) CheckView {
	return CheckView{View: f.view(), HeadSHA: newHead, Outputs: f.outputs}
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
	failed := newFixture("rf").planned("app-dev", "dev", changes(queue)).failed("app-prod", "prod", invalidReference)
	failed.outputs[failed.run.Jobs[0].ID] = "Plan: 1 to add, 0 to change, 0 to destroy.\n"
	failed.outputs[failed.run.Jobs[1].ID] = "\x1b[31mError: Reference to undeclared input variable\x1b[0m\n```\n# forged\n"
	state := func(s run.State, change func(*run.Run)) CheckView {
		return CheckView{View: ended2(s, change), HeadSHA: newHead}
	}
	queued := newFixture("rq")
	queued.job("app-dev", "dev", run.JobQueued)
	queued.run.State = run.StateRunning

	mistaken := newFixture("rc").planned("network-prod", "prod", changes(queue))
	mistaken.run.ConfigMistakes = 2
	mistaken.run.Notes = []string{"`lockkeeper.yml` of this pull request has 2 mistakes, the first on line 4: `projects[0].dri is not a key`. Correct it before the merge: nothing would be planned after it."}

	for name, v := range map[string]CheckView{
		"config":     checkView(mistaken),
		"planned":    checkView(newFixture("ro").planned("network-prod", "prod", changes(database, balancer, service, queue))),
		"no_op":      checkView(newFixture("ro").planned("network-prod", "prod", noChange)),
		"failed":     checkView(failed),
		"queued":     checkView(queued),
		"running":    checkView(running()),
		"live":       longRunning(),
		"nothing":    state(run.StateSucceeded, func(*run.Run) {}),
		"refused":    state(run.StateRefused, func(r *run.Run) { r.Trigger, r.Problem = run.TriggerPush, configProblem }),
		"cancelled":  state(run.StateCancelled, func(r *run.Run) { r.CancelledBy = "bob" }),
		"superseded": state(run.StateSuperseded, func(r *run.Run) { r.SupersededBy = oldHead }),
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
	v.Live = map[string]run.Lines{v.Runs[0].Jobs[1].ID: {At: noon.Add(25 * time.Second), Text: "$ terraform plan\n" +
		"data.aws_ami.this: Reading...\n```\n# @octocat see #1\n</details>\x1b[31m\n````` & \u202eback\ndata.aws_ami.this: Still reading... [10s elapsed]"}}
	for _, j := range []int{0, 2} { // what did not begin or is over shows nothing
		v.Live[v.Runs[0].Jobs[j].ID] = run.Lines{Text: "not to be seen"}
	}
	return v
}

func TestManyRunningJobsFitIntoACheck(t *testing.T) {
	f := newFixture("r2")
	f.run.State, f.run.FinishedAt = run.StateRunning, time.Time{}
	for n := range 40 {
		f.job(fmt.Sprint("app-", n), "dev", run.JobRunning)
	}
	v := checkView(f)
	v.Live = map[string]run.Lines{}
	for _, j := range f.run.Jobs {
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
	big := CheckView{View: views["too_large"], HeadSHA: newHead, Outputs: map[string]string{}}
	for _, j := range big.Runs[0].Jobs {
		big.Outputs[j.ID] = strings.Repeat("a line of output\n", 4_000)
	}
	for name, v := range map[string]CheckView{"200 projects": big, "3,000 destroys": {View: views["destroys_3000"], HeadSHA: newHead}} {
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
	v := checkView(newFixture("ro").planned("network-prod", "prod", noChange))
	v.HeadSHA = oldHead
	if c, ok := CheckRun(v); ok {
		t.Errorf("got %+v", c)
	}
}

func TestStatus(t *testing.T) {
	active := running()
	active.run.Jobs[1].StartedAt = noon.Add(20 * time.Second)
	accepted := newFixture("ra")
	accepted.run.State, accepted.run.HeadSHA, accepted.run.Line = run.StateAccepted, "", "/plan network-*"
	failed := newFixture("rf").planned("app-dev", "dev", changes(queue)).failed("app-prod", "prod", invalidReference)
	refused := newFixture("rr")
	refused.run.State, refused.run.Line = run.StateRefused, "/plan nowhere | x"
	refused.run.Problem = &run.Problem{Message: "There is no project `nowhere | x`."}
	push := newFixture("rp").planned("app-dev", "dev", noChange)
	push.run.Trigger, push.run.Line = run.TriggerPush, ""
	cancelled := newFixture("rc")
	cancelled.run.State, cancelled.run.CancelledBy = run.StateCancelled, "bob"

	now := noon.Add(95 * time.Second)
	golden(t, "status_none", statusOf(nil, run.Locks{}, now))
	golden(t, "status_idle", statusOf([]run.Run{failed.run, push.run}, run.Locks{}, now.Add(50*time.Hour)))
	golden(t, "status_active", statusOf([]run.Run{accepted.run, active.run, failed.run, refused.run, cancelled.run, push.run}, run.Locks{}, now))
	golden(t, "refusal", Refusal(refused.run))
	golden(t, "refusal_config", Refusal(run.Run{State: run.StateRefused, Problem: configProblem}))
}

func TestReadingRunsOfOneCommit(t *testing.T) {
	old := newFixture("r1").planned("a", "dev", noChange).planned("b", "dev", noChange)
	named := newFixture("r2").planned("b", "dev", changes(queue))
	named.run.Selectors = []string{"b"}
	refused := newFixture("r3")
	refused.run.State, refused.run.PreparedAt = run.StateRefused, time.Time{}
	all := newFixture("r4").planned("c", "dev", noChange)
	group := newFixture("r6").planned("g", "dev", noChange)
	group.run.Trigger, group.run.HeadSHA = run.TriggerQueue, base
	other := newFixture("r5").planned("x", "dev", noChange)
	other.run.HeadSHA = oldHead

	for name, c := range map[string]struct {
		runs []run.Run
		head string
		want string
	}{
		"the newest of each project":              {[]run.Run{named.run, old.run}, "", "a of r1, b of r2"},
		"a run of all replaces what was before":   {[]run.Run{all.run, named.run, old.run}, "", "c of r4"},
		"a refusal that was answered is left out": {[]run.Run{refused.run, old.run}, "", "a of r1, b of r1"},
		"only the newest commit":                  {[]run.Run{old.run, other.run}, "", "a of r1, b of r1"},
		"a group of the merge queue":              {[]run.Run{group.run, old.run}, "", "a of r1, b of r1"},
		"that group when asked for":               {[]run.Run{group.run, old.run}, base, "g of r6"},
		"an older commit when asked for":          {[]run.Run{old.run, other.run}, oldHead, "x of r5"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := View{Runs: c.runs}.pick(c.head)
			var got []string
			for _, s := range p.standings {
				got = append(got, s.Project+" of "+s.PlanRun.ID)
			}
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}
