package report

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// View is everything that the comment of one pull request is made of.
type View struct {
	Runs      []run.Run              // of the pull request, newest first
	Applies   []run.Run              // of the pull request that are over, newest first, also those before Runs; others are left out
	Summaries map[string]run.Summary // by job id of a plan; a missing one is shown by its counts alone
	Locks     run.Locks              // all of them: what concerns the pull request is shown
	Waits     string                 // why no job begins, for people; empty when nothing keeps them
	NoApply   map[string]bool        // names of environments in which pull requests apply nothing
	Current   map[string]string      // how current a branch must be to be applied, by environment: strict, project, or anything else for not at all
	NoButtons map[string]bool        // names of environments that no button changes anything of
	CheckURL  string                 // page of the plan's check run; empty shows no link
	ApplyURL  string                 // page of the apply's check run; empty shows no link
}

// picked is what a View shows: how far each project is at one commit.
type picked struct {
	run       run.Run        // the newest plan that counts: its state and notes are shown
	pinned    run.Run        // the same, or the newest one before it while it does not know its commit
	standings []run.Standing // of the commit, by name
	apply     *run.Run       // the newest apply of what is shown; nil when there is none
	complete  bool           // everything that the commit changes was planned at some time, for its base
	base      string         // branch that the newest run of the commit goes into; empty when no run knows it
	newer     string         // the head, where this is of an older commit and nothing plans that by itself
	outdated  string         // an older commit that was planned, when there is nothing newer to show
	noApply   map[string]bool
	current   map[string]string
	waits     string          // see View
	mine      map[string]bool // keys of locks that the pull request holds
}

// pick chooses what to show at the commit head; an empty head is the commit of
// the newest run that knows its own. Commits of the merge queue are shown only
// when asked for. ok is false when there is nothing to show.
func (v View) pick(head string) (p picked, ok bool) {
	plans := slices.DeleteFunc(slices.Clone(v.Runs), func(r run.Run) bool {
		return r.Kind != run.KindPlan || answered(r) || v.comes(r) || r.Trigger == run.TriggerQueue && r.HeadSHA != head
	})
	newest := slices.IndexFunc(plans, func(r run.Run) bool { return head == "" || r.HeadSHA == head })
	if newest < 0 {
		return p, false
	}
	p = picked{run: plans[newest], pinned: plans[newest], noApply: v.NoApply, current: v.Current, waits: v.Waits, mine: map[string]bool{}}
	for _, l := range v.Locks.Locks {
		p.mine[l.Key] = l.Holder.Is(p.run.Holder())
	}
	comment := head == ""
	if known := slices.IndexFunc(plans, func(r run.Run) bool { return r.HeadSHA != "" }); comment && known >= 0 {
		head, p.pinned = plans[known].HeadSHA, plans[known]
	}
	p.standings = v.Locks.Overtake(run.Standings(v.Runs, head))
	p.apply = p.newestApply(v.Runs, head)
	if comment {
		p.newer = newerHead(plans, head)
	}
	p.base = baseOf(v.Runs, head)
	p.complete = slices.ContainsFunc(plans, func(r run.Run) bool { return r.HeadSHA == head && r.Whole() && !p.ofAnother(r) })
	if len(p.standings) == 0 && p.run.State != run.StateSucceeded {
		p.outdated = plannedElsewhere(plans, head)
	}
	return p, true
}

// comes tells a plan that somebody asked for and that has not begun, while there is
// another one to show: an apply is under way, or it begins in a moment.
func (v View) comes(r run.Run) bool {
	return r.State == run.StateAccepted && r.Trigger.Asked() && r.HeadSHA == "" && slices.ContainsFunc(v.Runs, func(other run.Run) bool {
		return other.Kind == run.KindApply && !other.PreparedAt.IsZero() && other.ID < r.ID
	})
}

// answered tells runs that the comment leaves out: what a person asked for and
// was refused has a reply of its own.
func answered(r run.Run) bool { return r.State == run.StateRefused && r.Trigger.Asked() }

// newestApply finds the apply that changed one of the standings, or that came
// after their plan and found nothing to change.
func (p picked) newestApply(runs []run.Run, head string) *run.Run {
	for i, r := range runs {
		if r.Kind != run.KindApply || r.HeadSHA != head || r.PreparedAt.IsZero() {
			continue
		}
		applied := func(s run.Standing) bool { return s.Apply != nil && r.Job(s.Apply.ID) != nil }
		if slices.ContainsFunc(p.standings, applied) || len(r.Jobs) == 0 && r.CreatedAt.After(p.run.CreatedAt) {
			return &runs[i]
		}
	}
	return nil
}

func plannedElsewhere(plans []run.Run, head string) string {
	i := slices.IndexFunc(plans, func(r run.Run) bool { return r.HeadSHA != "" && r.HeadSHA != head && len(r.Jobs) > 0 })
	if i < 0 {
		return ""
	}
	return plans[i].HeadSHA
}

// plansOnly is the same without what was applied.
func (p picked) plansOnly() picked {
	p.apply, p.standings = nil, slices.Clone(p.standings)
	for i := range p.standings {
		p.standings[i].Apply = nil
	}
	return p
}

// namesOf lists the projects that are for /apply and of which something holds.
func (p picked) namesOf(is func(run.Standing) bool) []string {
	var out []string
	for _, s := range p.standings {
		if !p.later(s) && is(s) {
			out = append(out, s.Project)
		}
	}
	return out
}

// count is how many plans are in a state.
func (p picked) count(s run.JobState) int {
	n := 0
	for _, standing := range p.standings {
		if standing.Plan.State == s {
			n++
		}
	}
	return n
}

// active reports whether more plans will come without anybody doing anything.
func (p picked) active() bool {
	return !p.run.State.Final() || p.count(run.JobQueued)+p.count(run.JobRunning) > 0
}

// counts adds up what is planned so far.
func (p picked) counts() run.Counts {
	var total run.Counts
	for _, s := range p.standings {
		total = total.Plus(jobCounts(s.Plan))
	}
	return total
}

func jobCounts(j run.Job) run.Counts {
	if j.State != run.JobSucceeded || j.Result == nil || j.Result.Counts == nil {
		return run.Counts{}
	}
	return *j.Result.Counts
}
