package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// GitHub refuses a comment of more than 65,536 characters. Ours are measured in
// bytes, so that it does not matter how GitHub counts.
const (
	commentBudget = 60_000
	tableReserve  = 4_000  // for the table when everything else is long
	failureBudget = 20_000 // for failures, before their output is shortened further
	policyBudget  = 8_000  // for what rules deny
	policyReserve = 1_000  // of that, when much is destroyed
	filesBudget   = 6_000  // for the files that planning made
	filesReserve  = 1_000  // of that, when much is destroyed
)

// Comment writes the pull request's comment in at most 60,000 bytes. Counts,
// the addresses of what is destroyed or replaced, and failures come before
// everything else and are the last to be shortened; whatever is left out is
// counted.
func Comment(v View) string {
	p, ok := v.pick("")
	if !ok {
		return "### Plan\n\n**Nothing is planned yet.**\n\n" + next(p, planHints(p), "", "")
	}
	groups := v.groups(p)
	can := hints(p)
	switch {
	case v.leftLines(p.run.Holder()) != "":
		can = []string{"what is left to put right `/status`"}
	case v.over(p):
		can = []string{hintStatus}
	case p.newer != "" && p.stage() != applying && !p.active():
		can = []string{"plan the new commit `/plan`", hintStatus}
	case len(v.exposed(p)) > 0 && p.stage() == allApplied:
		can = []string{"merge this pull request", "take the lock again `/plan`", hintStatus}
	case p.complete && p.apply == nil && v.appliedLines(p) != "" && p.run.State == run.StateSucceeded && len(p.foreign()) == 0 &&
		!p.some(func(s run.Standing) bool { return !s.Applied() }):
		can = append([]string{"merge this pull request"}, can...) // an apply and a plan of everything after it say so
	}
	tail := paragraphs(outdated(p), unreadable(p, groups), notes(p), v.otherLines(p), v.lockLines(p), laterLines(p), p.unlessOlder(gateLines(p)), merged(p), v.waitingLine(p), v.appliedLines(p),
		next(p, can, v.CheckURL, v.ApplyURL), stamp(p))
	return v.compose(p, groups, tail, page{budget: commentBudget, diffs: true, rest: inCheck})
}

// page is what a text has room for.
type page struct {
	budget int // bytes
	diffs  bool
	rest   string // where that can be read for which there is no room
}

// compose writes what is known of p and groups, with tail at the end.
func (v View) compose(p picked, groups []group, tail string, in page) string {
	head := title(p) + "\n" + headline(p, groups) + "\n" + v.olderLine(p) + v.flagLines(p)
	budget := in.budget - len(head) - len(tail) - 6

	broken := notApplied(p, min(failureBudget, budget/2))
	failed := failures(p, groups, min(failureBudget, (budget-len(broken))/2))
	budget -= len(broken) + len(failed)
	reserve := tableReserve
	if deniedPlans(groups) > 0 {
		reserve += policyReserve
	}
	if slices.ContainsFunc(groups, group.madeFiles) {
		reserve += filesReserve
	}
	lost := caution(groups, budget-reserve)
	budget -= len(lost)
	denied := paragraphs(denials(groups, min(policyBudget, budget-tableReserve), in.rest), overrides(v.Runs, p))
	made := files(groups, min(filesBudget, budget-tableReserve-len(denied)), in.rest)
	rows := table(p, groups, budget-len(denied)-len(made))
	folds := ""
	if in.diffs {
		folds = diffs(groups, budget-len(denied)-len(made)-len(rows), in.rest)
	}
	return head + "\n" + paragraphs(broken, lost, rows, failed, denied, made, folds, tail)
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

func outdated(p picked) string {
	if p.outdated == "" {
		return ""
	}
	return short(p.outdated) + " was planned before; that plan is out of date.\n"
}

// unreadable names the planned projects whose summary is gone. Nothing is said
// while more is coming: summaries are not read for every step on the way.
func unreadable(p picked, groups []group) string {
	var lost []string
	if p.active() {
		return ""
	}
	for _, g := range groups {
		if g.state == run.JobSucceeded && g.summary == nil {
			for _, s := range g.standings {
				lost = append(lost, s.Project)
			}
		}
	}
	if len(lost) == 0 {
		return ""
	}
	return "The details of " + fewNames(lost, name) + " cannot be read any more, only their counts are known. `/plan` makes them again.\n"
}

// How many notes are shown, and how much of each.
const (
	shownNotes = 8
	shownNote  = 600
)

// notes are what is no failure but good to know.
func notes(p picked) string {
	out := nonEmpty(p.waitsNote(), isolationNote(append(p.plans(), p.applies()...)))
	if p.run.Behind > 0 && len(p.standings) > 0 {
		out = append(out, fmt.Sprintf("%s moved by %s since this branch left it. Update the branch to plan with what is new there.",
			nameCode(p.run.BaseRef), many(p.run.Behind, "commit")))
	}
	all := p.run.Notes
	if p.apply != nil { // mostly the same
		all = append(slices.Clip(all), slices.DeleteFunc(slices.Clone(p.apply.Notes), func(n string) bool { return slices.Contains(all, n) })...)
	}
	for i, n := range all {
		if i == shownNotes {
			out = append(out, fmt.Sprintf("%s are not shown.", many(len(all)-i, "more note")))
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
