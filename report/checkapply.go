package report

import (
	"fmt"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// ApplyCheck is the content of lockkeeper/apply for v's commit; ok is false as
// long as there is no finished plan. As a required check it holds back a merge
// until everything is applied: it stays queued until then, because GitHub takes
// a completed neutral one for good ("About protected branches", "Require status
// checks before merging").
func ApplyCheck(v CheckView) (c Check, ok bool) {
	m, ok := v.Build(v.HeadSHA)
	if !ok || m.Stage() != view.Applying && (m.Active() || m.Run.State == run.StateSuperseded) && !m.Retargeted() {
		return Check{}, false
	}
	newest := m.Run
	if m.Apply != nil {
		newest = *m.Apply
	}
	c = applyVerdict(m)
	c.Name, c.ExternalID, c.StartedAt = CheckApply, m.Run.ID, startedAt(newest)
	c.Summary = v.applySummary(m, c)
	if c.Status != StatusCompleted {
		c.Text = fitting("", v.live(m.ApplyJobs()))
		return c, true
	}
	c.CompletedAt = completedAt(newest)
	c.Text = fitting("", v.outputs(m.ApplyJobs()))
	c.Marks = marked(nil, m.ApplyJobs())
	if c.Conclusion != "success" && c.Conclusion != "neutral" {
		c.Actions = v.buttons(m)
	}
	return c, true
}

// laterTitle is about projects of which none is for /apply.
func laterTitle(m view.Model) string {
	switch {
	case m.Has(view.StatusLater):
		return "Applied after the merge"
	case !m.Some(func(s run.ProjectStatus) bool { return !s.Untouched() }):
		return "This pull request changes no project"
	}
	return "Apply from pull requests is disabled here"
}

func applyVerdict(m view.Model) Check {
	if !m.Run.OfPull() {
		return queueVerdict(m)
	}
	concluded := func(conclusion, title string) Check {
		return Check{Status: StatusCompleted, Conclusion: conclusion, Title: title}
	}
	waiting := func(title string) Check { return Check{Status: StatusQueued, Title: title} }
	mine, left, applied := m.Applicable()
	read, partial := m.Read(), 0
	for _, s := range m.Projects {
		if m.Narrowed(s) && !m.Later(s) {
			partial++
		}
	}
	switch stage := m.Stage(); {
	case stage == view.Applying:
		return Check{Status: StatusInProgress, Title: "Applying " + many(len(m.Apply.Jobs), "project")}
	case left == 0 && read.ConfigMistakes > 0:
		return waiting(mistaken(read))
	case len(m.Projects) == 0 && m.Run.State == run.StateSucceeded && m.Complete:
		return concluded("neutral", idleTitle(m.Run))
	case len(m.Projects) == 0, m.Elsewhere(), m.Active():
		return waiting("Waiting for a plan")
	case stage == view.ApplyFailed:
		return concluded("failure", stageWords(m)+" "+of(m.Having(view.StatusFailed)+m.Having(view.StatusInterrupted), len(m.Projects)))
	case stage == view.ApplyStopped:
		return concluded("cancelled", stageWords(m)+" "+of(m.Having(view.StatusCancelled)+m.Having(view.StatusSkipped), len(m.Projects)))
	case left > 0 && left == m.Having(view.StatusOvertaken):
		return waiting(fmt.Sprintf("%s applied by another since: plan again", many(left, "project")))
	case left > 0 && left == partial:
		return waiting("Waiting for a whole plan of " + many(partial, "project"))
	case left > 0:
		return waiting("Waiting to be applied: " + many(left, "project"))
	case !m.Complete:
		return waiting("Waiting for a plan of all projects")
	case mine == 0:
		return concluded("neutral", laterTitle(m))
	case applied == 0:
		return concluded("success", "Nothing to apply: no changes")
	}
	return concluded("success", "Applied "+many(applied, "project"))
}

// mistakenSummary is of a check that waits for a right config: merging would leave the base
// branch with one that nobody can plan by.
func mistakenSummary(m view.Model, read run.Run) string {
	return paragraphs("**"+mistaken(read)+"**: `"+CheckPlan+"` names the line. Merged like this, nothing would be planned for "+
		"anybody. Fix it and push; this check goes on then.\n", next(m, planHints(m), "", ""))
}

// queueVerdict judges what the merge queue would merge: nothing may be left to
// apply before. The queue waits for an answer, so there always is one.
func queueVerdict(m view.Model) Check {
	mine, _, _ := m.Applicable()
	read := m.Read()
	c := Check{Status: StatusCompleted, Conclusion: "failure"}
	switch unmerged := m.Unmerged(); {
	case m.Count(run.JobSucceeded) < len(m.Projects) || m.Run.State != run.StateSucceeded:
		c.Title = "The merge group was not planned"
	case read.ConfigMistakes > 0:
		c.Title = mistaken(read)
	case len(unmerged) > 0:
		c.Title = fmt.Sprintf("Apply #%d first: merging would leave %s behind", m.Run.PullRequest, many(len(unmerged), "project"))
	case len(m.Projects) == 0:
		c.Conclusion, c.Title = "neutral", idleTitle(m.Run)
	case mine == 0:
		c.Conclusion, c.Title = "neutral", laterTitle(m)
	default:
		c.Conclusion, c.Title = "success", "Merging leaves nothing to apply"
	}
	return c
}

// applySummary says why the check is as it is. It holds nothing that changes
// while an apply runs or when the same is planned again, because each change
// costs a call.
func (v CheckView) applySummary(m view.Model, c Check) string {
	switch read := m.Read(); {
	case c.Status == StatusInProgress:
		var names []string
		for _, j := range m.Apply.Jobs {
			names = append(names, view.ProjectOf(j))
		}
		return paragraphs(fmt.Sprintf("**Applying** %s: %s by %s.\n", fewNames(names, name), command(*m.Apply), nameCode(m.Apply.Actor)),
			machineNote(m.Apply.Jobs), overrides(m), next(m, hints(m), "", ""))
	case read.ConfigMistakes > 0 && c.Title == mistaken(read):
		return mistakenSummary(m, read)
	case c.Status == StatusQueued:
		return v.waitingSummary(m)
	case !m.Run.OfPull():
		first := fmt.Sprintf("**Apply first**: %%s would still change after the merge. Comment `/apply` on #%d, then add it to the merge queue "+
			"again. Where it is applied already, apply the pull requests before it in the queue.\n", m.Run.PullRequest)
		return compose(m, m.Groups(), paragraphs(sentenceOf(first, fewNames(m.Unmerged(), name)), stamp(m)), page{budget: checkBudget, rest: onServer})
	}
	said := ""
	if m.Apply != nil {
		said = stamp(m)
	}
	return compose(m, m.Groups(), paragraphs(laterLines(m), next(m, hints(m), "", ""), said), page{budget: checkBudget, rest: onServer})
}

// waitingSummary is that of a commit with something left to apply.
func (v CheckView) waitingSummary(m view.Model) string {
	if len(m.Projects) == 0 || m.Elsewhere() || m.Active() {
		return "**Waiting for a plan**: `" + CheckPlan + "` says what is missing.\n\n" + next(m, planHints(m), "", "")
	}
	var left []string
	for _, s := range m.Projects {
		if !m.Later(s) && !s.Applied() {
			left = append(left, s.Project)
		}
	}
	some := ""
	if m.Having(view.StatusOvertaken) == len(left) && len(left) > 0 {
		return paragraphs(overtakenLines(m, m.Run.Pull()), next(m, planHints(m), "", ""))
	}
	if names := m.Names(m.Narrowed); len(names) > 0 && len(names) == len(left) {
		return paragraphs(
			sentenceOf("**Waiting for a whole plan** of %s: what was planned there looked at less than everything. Comment `/plan`.\n", fewNames(names, name)),
			next(m, planHints(m), "", ""))
	}
	if !m.Complete {
		some = "**Only named projects were planned.** Comment `/plan` to plan everything that this commit changes.\n"
	}
	return paragraphs(
		sentenceOf("**Waiting to be applied**: %s. This check turns green when that is done.\n", fewNames(left, name)),
		some, overtakenLines(m, m.Run.Pull()), withoutLocks(m), releasedLine(m), laterLines(m), gateLines(m),
		next(m, []string{"what is missing `/why`", "when nothing is `/apply`", hintAgain}, "", ""))
}
