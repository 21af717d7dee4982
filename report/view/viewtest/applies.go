package viewtest

import (
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// Apply is an apply of f's plans by bob, one job per item: "name" for one that
// succeeded, or "name running", "name failed" and so on.
func (f *Fixture) Apply(id string, items ...string) *Fixture {
	a := &Fixture{Run: f.Run, Summaries: f.Summaries, Outputs: f.Outputs}
	a.Run.ID, a.Run.Key, a.Run.Kind, a.Run.Line, a.Run.Actor = id, id, run.KindApply, "/apply", "bob"
	a.Run.Selectors, a.Run.Blocked, a.Run.Gate, a.Run.Notes, a.Run.Behind = nil, nil, nil, nil, 0
	a.Run.CreatedAt, a.Run.PreparedAt, a.Run.FinishedAt = Noon.Add(time.Hour), Noon.Add(time.Hour+time.Second), Noon.Add(time.Hour+95*time.Second)
	a.Run.Jobs, a.Run.State = nil, run.StateSucceeded
	for _, item := range items {
		project, state, _ := strings.Cut(item, " ")
		a.ApplyJob(f, project, run.JobState(state))
	}
	return a
}

// ApplyJob adds a job of an apply of plan's project.
func (f *Fixture) ApplyJob(plan *Fixture, project string, state run.JobState) {
	if state == "" {
		state = run.JobSucceeded
	}
	environment := ""
	p := &run.JobPlan{}
	for _, j := range plan.Run.Jobs {
		if view.ProjectOf(j) == project {
			environment, p.JobID = j.Document.Environment.Name, j.ID
		}
	}
	if p.JobID == "" {
		panic("there is no plan of " + project)
	}
	j := f.Job(project, environment, state)
	j.Document.Command, j.Document.Plan, j.StartedAt = run.KindApply, p, Noon.Add(time.Hour+2*time.Second)
	switch state {
	case run.JobSucceeded:
		j.Result = &run.Result{Outcome: run.OutcomeSucceeded, Terraform: "Terraform 1.11.4"}
	case run.JobFailed:
		j.Result, f.Run.State = &run.Result{Outcome: run.OutcomeFailed, Problem: &BucketTaken}, run.StateFailed
	case run.JobSkipped:
		j.Result, f.Run.State = &run.Result{Outcome: run.OutcomeCancelled, Problem: &skipped}, run.StateFailed
	case run.JobCancelled:
		j.Result, f.Run.State = &run.Result{Outcome: run.OutcomeCancelled, Problem: &withdrawn}, run.StateCancelled
	default:
		f.Run.State, f.Run.FinishedAt = run.StateRunning, time.Time{}
	}
}

// Because replaces the problem of a project's job.
func (f *Fixture) Because(project string, p run.Problem) *Fixture {
	for i, j := range f.Run.Jobs {
		if view.ProjectOf(j) == project {
			result := *j.Result
			result.Problem, result.Began = &p, true
			f.Run.Jobs[i].Result = &result
		}
	}
	return f
}

// Judged says what rules found about the plan of a project.
func (f *Fixture) Judged(project string, r run.PolicyResult) *Fixture {
	for i, j := range f.Run.Jobs {
		if view.ProjectOf(j) == project {
			f.Run.Jobs[i].Result.Policy = &r
		}
	}
	return f
}

// Problems of applies.
var (
	BucketTaken = run.Problem{
		Code: "apply_failed", Message: "Terraform stopped in the middle: what it did until then is in the state, the rest was not done. " +
			"Correct what it says below, push, and comment `/plan` to see what is left.",
		Detail: "Error: creating S3 Bucket (acme-logs): BucketAlreadyExists: The requested bucket name is not available.\n\n" +
			"  with aws_s3_bucket.logs,\n  on main.tf line 4, in resource \"aws_s3_bucket\" \"logs\":\n   4: resource \"aws_s3_bucket\" \"logs\" {",
	}
	skipped = run.Problem{Code: "skipped", Message: "It comes after `network-prod`, which was not applied. Its plan was not used, " +
		"but it was made for one apply: comment `/plan`, then `/apply`."}
	withdrawn = run.Problem{Code: "withdrawn", Message: "Stopped before anything was changed, because the pull request changed meanwhile. Comment `/plan`, then `/apply`."}
	Killed    = run.Problem{Code: "interrupted", Message: "The apply ended without saying how, because its process was killed or the server restarted. " +
		"Nobody knows how far it got, and it was not repeated. Read what Terraform printed until then, and comment `/plan`: it shows what is left to do."}
	NotSaved = run.Problem{Code: "state_not_saved", Message: "The apply made changes but could not write the state. **Do not apply this project again before its " +
		"state is repaired.** What has to be in the state is kept as `artifacts/runs/r9/r9-0/errored.tfstate`. Copy it from the server into the directory " +
		"`live/network-prod`, then run there, in the workspace `default`, `terraform init` and `terraform state push errored.tfstate`. Then comment `/unlock` and `/plan`.",
		Detail: "Error: Failed to save state\n\nError saving state: failed to upload state: AccessDenied: Access Denied"}
)

// Three is a plan of three projects, one of which destroys something, and one
// without changes.
func Three() *Fixture {
	return New("r3").Planned("network-prod", "prod", Changes(Database, Balancer, Queue)).
		Planned("app-prod", "prod", Changes(Service)).Planned("dns-prod", "prod", NoChange)
}

// Holder is a pull request of the fixtures' repository.
func Holder(number int) run.Subject { return run.Subject{Repository: Repository, PullRequest: number} }

// Locking is what holders have and what waiters wait for: keys are the
// projects' names.
type Locking struct{ run.Locks }

// Held adds locks of a pull request.
func (l Locking) Held(number int, projects ...string) Locking {
	for _, p := range projects {
		l.Locks.Locks = append(l.Locks.Locks, run.Lock{
			Key: "dir:" + p, Fence: 1, Holder: Holder(number), Project: p, TakenAt: Noon, UsedAt: Noon,
		}, run.Lock{Key: "state:" + p, Fence: 1, Holder: Holder(number), Project: p, TakenAt: Noon, UsedAt: Noon})
	}
	slices.SortFunc(l.Locks.Locks, func(a, b run.Lock) int { return strings.Compare(a.Key, b.Key) })
	return l
}

// Wants adds a pull request that waits for projects.
func (l Locking) Wants(number int, projects ...string) Locking {
	w := run.Waiter{ID: int64(len(l.Waiters) + 1), Holder: Holder(number), Since: Noon}
	for _, p := range projects {
		w.Projects = append(w.Projects, run.Claimed{Project: p, Keys: []string{"dir:" + p, "state:" + p}})
	}
	l.Waiters = append(l.Waiters, w)
	return l
}

// Each changes every lock.
func (l Locking) Each(change func(*run.Lock)) {
	for i := range l.Locks.Locks {
		change(&l.Locks.Locks[i])
	}
}

// Speculative makes f's plans ones without locks.
func (f *Fixture) Speculative() *Fixture {
	for i, j := range f.Run.Jobs {
		f.Run.Blocked = append(f.Run.Blocked, run.Blocked{Project: view.ProjectOf(j), Holder: Holder(4012), Place: i + 1})
	}
	return f
}

// With is the input of f alone, with locks.
func (f *Fixture) With(l Locking) view.Input {
	in := f.Input()
	in.Locks = l.Locks
	return in
}

// Gate says what the gate found missing; nothing allows.
func (f *Fixture) Gate(missing ...string) *Fixture {
	f.Run.Gate = &run.Gate{Allowed: len(missing) == 0, Missing: missing, At: Noon}
	return f
}

// Into makes a run one of the same commit into another base branch.
func (f *Fixture) Into(base string, change func(*run.Run)) *Fixture {
	f.Run.BaseRef, f.Run.Trigger = base, run.TriggerPush
	if change != nil {
		change(&f.Run)
	}
	return f
}

// Made says what planning a project left behind.
func (f *Fixture) Made(project string, m run.Made) *Fixture {
	for i, j := range f.Run.Jobs {
		if view.ProjectOf(j) != project {
			continue
		}
		f.Run.Jobs[i].Result.Made = &m
		if m.Files > 0 {
			f.Run.Jobs[i].Result.Artifacts = map[string]run.Artifact{run.ArtifactMade: {Key: "runs/x", SHA256: strings.Repeat("0a1b2c3d", 8), Size: 900}}
		}
	}
	return f
}

// Leaves adds a project of f that a pull request leaves to put right.
func (l Locking) Leaves(f *Fixture, number int, project string, merged bool) Locking {
	for _, j := range f.Run.Jobs {
		if view.ProjectOf(j) == project {
			l.LeaveBehind(Holder(number), run.Claims([]run.JobDocument{j.Document})[0], merged, Noon)
		}
	}
	return l
}

// Idle makes who waits one that gave its lock on.
func (l Locking) Idle() Locking {
	l.Waiters = slices.Clone(l.Waiters)
	l.Waiters[len(l.Waiters)-1].Idle = true
	return l
}
