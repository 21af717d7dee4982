package report

import (
	"fmt"

	"github.com/lockkeeper/lockkeeper/run"
)

// ApplyCheck is the content of lockkeeper/apply for v's commit; ok is false as
// long as there is no finished plan. As a required check it holds back a merge
// until everything is applied: it stays queued until then, because GitHub takes
// a completed neutral one for good ("About protected branches", "Require status
// checks before merging").
func ApplyCheck(v CheckView) (c Check, ok bool) {
	p, ok := v.pick(v.HeadSHA)
	if !ok || p.stage() != applying && (p.active() || p.run.State == run.StateSuperseded) && !v.retargeted(p) {
		return Check{}, false
	}
	newest := p.run
	if p.apply != nil {
		newest = *p.apply
	}
	c = p.applyVerdict()
	c.Name, c.ExternalID, c.StartedAt = CheckApply, p.run.ID, startedAt(newest)
	c.Summary = v.applySummary(p, c)
	if c.Status != checkCompleted {
		c.Text = fitting("", v.live(p.applies()))
		return c, true
	}
	c.CompletedAt = completedAt(newest)
	c.Text = fitting("", v.outputs(p.applies()))
	c.Marks = marked(nil, p.applies())
	if c.Conclusion != "success" && c.Conclusion != "neutral" {
		c.Actions = v.buttons(p)
	}
	return c, true
}

// titleLater is about projects of which none is for /apply.
func (p picked) titleLater() string {
	switch {
	case p.has(statusLater):
		return "Applied after the merge"
	case !p.some(func(s run.Standing) bool { return !s.Untouched() }):
		return "This pull request changes no project"
	}
	return "Apply from pull requests is disabled here"
}

// plans are the jobs that planned what is shown, by project.
func (p picked) plans() []run.Job {
	out := make([]run.Job, len(p.standings))
	for i, s := range p.standings {
		out[i] = s.Plan
	}
	return out
}

// applies are those that applied it.
func (p picked) applies() []run.Job {
	var out []run.Job
	for _, s := range p.standings {
		if s.Apply != nil {
			out = append(out, *s.Apply)
		}
	}
	return out
}

func (p picked) applyVerdict() Check {
	if p.run.Trigger == run.TriggerQueue {
		return p.queueVerdict()
	}
	concluded := func(conclusion, title string) Check {
		return Check{Status: checkCompleted, Conclusion: conclusion, Title: title}
	}
	waiting := func(title string) Check { return Check{Status: checkQueued, Title: title} }
	mine, left, applied := p.applicable()
	partial := 0
	for _, s := range p.standings {
		if p.narrowed(s) && !p.later(s) {
			partial++
		}
	}
	switch stage := p.stage(); {
	case stage == applying:
		return Check{Status: checkInProgress, Title: "Applying " + many(len(p.apply.Jobs), "project")}
	case len(p.standings) == 0 && p.run.State == run.StateSucceeded && p.complete:
		return concluded("neutral", idleTitle(p.run))
	case len(p.standings) == 0, p.elsewhere(), p.active():
		return waiting("Waiting for a plan")
	case stage == applyFailed:
		return concluded("failure", p.what()+" "+of(p.having(statusFailed)+p.having(statusInterrupted), len(p.standings)))
	case stage == applyStopped:
		return concluded("cancelled", p.what()+" "+of(p.having(statusCancelled)+p.having(statusSkipped), len(p.standings)))
	case left > 0 && left == p.having(statusOvertaken):
		return waiting(fmt.Sprintf("%s applied by another since: plan again", many(left, "project")))
	case left > 0 && left == partial:
		return waiting("Waiting for a whole plan of " + many(partial, "project"))
	case left > 0:
		return waiting("Waiting to be applied: " + many(left, "project"))
	case !p.complete:
		return waiting("Waiting for a plan of all projects")
	case mine == 0:
		return concluded("neutral", p.titleLater())
	case applied == 0:
		return concluded("success", "Nothing to apply: no changes")
	}
	return concluded("success", "Applied "+many(applied, "project"))
}

// applicable counts the projects that /apply is for, those of them with
// something left to do, and those that it changed.
func (p picked) applicable() (mine, left, applied int) {
	for _, s := range p.standings {
		if p.later(s) {
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

// queueVerdict judges what the merge queue would merge: nothing may be left to
// apply before. The queue waits for an answer, so there always is one.
func (p picked) queueVerdict() Check {
	mine, _, _ := p.applicable()
	c := Check{Status: checkCompleted, Conclusion: "failure"}
	switch unmerged := p.unmerged(); {
	case p.count(run.JobSucceeded) < len(p.standings) || p.run.State != run.StateSucceeded:
		c.Title = "The merge group was not planned"
	case len(unmerged) > 0:
		c.Title = fmt.Sprintf("Apply #%d first: merging would leave %s behind", p.run.PullRequest, many(len(unmerged), "project"))
	case len(p.standings) == 0:
		c.Conclusion, c.Title = "neutral", idleTitle(p.run)
	case mine == 0:
		c.Conclusion, c.Title = "neutral", p.titleLater()
	default:
		c.Conclusion, c.Title = "success", "Merging leaves nothing to apply"
	}
	return c
}

// unmerged lists projects that /apply should have changed before a merge.
func (p picked) unmerged() []string {
	var out []string
	for _, s := range p.standings {
		if !p.later(s) && s.Plan.State == run.JobSucceeded && (!s.Empty() || s.Partial()) {
			out = append(out, s.Project)
		}
	}
	return out
}

// applySummary says why the check is as it is. It holds nothing that changes
// while an apply runs or when the same is planned again, because each change
// costs a call.
func (v CheckView) applySummary(p picked, c Check) string {
	switch {
	case c.Status == checkInProgress:
		var names []string
		for _, j := range p.apply.Jobs {
			names = append(names, projectOf(j))
		}
		return paragraphs(fmt.Sprintf("**Applying** %s: %s by %s.\n", fewNames(names, name), command(*p.apply), nameCode(p.apply.Actor)),
			overrides(v.Runs, p), next(p, hints(p), "", ""))
	case c.Status == checkQueued:
		return v.waitingSummary(p)
	case p.run.Trigger == run.TriggerQueue:
		first := fmt.Sprintf("**Apply first**: %%s would still change after the merge. Comment `/apply` on #%d, then add it to the merge queue "+
			"again. Where it is applied already, apply the pull requests before it in the queue.\n", p.run.PullRequest)
		return v.compose(p, v.groups(p), paragraphs(sentenceOf(first, fewNames(p.unmerged(), name)), stamp(p)), page{budget: checkBudget, rest: onServer})
	}
	said := ""
	if p.apply != nil {
		said = stamp(p)
	}
	return v.compose(p, v.groups(p), paragraphs(laterLines(p), next(p, hints(p), "", ""), said), page{budget: checkBudget, rest: onServer})
}

// waitingSummary is that of a commit with something left to apply.
func (v CheckView) waitingSummary(p picked) string {
	if len(p.standings) == 0 || p.elsewhere() || p.active() {
		return "**Waiting for a plan**: `" + CheckPlan + "` says what is missing.\n\n" + next(p, planHints(p), "", "")
	}
	var left []string
	for _, s := range p.standings {
		if !p.later(s) && !s.Applied() {
			left = append(left, s.Project)
		}
	}
	some := ""
	if p.having(statusOvertaken) == len(left) && len(left) > 0 {
		return paragraphs(overtakenLines(p, p.run.Holder()), next(p, planHints(p), "", ""))
	}
	if names := p.namesOf(p.narrowed); len(names) > 0 && len(names) == len(left) {
		return paragraphs(
			sentenceOf("**Waiting for a whole plan** of %s: what was planned there looked at less than everything. Comment `/plan`.\n", fewNames(names, name)),
			next(p, planHints(p), "", ""))
	}
	if !p.complete {
		some = "**Only named projects were planned.** Comment `/plan` to plan everything that this commit changes.\n"
	}
	return paragraphs(
		sentenceOf("**Waiting to be applied**: %s. This check turns green when that is done.\n", fewNames(left, name)),
		some, overtakenLines(p, p.run.Holder()), withoutLocks(p), v.releasedLine(p), laterLines(p), gateLines(p),
		next(p, []string{"what is missing `/why`", "when nothing is `/apply`", hintAgain}, "", ""))
}
