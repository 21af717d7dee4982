package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// title says in a few words how far everything is, and of which commit.
func title(p picked) string {
	what, r := p.what(), p.pinned
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

func (p picked) what() string {
	switch p.stage() {
	case speculative:
		return "Speculative plan for"
	case applying:
		over := 0
		for _, j := range p.apply.Jobs {
			if j.State.Final() {
				over++
			}
		}
		return fmt.Sprintf("Applying %s of %s:", number(over), number(len(p.apply.Jobs)))
	case applyFailed:
		if p.has(statusInterrupted) && !p.has(statusFailed) {
			return "Apply interrupted:"
		}
		return "Apply failed:"
	case applyStopped:
		return "Apply stopped:"
	case partlyApplied:
		if p.has(statusOvertaken) {
			return "Changed by another since:"
		}
		if !p.has(statusOpen, statusNoPlan) {
			return "Applied in part:"
		}
		return fmt.Sprintf("Applied %s of %s:", number(p.having(statusApplied)), number(len(p.standings)-p.having(statusNoChanges)))
	case allApplied:
		return "Applied:"
	}
	if p.some(run.Standing.Partial) {
		return "Partial plan for"
	}
	return "Plan for"
}

// headline says the state of everything in one bold line.
func headline(p picked, groups []group) string {
	if len(p.standings) == 0 {
		return idle(p.run)
	}
	if foreign := p.foreign(); len(foreign) > 0 && p.stage() != applying {
		return fmt.Sprintf("**Not planned for %s**: %s. What is shown of that was planned for another base branch, and does not count any more.",
			nameCode(p.base), fewNames(foreign, name))
	}
	switch p.stage() {
	case applying, applyFailed, applyStopped, partlyApplied, allApplied:
		return applyHeadline(p, groups)
	}
	words := countWords(parts(p.counts()))
	switch others := outcomes(p, groups); {
	case !p.run.State.Final() && len(p.run.Jobs) == 0:
		return "**Preparing to plan again.** Until then, this is the earlier plan."
	case p.active():
		return fmt.Sprintf("**Planning %s: %s**", many(len(p.standings), "project"), progress(p))
	case len(others) == 0 && words == "":
		return fmt.Sprintf("**No changes** in %s.", subject(p, groups))
	case len(p.standings) == 1:
		return fmt.Sprintf("**%s: %s**", subject(p, groups), strings.Join(nonEmpty(words, others...), " · "))
	case words == "" && p.count(run.JobFailed) == len(p.standings):
		return fmt.Sprintf("**%s, all failed**", many(len(p.standings), "project"))
	case words == "":
		words = "no changes"
		fallthrough
	default:
		return fmt.Sprintf("**%s: %s**", many(len(p.standings), "project"), strings.Join(nonEmpty(words, others...), " · "))
	}
}

// applyHeadline says how far an apply is, and what it was to do.
func applyHeadline(p picked, groups []group) string {
	by := map[status]int{}
	var applied run.Counts
	for _, s := range p.standings {
		by[p.status(s)]++
		if s.Apply != nil && s.Apply.State == run.JobSucceeded {
			applied = applied.Plus(jobCounts(s.Plan))
		}
	}
	did := countWords(done(applied))
	if p.stage() == allApplied {
		if did == "" {
			return fmt.Sprintf("**Nothing to apply**: no changes in %s.", subject(p, groups))
		}
		return fmt.Sprintf("**%s: %s**", subject(p, groups), did)
	}
	line := fmt.Sprintf("**%s: %s**", subject(p, groups), strings.Join(tally(by), ", "))
	if len(p.standings) == 1 {
		line = fmt.Sprintf("**%s: %s**", subject(p, groups), p.status(p.standings[0]))
	}
	line += "\nPlanned: " + countWords(parts(p.counts())) + "."
	if did != "" {
		line += " Applied: " + did + "."
	}
	return line
}

// subject names what was planned, as far as that is short.
func subject(p picked, groups []group) string {
	if len(p.standings) == 1 {
		return groups[0].names(name) + groups[0].where(nameCode) + " in " + groups[0].environments()
	}
	if len(groups) == 1 && len(p.standings) <= groupNames {
		return many(len(p.standings), "project") + ": " + groups[0].names(name)
	}
	return many(len(p.standings), "project")
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
func outcomes(p picked, groups []group) []string {
	var out []string
	if n := p.count(run.JobFailed); n > 0 {
		out = append(out, number(n)+" failed")
	}
	if n := p.count(run.JobCancelled); n > 0 {
		out = append(out, number(n)+" cancelled"+by(p.run))
	}
	if n := deniedPlans(groups); n > 0 {
		out = append(out, cell(len(p.standings) > 1, number(n)+" ")+"denied by plan policy")
	}
	return out
}

func progress(p picked) string {
	queued, running := p.count(run.JobQueued), p.count(run.JobRunning)
	return strings.Join(numbered([]part{{len(p.standings) - queued - running, "done"}, {running, "running"}, {queued, "queued"}}), ", ")
}
