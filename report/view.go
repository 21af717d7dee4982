package report

import "github.com/lockkeeper/lockkeeper/run"

// View is everything that the comment of one pull request is made of.
type View struct {
	Runs      []run.Run              // of the pull request, newest first
	Summaries map[string]run.Summary // by job id; a missing one is shown by its counts alone
	CheckURL  string                 // page of the plan's check run; empty shows no link
}

// picked is what a View shows: the newest state of each project at one commit.
type picked struct {
	run      run.Run // the newest run that counts: commit, base, notes and state are its own
	jobs     []run.Job
	outdated string // an older commit that was planned, when there is nothing newer to show
}

// pick chooses what to show at the commit head; an empty head is the commit of
// the newest run that knows its own. A run of all projects replaces everything
// before it; a run of named projects replaces those. ok is false when there is
// nothing to show.
func pick(runs []run.Run, head string) (p picked, ok bool) {
	seen := map[string]bool{}
	complete := false
	for _, r := range runs {
		if answered(r) {
			continue
		}
		if head == "" {
			head = r.HeadSHA
		}
		switch {
		case !ok:
			if head != "" && r.HeadSHA != head {
				continue
			}
			p.run, ok = r, true
		case r.HeadSHA != head:
			if p.outdated == "" && r.HeadSHA != "" && len(r.Jobs) > 0 {
				p.outdated = r.HeadSHA
			}
			continue
		}
		if !complete {
			p.take(r, seen)
		}
		complete = complete || len(r.Selectors) == 0 && !r.PreparedAt.IsZero()
	}
	if len(p.jobs) > 0 || p.run.State == run.StateSucceeded {
		p.outdated = ""
	}
	return p, ok
}

// whole reports whether a run is about everything that its commit changes, so
// that nothing before it counts.
func whole(r run.Run) bool { return len(r.Selectors) == 0 && !r.PreparedAt.IsZero() }

func (p *picked) take(r run.Run, seen map[string]bool) {
	for _, j := range r.Jobs {
		if name := j.Document.Project.Name; !seen[name] {
			seen[name] = true
			p.jobs = append(p.jobs, j)
		}
	}
}

// answered tells runs that the comment leaves out: what a person asked for and
// was refused has a reply of its own.
func answered(r run.Run) bool {
	return r.State == run.StateRefused && r.Trigger != run.TriggerPush
}

// count is how many jobs are in a state.
func (p picked) count(s run.JobState) int {
	n := 0
	for _, j := range p.jobs {
		if j.State == s {
			n++
		}
	}
	return n
}

// active reports whether more will come without anybody doing anything.
func (p picked) active() bool {
	return !p.run.State.Final() || p.count(run.JobQueued)+p.count(run.JobRunning) > 0
}

// counts adds up what is planned so far.
func (p picked) counts() run.Counts {
	var total run.Counts
	for _, j := range p.jobs {
		total = total.Plus(jobCounts(j))
	}
	return total
}

func jobCounts(j run.Job) run.Counts {
	if j.State != run.JobSucceeded || j.Result == nil || j.Result.Counts == nil {
		return run.Counts{}
	}
	return *j.Result.Counts
}
