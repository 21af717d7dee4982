package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

var (
	noon       = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	repository = run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 3}
)

const (
	newHead = "3f2c1ab9d0e4c27788990011223344556677aabb"
	oldHead = "9aa2c1ab9d0e4c27788990011223344556677aabb"
	base    = "9d0e4c2aa3344556677889900aabbccddeeff0011"
)

// fixture builds a View job by job.
type fixture struct {
	run       run.Run
	summaries map[string]run.Summary
	outputs   map[string]string
}

func newFixture(id string) *fixture {
	return &fixture{
		run: run.Run{
			ID: id, Key: id, Repository: repository, PullRequest: 12, Kind: run.KindPlan, Trigger: run.TriggerComment,
			Actor: "alice", Line: "/plan", HeadSHA: newHead, BaseRef: "main", BaseSHA: base, State: run.StateSucceeded,
			CreatedAt: noon, PreparedAt: noon.Add(time.Second), FinishedAt: noon.Add(9 * time.Second),
		},
		summaries: map[string]run.Summary{}, outputs: map[string]string{},
	}
}

func (f *fixture) job(project, environment string, state run.JobState) *run.Job {
	id := run.JobID(f.run.ID, len(f.run.Jobs))
	f.run.Jobs = append(f.run.Jobs, run.Job{ID: id, State: state, Document: run.JobDocument{
		JobID: id, RunID: f.run.ID, Project: run.JobProject{Name: project, Dir: "live/" + project},
		Environment: run.JobEnvironment{Name: environment},
	}})
	return &f.run.Jobs[len(f.run.Jobs)-1]
}

func (f *fixture) planned(project, environment string, s run.Summary) *fixture {
	for _, c := range s.Changes {
		switch c.Action {
		case run.ActionCreate:
			s.Counts.Add++
		case run.ActionUpdate:
			s.Counts.Change++
		case run.ActionReplace:
			s.Counts.Replace++
		case run.ActionDestroy:
			s.Counts.Destroy++
		}
	}
	s.Counts.Outputs = len(s.Outputs)
	if s.Digest == "" {
		s.Digest = fmt.Sprintf("%q", fmt.Sprint(s.Changes, s.Outputs))
	}
	j := f.job(project, environment, run.JobSucceeded)
	j.Result = &run.Result{Outcome: run.OutcomeSucceeded, Counts: &s.Counts}
	f.summaries[j.ID] = s
	return f
}

// flagged is the same plan, made with flags of Terraform.
func (f *fixture) flagged(flags ...string) *fixture {
	f.run.Flags, f.run.Line = flags, f.run.Line+" -- "+strings.Join(flags, " ")
	for i := range f.run.Jobs {
		f.run.Jobs[i].Document.Flags = flags
	}
	return f
}

// later is the same some minutes later.
func (f *fixture) later(minutes int) *fixture {
	for _, at := range []*time.Time{&f.run.CreatedAt, &f.run.PreparedAt, &f.run.FinishedAt} {
		*at = at.Add(time.Duration(minutes) * time.Minute)
	}
	return f
}

func (f *fixture) failed(project, environment string, p run.Problem) *fixture {
	f.job(project, environment, run.JobFailed).Result = &run.Result{Outcome: run.OutcomeFailed, Problem: &p}
	if f.run.State.Final() {
		f.run.State = run.StateFailed
	}
	return f
}

func (f *fixture) view() View {
	return View{Runs: []run.Run{f.run}, Summaries: f.summaries, CheckURL: "https://github.com/acme/infra/runs/77", ApplyURL: "https://github.com/acme/infra/runs/78"}
}

func (f *fixture) then(newer *fixture) View {
	v := newer.view()
	v.Runs = append(v.Runs, f.run)
	for id, s := range f.summaries {
		v.Summaries[id] = s
	}
	return v
}

func change(a run.Action, address string, diff ...run.Attribute) run.Change {
	kind, _, _ := strings.Cut(address, ".")
	return run.Change{Address: address, Type: kind, Action: a, Diff: diff}
}

var (
	database = change(run.ActionDestroy, "aws_db_instance.orders",
		run.Attribute{Path: "engine", Before: `"postgres"`}, run.Attribute{Path: "instance_class", Before: `"db.t4g.large"`})
	bucket   = change(run.ActionDestroy, "aws_s3_bucket.logs", run.Attribute{Path: "bucket", Before: `"acme-logs"`})
	balancer = run.Change{Address: "aws_lb.public", Type: "aws_lb", Action: run.ActionReplace, Reason: "a changed attribute forces it",
		Diff: []run.Attribute{
			{Path: "internal", Before: "false", After: "true", ForcesReplace: true},
			{Path: "dns_name", Before: `"public.example"`, After: "(known after apply)"},
		}}
	service = change(run.ActionUpdate, `module.api["eu"].aws_ecs_service.this`,
		run.Attribute{Path: "desired_count", Before: "2", After: "4"},
		run.Attribute{Path: "tags.password", Before: "(sensitive value)", After: "(sensitive value)"})
	queue = change(run.ActionCreate, "aws_sqs_queue.jobs",
		run.Attribute{Path: "name", After: `"jobs"`},
		run.Attribute{Path: "policy", After: "<<-EOT\n  {\n    \"Version\": \"2012-10-17\"\n  }\nEOT"})
	topic = change(run.ActionCreate, "aws_sns_topic.alerts", run.Attribute{Path: "name", After: `"alerts"`})
)

func changes(c ...run.Change) run.Summary {
	return run.Summary{Version: run.SummaryVersion, Changes: c}
}

var noChange = run.Summary{Version: run.SummaryVersion, Digest: "nothing"}

var invalidReference = run.Problem{
	Code: "terraform_failed", Message: "Terraform could not plan. Correct what it says below and push again.",
	Detail: "Error: Reference to undeclared input variable\n\n  on main.tf line 4, in resource \"terraform_data\" \"vpc\":\n   4:   input = var.cidr\n\n" +
		"An input variable with the name \"cidr\" has not been declared.",
}

// statusOf is what /status says on the pull request that runs are of.
func statusOf(runs []run.Run, locks run.Locks, at time.Time) string {
	var h run.Holder
	if len(runs) > 0 {
		h = runs[0].Holder()
	}
	return Status(h, runs, locks, at)
}
