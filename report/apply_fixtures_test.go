package report

import (
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// apply is an apply of f's plans by bob, one job per item: "name" for one that
// succeeded, or "name running", "name failed" and so on.
func (f *fixture) apply(id string, items ...string) *fixture {
	a := &fixture{run: f.run, summaries: f.summaries, outputs: f.outputs}
	a.run.ID, a.run.Key, a.run.Kind, a.run.Line, a.run.Actor = id, id, run.KindApply, "/apply", "bob"
	a.run.Selectors, a.run.Blocked, a.run.Gate, a.run.Notes, a.run.Behind = nil, nil, nil, nil, 0
	a.run.CreatedAt, a.run.PreparedAt, a.run.FinishedAt = noon.Add(time.Hour), noon.Add(time.Hour+time.Second), noon.Add(time.Hour+95*time.Second)
	a.run.Jobs, a.run.State = nil, run.StateSucceeded
	for _, item := range items {
		project, state, _ := strings.Cut(item, " ")
		a.applyJob(f, project, run.JobState(state))
	}
	return a
}

func (f *fixture) applyJob(plan *fixture, project string, state run.JobState) {
	if state == "" {
		state = run.JobSucceeded
	}
	environment := ""
	p := &run.JobPlan{}
	for _, j := range plan.run.Jobs {
		if projectOf(j) == project {
			environment, p.JobID = j.Document.Environment.Name, j.ID
		}
	}
	if p.JobID == "" {
		panic("there is no plan of " + project)
	}
	j := f.job(project, environment, state)
	j.Document.Command, j.Document.Plan, j.StartedAt = run.KindApply, p, noon.Add(time.Hour+2*time.Second)
	switch state {
	case run.JobSucceeded:
		j.Result = &run.Result{Outcome: run.OutcomeSucceeded, Terraform: "Terraform 1.11.4"}
	case run.JobFailed:
		j.Result, f.run.State = &run.Result{Outcome: run.OutcomeFailed, Problem: &bucketTaken}, run.StateFailed
	case run.JobSkipped:
		j.Result, f.run.State = &run.Result{Outcome: run.OutcomeCancelled, Problem: &skipped}, run.StateFailed
	case run.JobCancelled:
		j.Result, f.run.State = &run.Result{Outcome: run.OutcomeCancelled, Problem: &withdrawn}, run.StateCancelled
	default:
		f.run.State, f.run.FinishedAt = run.StateRunning, time.Time{}
	}
}

// because replaces the problem of a project's job.
func (f *fixture) because(project string, p run.Problem) *fixture {
	for i, j := range f.run.Jobs {
		if projectOf(j) == project {
			result := *j.Result
			result.Problem, result.Began = &p, true
			f.run.Jobs[i].Result = &result
		}
	}
	return f
}

// judged says what rules found about the plan of a project.
func (f *fixture) judged(project string, r run.PolicyResult) *fixture {
	for i, j := range f.run.Jobs {
		if projectOf(j) == project {
			f.run.Jobs[i].Result.Policy = &r
		}
	}
	return f
}

var (
	bucketTaken = run.Problem{
		Code: "apply_failed", Message: "Terraform stopped in the middle: what it did until then is in the state, the rest was not done. " +
			"Correct what it says below, push, and comment `/plan` to see what is left.",
		Detail: "Error: creating S3 Bucket (acme-logs): BucketAlreadyExists: The requested bucket name is not available.\n\n" +
			"  with aws_s3_bucket.logs,\n  on main.tf line 4, in resource \"aws_s3_bucket\" \"logs\":\n   4: resource \"aws_s3_bucket\" \"logs\" {",
	}
	skipped = run.Problem{Code: "skipped", Message: "It comes after `network-prod`, which was not applied. Its plan was not used, " +
		"but it was made for one apply: comment `/plan`, then `/apply`."}
	withdrawn = run.Problem{Code: "withdrawn", Message: "Stopped before anything was changed, because the pull request changed meanwhile. Comment `/plan`, then `/apply`."}
	killed    = run.Problem{Code: "interrupted", Message: "The apply ended without saying how, because its process was killed or the server restarted. " +
		"Nobody knows how far it got, and it was not repeated. Read what Terraform printed until then, and comment `/plan`: it shows what is left to do."}
	notSaved = run.Problem{Code: "state_not_saved", Message: "The apply made changes but could not write the state. **Do not apply this project again before its " +
		"state is repaired.** What has to be in the state is kept as `artifacts/runs/r9/r9-0/errored.tfstate`. Copy it from the server into the directory " +
		"`live/network-prod`, then run there, in the workspace `default`, `terraform init` and `terraform state push errored.tfstate`. Then comment `/unlock` and `/plan`.",
		Detail: "Error: Failed to save state\n\nError saving state: failed to upload state: AccessDenied: Access Denied"}
)

// three is a plan of three projects, one of which destroys something, and one
// without changes.
func three() *fixture {
	return newFixture("r3").planned("network-prod", "prod", changes(database, balancer, queue)).
		planned("app-prod", "prod", changes(service)).planned("dns-prod", "prod", noChange)
}

// holder is a pull request of the fixtures' repository.
func holder(number int) run.Holder { return run.Holder{Repository: repository, PullRequest: number} }

// locking is what holders have and what waiters wait for: keys are the
// projects' names.
type locking struct{ run.Locks }

func (l locking) held(number int, projects ...string) locking {
	for _, p := range projects {
		l.Locks.Locks = append(l.Locks.Locks, run.Lock{
			Key: "dir:" + p, Fence: 1, Holder: holder(number), Project: p, TakenAt: noon, UsedAt: noon,
		}, run.Lock{Key: "state:" + p, Fence: 1, Holder: holder(number), Project: p, TakenAt: noon, UsedAt: noon})
	}
	slices.SortFunc(l.Locks.Locks, func(a, b run.Lock) int { return strings.Compare(a.Key, b.Key) })
	return l
}

func (l locking) wants(number int, projects ...string) locking {
	w := run.Waiter{ID: int64(len(l.Waiters) + 1), Holder: holder(number), Since: noon}
	for _, p := range projects {
		w.Projects = append(w.Projects, run.Claimed{Project: p, Keys: []string{"dir:" + p, "state:" + p}})
	}
	l.Waiters = append(l.Waiters, w)
	return l
}

// each changes every lock.
func (l locking) each(change func(*run.Lock)) {
	for i := range l.Locks.Locks {
		change(&l.Locks.Locks[i])
	}
}

// speculative makes f's plans ones without locks.
func (f *fixture) speculative() *fixture {
	for i, j := range f.run.Jobs {
		f.run.Blocked = append(f.run.Blocked, run.Blocked{Project: projectOf(j), Holder: holder(4012), Place: i + 1})
	}
	return f
}

func (f *fixture) with(l locking) View {
	v := f.view()
	v.Locks = l.Locks
	return v
}

func (f *fixture) gate(missing ...string) *fixture {
	f.run.Gate = &run.Gate{Allowed: len(missing) == 0, Missing: missing, At: noon}
	return f
}
