package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
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
func Comment(in view.Input) string {
	m, ok := in.Build("")
	if !ok {
		return "### Plan\n\n**Nothing is planned yet.**\n\n" + next(m, planHints(m), "", "")
	}
	groups := m.Groups()
	can := hints(m)
	switch {
	case leftLines(m, m.Run.Pull()) != "":
		can = []string{"what is left to put right `/status`"}
	case m.Over():
		can = []string{hintStatus}
	case m.Newer != "" && m.Stage() != view.Applying && !m.Active():
		can = []string{"plan the new commit `/plan`", hintStatus}
	case len(m.Exposed()) > 0 && m.Stage() == view.AllApplied:
		can = []string{"merge this pull request", "take the lock again `/plan`", hintStatus}
	case m.Complete && m.Apply == nil && appliedLines(m) != "" && m.Run.State == run.StateSucceeded && len(m.Foreign()) == 0 &&
		!m.Some(func(s run.ProjectStatus) bool { return !s.Applied() }):
		can = append([]string{"merge this pull request"}, can...) // an apply and a plan of everything after it say so
	}
	tail := paragraphs(outdated(m), unreadable(m, groups), notes(m), otherLines(m), lockLines(m), laterLines(m), unlessOlder(m, gateLines(m)), merged(m), waitingLine(m), appliedLines(m),
		next(m, can, m.CheckURL, m.ApplyURL), stamp(m))
	return compose(m, groups, tail, page{budget: commentBudget, diffs: true, rest: inCheck})
}

// page is what a text has room for.
type page struct {
	budget int // bytes
	diffs  bool
	rest   string // where that can be read for which there is no room
}

// compose writes what is known of the model and its groups, with tail at the end.
func compose(m view.Model, groups []view.Group, tail string, room page) string {
	head := title(m) + "\n" + headline(m, groups) + "\n" + olderLine(m) + flagLines(m)
	budget := room.budget - len(head) - len(tail) - 6

	broken := notApplied(m, min(failureBudget, budget/2))
	failed := failures(m, groups, min(failureBudget, (budget-len(broken))/2))
	budget -= len(broken) + len(failed)
	reserve := tableReserve
	if view.DeniedPlans(groups) > 0 {
		reserve += policyReserve
	}
	if slices.ContainsFunc(groups, view.Group.MadeFiles) {
		reserve += filesReserve
	}
	lost := caution(groups, budget-reserve)
	budget -= len(lost)
	denied := paragraphs(denials(groups, min(policyBudget, budget-tableReserve), room.rest), overrides(m))
	made := files(groups, min(filesBudget, budget-tableReserve-len(denied)), room.rest)
	rows := table(m, groups, budget-len(denied)-len(made))
	folds := ""
	if room.diffs {
		folds = diffs(groups, budget-len(denied)-len(made)-len(rows), room.rest)
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

func outdated(m view.Model) string {
	if m.Outdated == "" {
		return ""
	}
	return short(m.Outdated) + " was planned before; that plan is out of date.\n"
}

// unreadable names the planned projects whose summary is gone. Nothing is said
// while more is coming: summaries are not read for every step on the way.
func unreadable(m view.Model, groups []view.Group) string {
	var lost []string
	if m.Active() {
		return ""
	}
	for _, g := range groups {
		if g.State == run.JobSucceeded && g.Summary == nil {
			for _, s := range g.Projects {
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
func notes(m view.Model) string {
	out := nonEmpty(waitsNote(m), machineNote(append(m.PlanJobs(), m.ApplyJobs()...)), isolationNote(append(m.PlanJobs(), m.ApplyJobs()...)))
	if m.Run.Behind > 0 && len(m.Projects) > 0 {
		out = append(out, fmt.Sprintf("%s moved by %s since this branch left it. Update the branch to plan with what is new there.",
			nameCode(m.Run.BaseRef), many(m.Run.Behind, "commit")))
	}
	all := m.Run.Notes
	if m.Apply != nil { // mostly the same
		all = append(slices.Clip(all), slices.DeleteFunc(slices.Clone(m.Apply.Notes), func(n string) bool { return slices.Contains(all, n) })...)
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
