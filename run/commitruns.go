package run

import "slices"

// RecentRuns is how many of the newest runs of a pull request say how it stands now,
// whatever commit they are of.
const RecentRuns = 100

// Counted chooses, from the newest run of a commit to the oldest, those that say
// something that no newer one does: the newest plan of a project and the newest apply of
// a plan, as StatusAt has it, and the newest plan that replaces all before it. The zero
// value is ready to use.
type Counted struct {
	whole    bool // a plan of everything was seen, and
	complete bool // one that looked at everything
	projects map[string]bool
	applied  map[string]bool // by the plan's job id
}

// Add notes the next run, and reports whether it counts.
func (c *Counted) Add(r Run) bool {
	if c.projects == nil {
		c.projects, c.applied = map[string]bool{}, map[string]bool{}
	}
	if c.complete {
		return false
	}
	c.complete = r.ReplacesAll()
	whole := r.Kind == KindPlan && r.AllProjects()
	counts := c.complete || whole && !c.whole
	c.whole = c.whole || whole
	for _, j := range r.Jobs {
		switch p := j.Document.Plan; {
		case r.Kind == KindPlan && !c.projects[j.Document.Project.Name]:
			counts, c.projects[j.Document.Project.Name] = true, true
		case r.Kind == KindApply && p != nil && !c.applied[p.JobID]:
			counts, c.applied[p.JobID] = true, true
		}
	}
	return counts
}

// Complete reports whether nothing before the last run that was added counts.
func (c *Counted) Complete() bool { return c.complete }

// ReplacesAll reports whether nothing before a run counts at its commit: it is a plan of
// everything that looked at everything. With one that looked at less, those before it
// are compared.
func (r *Run) ReplacesAll() bool {
	return r.Kind == KindPlan && r.OfPull() && r.AllProjects() && !slices.ContainsFunc(r.Jobs, func(j Job) bool {
		return ProjectStatus{Project: j.Document.Project.Name, PlanRun: *r, Plan: j}.Partial()
	})
}
