package view

import (
	"cmp"
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// PlansOnly is the same without what was applied.
func (m Model) PlansOnly() Model {
	m.Apply, m.Projects = nil, slices.Clone(m.Projects)
	for i := range m.Projects {
		m.Projects[i].Apply = nil
	}
	return m
}

// Names lists the projects that are for /apply and of which something holds.
func (m Model) Names(is func(run.ProjectStatus) bool) []string {
	var out []string
	for _, s := range m.Projects {
		if !m.Later(s) && is(s) {
			out = append(out, s.Project)
		}
	}
	return out
}

// Count is how many plans are in a state.
func (m Model) Count(s run.JobState) int {
	n := 0
	for _, p := range m.Projects {
		if p.Plan.State == s {
			n++
		}
	}
	return n
}

// Active reports whether more plans will come without anybody doing anything.
func (m Model) Active() bool {
	return !m.Run.State.Final() || m.Count(run.JobQueued)+m.Count(run.JobRunning) > 0
}

// Counts adds up what is planned so far.
func (m Model) Counts() run.Counts {
	var total run.Counts
	for _, s := range m.Projects {
		total = total.Plus(JobCounts(s.Plan))
	}
	return total
}

// JobCounts is what a plan counts; nothing without one.
func JobCounts(j run.Job) run.Counts {
	if j.State != run.JobSucceeded || j.Result == nil || j.Result.Counts == nil {
		return run.Counts{}
	}
	return *j.Result.Counts
}

// PlanJobs are the jobs that planned what is shown, by project.
func (m Model) PlanJobs() []run.Job {
	out := make([]run.Job, len(m.Projects))
	for i, s := range m.Projects {
		out[i] = s.Plan
	}
	return out
}

// ApplyJobs are the jobs that applied it, by project.
func (m Model) ApplyJobs() []run.Job {
	var out []run.Job
	for _, s := range m.Projects {
		if s.Apply != nil {
			out = append(out, *s.Apply)
		}
	}
	return out
}

// Applicable counts the projects that /apply is for, those of them with
// something left to do, and those that it changed.
func (m Model) Applicable() (mine, left, applied int) {
	for _, s := range m.Projects {
		if m.Later(s) {
			continue
		}
		mine++
		if !s.Applied() {
			left++
		}
		if s.Apply != nil && s.Applied() {
			applied++
		}
	}
	return mine, left, applied
}

// Unmerged lists projects that /apply should have changed before a merge.
func (m Model) Unmerged() []string {
	var out []string
	for _, s := range m.Projects {
		if !m.Later(s) && s.Plan.State == run.JobSucceeded && (!s.Empty() || s.Partial()) {
			out = append(out, s.Project)
		}
	}
	return out
}

// ProjectOf is the name of a job's project.
func ProjectOf(j run.Job) string { return j.Document.Project.Name }

// FailedFirst sorts each list, and puts them behind each other.
func FailedFirst(lists ...[]run.Job) []run.Job {
	var out []run.Job
	for _, list := range lists {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b run.Job) int { return cmp.Compare(last(a), last(b)) })
		out = append(out, list...)
	}
	return out
}

func last(j run.Job) int {
	if j.State == run.JobFailed {
		return 0
	}
	return 1
}

// Unreported reports whether there is nothing that a comment would be written for: no
// project is touched, as far as is known, there is nothing to note, and nobody asked.
// Checks say it. A comment that is there is brought up to date all the same.
func (m Model) Unreported() bool {
	quiet := m.Run.State == run.StateAccepted || m.Run.State == run.StateRunning || m.Run.State == run.StateSucceeded
	return quiet && len(m.Projects) == 0 && m.Run.Problem == nil && len(m.Run.Notes) == 0 &&
		!slices.ContainsFunc(m.Runs, func(r run.Run) bool { return r.Trigger.ByPerson() })
}

// Read is the newest plan that read the lockkeeper.yml and the rules of the commit that is
// shown; zero when none did. A plan that was cancelled or failed before says nothing of them.
func (m Model) Read() run.Run {
	i := slices.IndexFunc(m.Runs, func(r run.Run) bool {
		return r.Kind == run.KindPlan && r.HeadSHA == m.Pinned.HeadSHA && r.OfPull() == m.Run.OfPull() && !r.PreparedAt.IsZero()
	})
	if i < 0 {
		return run.Run{}
	}
	return m.Runs[i]
}
