package viewtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// When and where everything is.
var (
	Noon       = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	Repository = run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 3}
)

// Commits.
const (
	NewHead = "3f2c1ab9d0e4c27788990011223344556677aabb"
	OldHead = "9aa2c1ab9d0e4c27788990011223344556677aabb"
	Base    = "9d0e4c2aa3344556677889900aabbccddeeff0011"

	GroupBranch = "gh-readonly-queue/main/pr-12-" + Base // of a merge queue
)

// Fixture builds a view.Input job by job.
type Fixture struct {
	Run       run.Run
	Summaries map[string]run.Summary
	Outputs   map[string]string
}

// New is a plan by alice that succeeded, without projects.
func New(id string) *Fixture {
	return &Fixture{
		Run: run.Run{
			ID: id, Key: id, Subject: run.Subject{Repository: Repository, PullRequest: 12}, Kind: run.KindPlan, Trigger: run.TriggerComment,
			Actor: "alice", Line: "/plan", HeadSHA: NewHead, BaseRef: "main", BaseSHA: Base, State: run.StateSucceeded,
			CreatedAt: Noon, PreparedAt: Noon.Add(time.Second), FinishedAt: Noon.Add(9 * time.Second),
		},
		Summaries: map[string]run.Summary{}, Outputs: map[string]string{},
	}
}

// Job adds a job.
func (f *Fixture) Job(project, environment string, state run.JobState) *run.Job {
	id := run.JobID(f.Run.ID, len(f.Run.Jobs))
	f.Run.Jobs = append(f.Run.Jobs, run.Job{ID: id, State: state, Document: run.JobDocument{
		JobID: id, RunID: f.Run.ID, Project: run.JobProject{Name: project, Dir: "live/" + project},
		Environment: run.JobEnvironment{Name: environment},
	}})
	return &f.Run.Jobs[len(f.Run.Jobs)-1]
}

// Planned adds a project with a plan, and counts its changes.
func (f *Fixture) Planned(project, environment string, s run.Summary) *Fixture {
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
	j := f.Job(project, environment, run.JobSucceeded)
	j.Result = &run.Result{Outcome: run.OutcomeSucceeded, Counts: &s.Counts}
	f.Summaries[j.ID] = s
	return f
}

// Flagged is the same plan, made with flags of Terraform.
func (f *Fixture) Flagged(flags ...string) *Fixture {
	f.Run.Flags, f.Run.Line = flags, f.Run.Line+" -- "+strings.Join(flags, " ")
	for i := range f.Run.Jobs {
		f.Run.Jobs[i].Document.Flags = flags
	}
	return f
}

// Later is the same some minutes later.
func (f *Fixture) Later(minutes int) *Fixture {
	for _, at := range []*time.Time{&f.Run.CreatedAt, &f.Run.PreparedAt, &f.Run.FinishedAt} {
		*at = at.Add(time.Duration(minutes) * time.Minute)
	}
	return f
}

// Failed adds a project that could not be planned.
func (f *Fixture) Failed(project, environment string, p run.Problem) *Fixture {
	f.Job(project, environment, run.JobFailed).Result = &run.Result{Outcome: run.OutcomeFailed, Problem: &p}
	if f.Run.State.Final() {
		f.Run.State = run.StateFailed
	}
	return f
}

// Input is what is known of f alone.
func (f *Fixture) Input() view.Input {
	return view.Input{Runs: []run.Run{f.Run}, Summaries: f.Summaries, CheckURL: "https://github.com/acme/infra/runs/77", ApplyURL: "https://github.com/acme/infra/runs/78"}
}

// Then is the input of f and a newer run.
func (f *Fixture) Then(newer *Fixture) view.Input {
	in := newer.Input()
	in.Runs = append(in.Runs, f.Run)
	for id, s := range f.Summaries {
		in.Summaries[id] = s
	}
	return in
}

// Change is a change of a resource.
func Change(a run.Action, address string, diff ...run.Attribute) run.Change {
	kind, _, _ := strings.Cut(address, ".")
	return run.Change{Address: address, Type: kind, Action: a, Diff: diff}
}

// Changes of resources.
var (
	Database = Change(run.ActionDestroy, "aws_db_instance.orders",
		run.Attribute{Path: "engine", Before: `"postgres"`}, run.Attribute{Path: "instance_class", Before: `"db.t4g.large"`})
	Bucket   = Change(run.ActionDestroy, "aws_s3_bucket.logs", run.Attribute{Path: "bucket", Before: `"acme-logs"`})
	Balancer = run.Change{Address: "aws_lb.public", Type: "aws_lb", Action: run.ActionReplace, Reason: "a changed attribute forces it",
		Diff: []run.Attribute{
			{Path: "internal", Before: "false", After: "true", ForcesReplace: true},
			{Path: "dns_name", Before: `"public.example"`, After: "(known after apply)"},
		}}
	Service = Change(run.ActionUpdate, `module.api["eu"].aws_ecs_service.this`,
		run.Attribute{Path: "desired_count", Before: "2", After: "4"},
		run.Attribute{Path: "tags.password", Before: "(sensitive value)", After: "(sensitive value)"})
	Queue = Change(run.ActionCreate, "aws_sqs_queue.jobs",
		run.Attribute{Path: "name", After: `"jobs"`},
		run.Attribute{Path: "policy", After: "<<-EOT\n  {\n    \"Version\": \"2012-10-17\"\n  }\nEOT"})
	Topic = Change(run.ActionCreate, "aws_sns_topic.alerts", run.Attribute{Path: "name", After: `"alerts"`})
)

// Changes is the summary of a plan.
func Changes(c ...run.Change) run.Summary {
	return run.Summary{Version: run.SummaryVersion, Changes: c}
}

// NoChange is the summary of a plan without changes.
var NoChange = run.Summary{Version: run.SummaryVersion, Digest: "nothing"}

// InvalidReference is the problem of a plan.
var InvalidReference = run.Problem{
	Code: "terraform_failed", Message: "Terraform could not plan. Correct what it says below and push again.",
	Detail: "Error: Reference to undeclared input variable\n\n  on main.tf line 4, in resource \"terraform_data\" \"vpc\":\n   4:   input = var.cidr\n\n" +
		"An input variable with the name \"cidr\" has not been declared.",
}

// ConfigProblem is the problem of a run whose config has a mistake.
var ConfigProblem = &run.Problem{Code: "config", Detail: "lockkeeper.yml:4: projects[0].dri: unknown key",
	Message: "`lockkeeper.yml` on the base branch has mistakes, so nothing was planned. Fix it on the base branch, then comment `/plan`."}
