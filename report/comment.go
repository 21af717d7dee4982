package report

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// GitHub refuses a comment of more than 65,536 characters. Ours are measured in
// bytes, so that it does not matter how GitHub counts.
const (
	commentBudget = 60_000
	tableReserve  = 4_000  // for the table when everything else is long
	failureBudget = 20_000 // for failures, before their output is shortened further
)

// Comment writes the pull request's comment in at most 60,000 bytes. Counts,
// the addresses of what is destroyed or replaced, and failures come before
// everything else and are the last to be shortened; whatever is left out is
// counted.
func Comment(v View) string {
	p, ok := pick(v.Runs, "")
	if !ok {
		return "### Plan\n\n**Nothing is planned yet.**\n\n" + next(p, "")
	}
	return v.compose(p, commentBudget, true)
}

// compose writes everything that is known of p within a number of bytes.
func (v View) compose(p picked, budget int, withDiffs bool) string {
	groups := v.groups(p)
	head := title(p) + "\n" + headline(p, groups) + "\n"
	tail := paragraphs(outdated(p), unreadable(p, groups), notes(p), next(p, v.CheckURL), stamp(p))
	budget -= len(head) + len(tail) + 4

	failed := failures(p, groups, min(failureBudget, budget/2))
	lost := caution(groups, budget-len(failed)-tableReserve)
	rows := table(p, groups, budget-len(failed)-len(lost))
	folds := ""
	if withDiffs {
		folds = diffs(groups, budget-len(failed)-len(lost)-len(rows))
	}
	return head + "\n" + paragraphs(lost, rows, failed, folds, tail)
}

// paragraphs joins what is not empty with empty lines between.
func paragraphs(list ...string) string {
	var b strings.Builder
	for _, s := range list {
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.Trim(s, "\n") + "\n")
	}
	return b.String()
}

func title(p picked) string {
	if p.run.HeadSHA == "" {
		return "### Plan"
	}
	t := "### Plan for " + short(p.run.HeadSHA)
	if p.run.BaseRef != "" {
		t += " on " + nameCode(p.run.BaseRef)
	}
	if p.run.BaseSHA != "" {
		t += " at " + short(p.run.BaseSHA)
	}
	return t
}

// headline says the state of everything in one bold line.
func headline(p picked, groups []group) string {
	if len(p.jobs) == 0 {
		return idle(p.run)
	}
	words := countWords(p.counts(), parts(p.counts()))
	switch others := outcomes(p); {
	case p.active():
		return fmt.Sprintf("**Planning %s: %s**", many(len(p.jobs), "project"), progress(p))
	case len(others) == 0 && words == "":
		return fmt.Sprintf("**No changes** in %s.", subject(p, groups))
	case len(p.jobs) == 1:
		return fmt.Sprintf("**%s: %s**", subject(p, groups), strings.Join(nonEmpty(words, others...), " · "))
	case words == "" && p.count(run.JobFailed) == len(p.jobs):
		return fmt.Sprintf("**%s, all failed**", many(len(p.jobs), "project"))
	case words == "":
		words = "no changes"
		fallthrough
	default:
		return fmt.Sprintf("**%s: %s**", many(len(p.jobs), "project"), strings.Join(nonEmpty(words, others...), " · "))
	}
}

// subject names what was planned, as far as that is short.
func subject(p picked, groups []group) string {
	if len(p.jobs) == 1 {
		return groups[0].names(name) + " in " + groups[0].environments()
	}
	if len(groups) == 1 && len(p.jobs) <= groupNames {
		return many(len(p.jobs), "project") + ": " + groups[0].names(name)
	}
	return many(len(p.jobs), "project")
}

// idle is the headline of a run without jobs.
func idle(r run.Run) string {
	switch r.State {
	case run.StateAccepted, run.StateRunning:
		return "**Getting ready**: reading the pull request and finding the projects that it touches."
	case run.StateSucceeded:
		return "**No project is touched by this change.**"
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
		return "a newer commit took its place"
	}
	return "the newer commit " + short(r.SupersededBy) + " took its place"
}

// outcomes counts the jobs that made no plan.
func outcomes(p picked) []string {
	var out []string
	if n := p.count(run.JobFailed); n > 0 {
		out = append(out, number(n)+" failed")
	}
	if n := p.count(run.JobCancelled); n > 0 {
		out = append(out, number(n)+" cancelled"+by(p.run))
	}
	return out
}

func progress(p picked) string {
	queued, running := p.count(run.JobQueued), p.count(run.JobRunning)
	var out []string
	for _, part := range []part{{len(p.jobs) - queued - running, "done"}, {running, "running"}, {queued, "queued"}} {
		if part.n > 0 {
			out = append(out, number(part.n)+" "+part.text)
		}
	}
	return strings.Join(out, ", ")
}

func outdated(p picked) string {
	if p.outdated == "" {
		return ""
	}
	return short(p.outdated) + " was planned before; that plan is out of date.\n"
}

// unreadable names the planned projects whose summary is gone. Nothing is said
// while more is coming: summaries are not read for every step on the way.
func unreadable(p picked, groups []group) string {
	var lost group
	if p.active() {
		return ""
	}
	for _, g := range groups {
		if g.state == run.JobSucceeded && g.summary == nil {
			lost.jobs = append(lost.jobs, g.jobs...)
		}
	}
	if len(lost.jobs) == 0 {
		return ""
	}
	return "The details of " + lost.names(name) + " cannot be read any more, only their counts are known. `/plan` makes them again.\n"
}

// How many notes are shown, and how much of each.
const (
	shownNotes = 8
	shownNote  = 600
)

// notes are what is no failure but good to know.
func notes(p picked) string {
	var out []string
	if p.run.Behind > 0 && len(p.jobs) > 0 {
		out = append(out, fmt.Sprintf("%s moved by %s since this branch left it. Update the branch to plan with what is new there.",
			nameCode(p.run.BaseRef), many(p.run.Behind, "commit")))
	}
	for i, n := range p.run.Notes {
		if i == shownNotes {
			out = append(out, fmt.Sprintf("%s are not shown.", many(len(p.run.Notes)-i, "more note")))
			break
		}
		out = append(out, markdown.RichLine(markdown.Limit(n, shownNote)))
	}
	if len(out) == 1 {
		return "**Note**: " + out[0] + "\n"
	}
	for i := range out {
		out[i] = "- " + out[i]
	}
	if len(out) > 1 {
		return "**Notes**\n\n" + strings.Join(out, "\n") + "\n"
	}
	return ""
}

// next says what can be typed now.
func next(p picked, checkURL string) string {
	hints := []string{"plan again `/plan`"}
	switch {
	case p.active() && len(p.jobs) > 0:
		hints = []string{"stop it `/cancel`", "how far it is `/status`"}
	case p.count(run.JobFailed) > 0:
		hints = []string{"mend it and push, or plan again `/plan`"}
	case p.run.State == run.StateRefused:
		hints = []string{"when that is put right `/plan`"}
	}
	if example := exampleProject(p); example != "" && !p.active() {
		hints = append(hints, "one project "+nameCode("/plan "+example))
	}
	if !p.active() {
		hints = append(hints, "what runs `/status`")
	}
	hints = append(hints, "all commands `/help`")
	if len(p.jobs) > 0 && linkable(checkURL) {
		hints = append(hints, "[full diffs and output]("+checkURL+")")
	}
	return "**Next**: " + strings.Join(hints, " · ") + "\n"
}

// stamp says what this is the answer to, so that who planned again sees that
// something happened although nothing differs.
func stamp(p picked) string {
	r := p.run
	if !r.State.Final() || r.FinishedAt.IsZero() || len(r.Jobs) == 0 {
		return ""
	}
	parts := []string{
		command(r) + " by " + nameCode(r.Actor),
		r.FinishedAt.UTC().Format("2006-01-02 15:04:05 UTC"),
		fmt.Sprintf("%.1f s", r.FinishedAt.Sub(r.CreatedAt).Seconds()),
	}
	if result := r.Jobs[0].Result; result != nil && result.Terraform != "" {
		parts = append(parts, name(result.Terraform))
	}
	return strings.Join(parts, " · ") + "\n"
}

// exampleProject is a project worth planning alone: of several, the first that
// has no plan, else the first.
func exampleProject(p picked) string {
	if len(p.jobs) < 2 {
		return ""
	}
	for _, j := range p.jobs {
		if j.State != run.JobSucceeded {
			return projectOf(j)
		}
	}
	return projectOf(p.jobs[0])
}

// linkable tells an address that can stand between the brackets of a link.
func linkable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && !strings.ContainsAny(address, "()<>[]\\`*_ \t\r\n\"'|")
}

// nonEmpty lists the strings that are not empty.
func nonEmpty(first string, rest ...string) []string {
	return slices.DeleteFunc(append([]string{first}, rest...), func(s string) bool { return s == "" })
}
