package report

import (
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// resultOf is the reply about the newest run of a view, an apply of the plans in the
// others.
func resultOf(in view.Input) ResultView {
	out := ResultView{Input: in, Run: in.Runs[0], Plans: map[string]run.Job{}, Outputs: map[string]string{},
		CommentURL: "https://github.com/acme/infra/runs/77#issuecomment-5"}
	for _, r := range in.Runs[1:] {
		for _, j := range r.Jobs {
			out.Plans[j.ID] = j
		}
	}
	return out
}

// printed is what Terraform printed in the apply of a project.
func (v ResultView) printed(project, output string, diagnostics ...run.Diagnostic) ResultView {
	for i, j := range v.Run.Jobs {
		if view.ProjectOf(j) == project {
			v.Outputs[j.ID] = output
			result := *j.Result
			result.Began, result.Diagnostics = true, diagnostics
			v.Run.Jobs[i].Result = &result
		}
	}
	return v
}

const halfOutput = `aws_sqs_queue.jobs: Creating...
aws_sqs_queue.jobs: Creation complete after 1s [id=jobs]
aws_db_instance.orders: Destroying... [id=orders]
`

var databaseBusy = run.Diagnostic{Title: "deleting RDS DB Instance (orders): InvalidDBInstanceState", Path: "live/network-prod/main.tf", Line: 4, Address: "aws_db_instance.orders"}

func results() map[string]ResultView {
	failed := viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue))
	plan, empty := viewtest.Three(), viewtest.New("r1").Planned("network-prod", "prod", viewtest.NoChange)
	button := resultOf(failed.Then(failed.Apply("r9", "network-prod")))
	button.Run.Trigger, button.Run.Line = run.TriggerButton, ""
	ended := func(mark func(*run.Run)) ResultView {
		v := resultOf(plan.Then(plan.Apply("r9")))
		v.Run.Jobs, v.Run.State, v.Run.PreparedAt = nil, run.StateCancelled, time.Time{}
		mark(&v.Run)
		return v
	}
	stopped := resultOf(plan.Then(plan.Apply("r9", "network-prod cancelled", "app-prod cancelled")))
	stopped.Run.SupersededBy = viewtest.OldHead
	merged := resultOf(failed.Then(failed.Apply("r9", "network-prod")))
	merged.Automerge = true
	return map[string]ResultView{
		"one":      resultOf(failed.Then(failed.Apply("r9", "network-prod"))),
		"several":  resultOf(plan.Then(plan.Apply("r9", "network-prod", "app-prod"))),
		"button":   button,
		"merging":  merged,
		"nothing":  resultOf(empty.Then(empty.Apply("r9"))),
		"failed":   resultOf(failed.Then(failed.Apply("r9", "network-prod failed"))).printed("network-prod", halfOutput, databaseBusy),
		"partly":   resultOf(plan.Then(plan.Apply("r9", "network-prod failed", "app-prod skipped"))).printed("network-prod", halfOutput, databaseBusy),
		"silent":   resultOf(failed.Then(failed.Apply("r9", "network-prod failed"))),
		"killed":   resultOf(failed.Then(failed.Apply("r9", "network-prod failed").Because("network-prod", viewtest.Killed))).printed("network-prod", halfOutput),
		"astray":   resultOf(failed.Then(failed.Apply("r9", "network-prod failed").Because("network-prod", viewtest.NotSaved))),
		"stopped":  stopped,
		"not_ours": ended(func(r *run.Run) { r.CancelledBy = "carol" }),
		"closed":   ended(func(r *run.Run) { r.Closed = true }),
	}
}

func TestResults(t *testing.T) {
	for name, v := range results() {
		t.Run(name, func(t *testing.T) {
			text := Result(v)
			golden(t, "result_"+name, text)
			if !strings.HasPrefix(text, "@bob") {
				t.Errorf("who asked is not mentioned first:\n%s", text)
			}
			if s := judge(t, unmentioned(v.Run, text)); s.Headings != 0 || s.Fences != 0 || len(text) > 3000 {
				t.Errorf("it is not short: %+v", s)
			}
		})
	}
}

func TestAReplyIsBounded(t *testing.T) {
	f := viewtest.New("r1")
	var all []string
	for i := range 300 {
		project := "p" + strings.Repeat("x", 90) + string(rune('a'+i%26)) + string(rune('a'+i/26))
		f.Planned(project, "prod", viewtest.Changes(viewtest.Database, viewtest.Queue))
		all = append(all, project+" failed")
	}
	v := resultOf(f.Then(f.Apply("r9", all...)))
	for _, j := range v.Run.Jobs {
		v = v.printed(view.ProjectOf(j), halfOutput, databaseBusy, databaseBusy, databaseBusy, databaseBusy, databaseBusy)
	}
	if text := Result(v); len(text) > 15_000 || !strings.Contains(text, "290 more projects") {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
}

func TestOnlyLoginsAreMentioned(t *testing.T) {
	for actor, want := range map[string]string{"bob": "@bob ", "a-b_acme": "@a-b_acme ", "acme/admins": "`acme/admins` ", "x @acme/admins": "`x @acme/admins` ", "": ""} {
		if got := mentions(run.Run{Actor: actor}); got != want {
			t.Errorf("%q is mentioned as %q, want %q", actor, got, want)
		}
	}
}

// Found in use: after a later plan nobody could see who had applied what.
func TestALaterPlanLeavesWhoAppliedWhat(t *testing.T) {
	plan := viewtest.Three()
	apply := plan.Apply("r5", "network-prod", "app-prod failed")
	again := viewtest.New("r9").Planned("network-prod", "prod", viewtest.NoChange).Planned("app-prod", "prod", viewtest.Changes(viewtest.Service)).Planned("dns-prod", "prod", viewtest.NoChange).Later(120)
	in := again.Input()
	in.Runs = append(in.Runs, apply.Run, plan.Run)
	in.Applies = []run.Run{apply.Because("app-prod", viewtest.BucketTaken).Run}
	text := Comment(in)
	golden(t, "comment_applied_before", text)
	if want := "**Applied before**: network-prod; not to its end app-prod: `/apply` by `bob`, 2026-03-04 13:01 UTC, commit `3f2c1ab`."; !strings.Contains(text, want) {
		t.Errorf("want %q in\n%s", want, text)
	}
}

func TestAPlanThatWaitsForAnApplyIsSaidAndHidesNothing(t *testing.T) {
	plan := viewtest.New("r1").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue))
	apply := plan.Apply("r5", "network-prod running")
	in := plan.Then(apply)
	before := Comment(in)
	waiting := run.Run{ID: "r6", Subject: run.Subject{Repository: viewtest.Repository, PullRequest: 12}, Kind: run.KindPlan, Trigger: run.TriggerComment, Actor: "carol", Line: "/plan", State: run.StateAccepted,
		CreatedAt: viewtest.Noon.Add(2 * time.Hour)}
	in.Runs = append([]run.Run{waiting}, in.Runs...)
	text := Comment(in)
	golden(t, "comment_apply_queued", text)
	line := "**Queued**: `/plan` by `carol`. It runs when this apply has ended.\n\n"
	if got := strings.Replace(text, line, "", 1); got != before || !strings.Contains(text, line) {
		t.Errorf("with a plan that waits:\n%s", text)
	}
	in.Runs[1] = plan.Apply("r5", "network-prod").Run
	if text := Comment(in); !strings.HasPrefix(text, "### Applied: ") || strings.Contains(text, "Queued") {
		t.Errorf("at the end of the apply:\n%s", text)
	}
}
