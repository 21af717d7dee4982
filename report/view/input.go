package view

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// Input is what the model of a pull request is built from.
type Input struct {
	Runs      []run.Run              // of the pull request, newest first
	Applies   []run.Run              // of the pull request that are over, newest first, also those before Runs; others are left out
	Summaries map[string]run.Summary // by job id of a plan; a missing one is shown by its counts alone
	Locks     run.Locks              // all of them: what concerns the pull request is shown
	Waits     string                 // why no job begins, for people; empty when nothing keeps them
	NoApply   map[string]bool        // names of environments in which pull requests apply nothing
	Current   map[string]string      // how current a branch must be to be applied, by environment: strict, project, or anything else for not at all
	NoButtons map[string]bool        // names of environments that no button changes anything of
	CheckURL  string                 // of the page that has the plan in full; empty: no link
	ApplyURL  string                 // of the page that has what the apply printed; empty: no link
}

// Model is how far each project of a pull request is at one commit.
type Model struct {
	Input
	Run      run.Run             // the newest plan that counts: its state and notes are shown
	Pinned   run.Run             // the same, or the newest one before it while it does not know its commit
	Projects []run.ProjectStatus // of the commit, by name
	Apply    *run.Run            // the newest apply of what is shown; nil when there is none
	Complete bool                // everything that the commit changes was planned at some time, for its base
	Base     string              // branch that the newest run of the commit goes into; empty when no run knows it
	Newer    string              // the head, where this is of an older commit and nothing plans that by itself
	Outdated string              // an older commit that was planned, when there is nothing newer to show
	mine     map[string]bool     // keys of locks that the pull request holds
}

// Build chooses what to show at the commit head; an empty head is the commit of
// the newest run that knows its own. Commits of the merge queue are shown only
// when requested. ok is false when there is nothing to show.
func (in Input) Build(head string) (m Model, ok bool) {
	plans := slices.DeleteFunc(slices.Clone(in.Runs), func(r run.Run) bool {
		return r.Kind != run.KindPlan || answered(r) || in.comes(r) || !r.OfPull() && r.HeadSHA != head
	})
	newest := slices.IndexFunc(plans, func(r run.Run) bool { return head == "" || r.HeadSHA == head })
	if newest < 0 {
		return m, false
	}
	m = Model{Run: plans[newest], Input: in, Pinned: plans[newest], mine: map[string]bool{}}
	for _, l := range in.Locks.Locks {
		m.mine[l.Key] = l.Holder.Is(m.Run.Pull())
	}
	comment := head == ""
	if known := slices.IndexFunc(plans, func(r run.Run) bool { return r.HeadSHA != "" }); comment && known >= 0 {
		head, m.Pinned = plans[known].HeadSHA, plans[known]
	}
	m.Projects = in.Locks.Overtake(run.StatusAt(in.Runs, head))
	m.Apply = m.newestApply(in.Runs, head)
	if comment {
		m.Newer = newerHead(plans, head)
	}
	m.Base = baseOf(in.Runs, head)
	m.Complete = slices.ContainsFunc(plans, func(r run.Run) bool { return r.HeadSHA == head && r.AllProjects() && !m.ofAnother(r) })
	if len(m.Projects) == 0 && m.Run.State != run.StateSucceeded {
		m.Outdated = plannedElsewhere(plans, head)
	}
	return m, true
}

// comes reports whether a plan was requested and has not begun, while there is
// another one to show: an apply is under way, or it begins in a moment.
func (in Input) comes(r run.Run) bool {
	return r.State == run.StateAccepted && r.Trigger.ByPerson() && r.HeadSHA == "" && slices.ContainsFunc(in.Runs, func(other run.Run) bool {
		return other.Kind == run.KindApply && !other.PreparedAt.IsZero() && other.ID < r.ID
	})
}

// answered reports runs that the comment leaves out: what a person requested and
// was refused has a reply of its own.
func answered(r run.Run) bool { return r.State == run.StateRefused && r.Trigger.ByPerson() }

// newestApply finds the apply that changed one of the statuses, or that came
// after their plan and found nothing to change.
func (m Model) newestApply(runs []run.Run, head string) *run.Run {
	for i, r := range runs {
		if r.Kind != run.KindApply || r.HeadSHA != head || r.PreparedAt.IsZero() {
			continue
		}
		applied := func(s run.ProjectStatus) bool { return s.Apply != nil && r.Job(s.Apply.ID) != nil }
		if slices.ContainsFunc(m.Projects, applied) || len(r.Jobs) == 0 && r.CreatedAt.After(m.Run.CreatedAt) {
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

// newerHead is the commit that was pushed after the one that is shown and that nobody
// planned; empty when there is none.
func newerHead(plans []run.Run, shown string) string {
	i := slices.IndexFunc(plans, func(r run.Run) bool { return r.HeadSHA == shown && shown != "" })
	if i < 0 {
		return ""
	}
	return plans[i].NewerHead
}

// NewestHead is the commit that the comment is about; empty when none of the runs knows.
func NewestHead(runs []run.Run) string {
	i := slices.IndexFunc(runs, func(r run.Run) bool {
		return r.Kind == run.KindPlan && r.OfPull() && !answered(r) && r.HeadSHA != ""
	})
	if i < 0 {
		return ""
	}
	return runs[i].HeadSHA
}

// ShownWhole lists the plans that are over and shown for the first time, by the ids of
// their runs. A run that goes on is not shown whole, nor is one whose losses are known
// by their counts alone.
func (m Model) ShownWhole() []string {
	left := map[string]bool{}
	for _, s := range m.Projects {
		counts := JobCounts(s.Plan)
		if _, there := m.Summaries[s.Plan.ID]; !there && counts.Destroy+counts.Replace > 0 {
			left[s.PlanRun.ID] = true
		}
	}
	var out []string
	for _, s := range m.Projects {
		if r := s.PlanRun; !left[r.ID] && r.State.Final() && r.ShownAt.IsZero() {
			left[r.ID] = true
			out = append(out, r.ID)
		}
	}
	return out
}
