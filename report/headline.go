package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// title says in a few words how far everything is, and of which commit.
func title(m view.Model) string {
	what, r := stageWords(m), m.Pinned
	if r.HeadSHA == "" {
		return "### " + strings.TrimSuffix(strings.TrimSuffix(what, " for"), ":")
	}
	t := "### " + what + " " + short(r.HeadSHA)
	if r.BaseRef != "" {
		t += " on " + nameCode(r.BaseRef)
	}
	if r.BaseSHA != "" {
		t += " at " + short(r.BaseSHA)
	}
	return t
}

func stageWords(m view.Model) string {
	switch m.Stage() {
	case view.Speculative:
		return "Speculative plan for"
	case view.Applying:
		over := 0
		for _, j := range m.Apply.Jobs {
			if j.State.Final() {
				over++
			}
		}
		return fmt.Sprintf("Applying %s of %s:", number(over), number(len(m.Apply.Jobs)))
	case view.ApplyFailed:
		if m.Has(view.StatusInterrupted) && !m.Has(view.StatusFailed) {
			return "Apply interrupted:"
		}
		return "Apply failed:"
	case view.ApplyStopped:
		return "Apply stopped:"
	case view.PartlyApplied:
		if m.Has(view.StatusOvertaken) {
			return "Changed by another since:"
		}
		if !m.Has(view.StatusOpen, view.StatusNoPlan) {
			return "Applied in part:"
		}
		return fmt.Sprintf("Applied %s of %s:", number(m.Having(view.StatusApplied)), number(len(m.Projects)-m.Having(view.StatusNoChanges)))
	case view.AllApplied:
		return "Applied:"
	}
	if m.Some(run.ProjectStatus.Partial) {
		return "Partial plan for"
	}
	return "Plan for"
}

// headline says the state of everything in one bold line.
func headline(m view.Model, groups []view.Group) string {
	if len(m.Projects) == 0 {
		return idle(m.Run)
	}
	if foreign := m.Foreign(); len(foreign) > 0 && m.Stage() != view.Applying {
		return fmt.Sprintf("**Not planned for %s**: %s. What is shown of that was planned for another base branch, and does not count any more.",
			nameCode(m.Base), fewNames(foreign, name))
	}
	switch m.Stage() {
	case view.Applying, view.ApplyFailed, view.ApplyStopped, view.PartlyApplied, view.AllApplied:
		return applyHeadline(m, groups)
	}
	words := countWords(parts(m.Counts()))
	switch others := outcomes(m, groups); {
	case !m.Run.State.Final() && len(m.Run.Jobs) == 0:
		return "**Preparing to plan again.** Until then, this is the earlier plan."
	case m.Active():
		return fmt.Sprintf("**Planning %s: %s**", many(len(m.Projects), "project"), progress(m))
	case len(others) == 0 && words == "":
		return fmt.Sprintf("**No changes** in %s.", subject(m, groups))
	case len(m.Projects) == 1:
		return fmt.Sprintf("**%s: %s**", subject(m, groups), strings.Join(nonEmpty(words, others...), " · "))
	case words == "" && m.Count(run.JobFailed) == len(m.Projects):
		return fmt.Sprintf("**%s, all failed**", many(len(m.Projects), "project"))
	case words == "":
		words = "no changes"
		fallthrough
	default:
		return fmt.Sprintf("**%s: %s**", many(len(m.Projects), "project"), strings.Join(nonEmpty(words, others...), " · "))
	}
}

// applyHeadline says how far an apply is, and what it was to do.
func applyHeadline(m view.Model, groups []view.Group) string {
	by := map[view.Status]int{}
	var applied run.Counts
	for _, s := range m.Projects {
		by[m.Status(s)]++
		if s.Apply != nil && s.Apply.State == run.JobSucceeded {
			applied = applied.Plus(view.JobCounts(s.Plan))
		}
	}
	did := countWords(done(applied))
	if m.Stage() == view.AllApplied {
		if did == "" {
			return fmt.Sprintf("**Nothing to apply**: no changes in %s.", subject(m, groups))
		}
		return fmt.Sprintf("**%s: %s**", subject(m, groups), did)
	}
	line := fmt.Sprintf("**%s: %s**", subject(m, groups), strings.Join(tally(by), ", "))
	if len(m.Projects) == 1 {
		line = fmt.Sprintf("**%s: %s**", subject(m, groups), m.Status(m.Projects[0]))
	}
	line += "\nPlanned: " + countWords(parts(m.Counts())) + "."
	if did != "" {
		line += " Applied: " + did + "."
	}
	return line
}

// subject names what was planned, as far as that is short.
func subject(m view.Model, groups []view.Group) string {
	if len(m.Projects) == 1 {
		return namesOf(groups[0], name) + dirsOf(groups[0], nameCode) + " in " + environmentsOf(groups[0])
	}
	if len(groups) == 1 && len(m.Projects) <= groupNames {
		return many(len(m.Projects), "project") + ": " + namesOf(groups[0], name)
	}
	return many(len(m.Projects), "project")
}

// idle is the headline of a run without jobs.
func idle(r run.Run) string {
	switch r.State {
	case run.StateAccepted, run.StateRunning:
		return "**Preparing**: reading the pull request and finding the projects that it affects."
	case run.StateSucceeded:
		return "**No project is affected by this change.**"
	case run.StateRefused:
		return "**Nothing was planned.**"
	case run.StateSuperseded:
		return "**Stopped**: " + supersededBy(r) + "."
	case run.StateCancelled:
		return "**Cancelled**" + by(r) + "."
	default:
		return "**The plan failed.**"
	}
}

// by names who cancelled a run, or what took its place.
func by(r run.Run) string {
	switch {
	case r.SupersededBy != "":
		return ": " + supersededBy(r)
	case r.CancelledBy != "":
		return " by " + nameCode(r.CancelledBy)
	}
	return ""
}

func supersededBy(r run.Run) string {
	if r.SupersededBy == "" {
		return "superseded by a newer commit"
	}
	return "superseded by the newer commit " + short(r.SupersededBy)
}

// outcomes counts the jobs that made no plan, and plans that rules deny.
func outcomes(m view.Model, groups []view.Group) []string {
	var out []string
	if n := m.Count(run.JobFailed); n > 0 {
		out = append(out, number(n)+" failed")
	}
	if n := m.Count(run.JobCancelled); n > 0 {
		out = append(out, number(n)+" cancelled"+by(m.Run))
	}
	if n := view.DeniedPlans(groups); n > 0 {
		out = append(out, cell(len(m.Projects) > 1, number(n)+" ")+"denied by plan policy")
	}
	return out
}

func progress(m view.Model) string {
	queued, running := m.Count(run.JobQueued), m.Count(run.JobRunning)
	return strings.Join(numbered([]part{{len(m.Projects) - queued - running, "done"}, {running, "running"}, {queued, "queued"}}), ", ")
}
