package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

// resultOf is the reply about the newest run of a view, an apply of the plans in the
// others.
func resultOf(v View) ResultView {
	out := ResultView{View: v, Run: v.Runs[0], Plans: map[string]run.Job{}, Outputs: map[string]string{},
		CommentURL: "https://github.com/acme/infra/runs/77#issuecomment-5"}
	for _, r := range v.Runs[1:] {
		for _, j := range r.Jobs {
			out.Plans[j.ID] = j
		}
	}
	return out
}

// printed is what Terraform printed in the apply of a project.
func (v ResultView) printed(project, output string, diagnostics ...run.Diagnostic) ResultView {
	for i, j := range v.Run.Jobs {
		if projectOf(j) == project {
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
	failed := newFixture("r1").planned("network-prod", "prod", changes(database, queue))
	plan, empty := three(), newFixture("r1").planned("network-prod", "prod", noChange)
	button := resultOf(failed.then(failed.apply("r9", "network-prod")))
	button.Run.Trigger, button.Run.Line = run.TriggerButton, ""
	ended := func(mark func(*run.Run)) ResultView {
		v := resultOf(plan.then(plan.apply("r9")))
		v.Run.Jobs, v.Run.State, v.Run.PreparedAt = nil, run.StateCancelled, time.Time{}
		mark(&v.Run)
		return v
	}
	stopped := resultOf(plan.then(plan.apply("r9", "network-prod cancelled", "app-prod cancelled")))
	stopped.Run.SupersededBy = oldHead
	merged := resultOf(failed.then(failed.apply("r9", "network-prod")))
	merged.Automerge = true
	return map[string]ResultView{
		"one":      resultOf(failed.then(failed.apply("r9", "network-prod"))),
		"several":  resultOf(plan.then(plan.apply("r9", "network-prod", "app-prod"))),
		"button":   button,
		"merging":  merged,
		"nothing":  resultOf(empty.then(empty.apply("r9"))),
		"failed":   resultOf(failed.then(failed.apply("r9", "network-prod failed"))).printed("network-prod", halfOutput, databaseBusy),
		"partly":   resultOf(plan.then(plan.apply("r9", "network-prod failed", "app-prod skipped"))).printed("network-prod", halfOutput, databaseBusy),
		"silent":   resultOf(failed.then(failed.apply("r9", "network-prod failed"))),
		"killed":   resultOf(failed.then(failed.apply("r9", "network-prod failed").because("network-prod", killed))).printed("network-prod", halfOutput),
		"astray":   resultOf(failed.then(failed.apply("r9", "network-prod failed").because("network-prod", notSaved))),
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
	f := newFixture("r1")
	var all []string
	for i := range 300 {
		project := "p" + strings.Repeat("x", 90) + string(rune('a'+i%26)) + string(rune('a'+i/26))
		f.planned(project, "prod", changes(database, queue))
		all = append(all, project+" failed")
	}
	v := resultOf(f.then(f.apply("r9", all...)))
	for _, j := range v.Run.Jobs {
		v = v.printed(projectOf(j), halfOutput, databaseBusy, databaseBusy, databaseBusy, databaseBusy, databaseBusy)
	}
	if text := Result(v); len(text) > 15_000 || !strings.Contains(text, "290 more projects") {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
}

func TestHowFarAnApplyCameIsToldByAddress(t *testing.T) {
	list := []run.Change{
		change(run.ActionCreate, "a.made"), change(run.ActionCreate, "a.broken"), change(run.ActionCreate, "a.left"), change(run.ActionUpdate, `a.x["k: v"]`),
		change(run.ActionReplace, "a.half"), change(run.ActionReplace, "a.deposed"), change(run.ActionDestroy, "a.gone"), change(run.ActionRead, "data.a.b"),
	}
	output := `$ terraform apply
a.made: Creating...
a.half: Destroying... [id=1]
a.half: Destruction complete after 0s
a.half: Creating...
a.broken: Creating...
a.made: Creation complete after 0s [id=2]
a.x["k: v"]: Modifying... [id=3]
a.x["k: v"]: Modifications complete after 0s [id=3]
a.deposed: Creating...
a.deposed: Creation complete after 0s [id=4]
a.deposed (deposed object 0a1b2c3d): Destroying... [id=5]
a.deposed (deposed object 0a1b2c3d): Destruction complete after 0s
a.gone: Destroying... [id=6]
a.broken (local-exec): a.left: Creation complete after 0s
other.thing: Creation complete after 0s
`
	got := howFar(output, list)
	want := reached{made: []string{"a.made", `a.x["k: v"]`, "a.deposed"}, failed: []string{"a.broken", "a.half", "a.gone"}, left: []string{"a.left"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(reached{})); diff != "" {
		t.Error(diff)
	}
	if cut := howFar("… 5 bytes left out here …\n"+output, list); cut.left != nil {
		t.Errorf("nobody knows what was not begun, and it says %v", cut.left)
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
	plan := three()
	apply := plan.apply("r5", "network-prod", "app-prod failed")
	again := newFixture("r9").planned("network-prod", "prod", noChange).planned("app-prod", "prod", changes(service)).planned("dns-prod", "prod", noChange).later(120)
	v := again.view()
	v.Runs = append(v.Runs, apply.run, plan.run)
	v.Applies = []run.Run{apply.because("app-prod", bucketTaken).run}
	text := Comment(v)
	golden(t, "comment_applied_before", text)
	if want := "**Applied before**: network-prod; not to its end app-prod: `/apply` by `bob`, 2026-03-04 13:01 UTC, commit `3f2c1ab`."; !strings.Contains(text, want) {
		t.Errorf("want %q in\n%s", want, text)
	}
}

func TestAPlanThatWaitsForAnApplyIsSaidAndHidesNothing(t *testing.T) {
	plan := newFixture("r1").planned("network-prod", "prod", changes(database, queue))
	apply := plan.apply("r5", "network-prod running")
	v := plan.then(apply)
	before := Comment(v)
	waiting := run.Run{ID: "r6", Repository: repository, PullRequest: 12, Kind: run.KindPlan, Trigger: run.TriggerComment, Actor: "carol", Line: "/plan", State: run.StateAccepted,
		CreatedAt: noon.Add(2 * time.Hour)}
	v.Runs = append([]run.Run{waiting}, v.Runs...)
	text := Comment(v)
	golden(t, "comment_apply_queued", text)
	line := "**Queued**: `/plan` by `carol`. It runs when this apply has ended.\n\n"
	if got := strings.Replace(text, line, "", 1); got != before || !strings.Contains(text, line) {
		t.Errorf("with a plan that waits:\n%s", text)
	}
	v.Runs[1] = plan.apply("r5", "network-prod").run
	if text := Comment(v); !strings.HasPrefix(text, "### Applied: ") || strings.Contains(text, "Queued") {
		t.Errorf("at the end of the apply:\n%s", text)
	}
}
