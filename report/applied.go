package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// shownApplies is how many applies the comment names.
const shownApplies = 5

// appliedLines say who applied what to which commit, whatever was planned since. The
// apply that the comment is about says so itself.
func appliedLines(m view.Model) string {
	seen := map[string]bool{}
	if m.Apply != nil {
		for _, j := range m.Apply.Jobs {
			seen[view.ProjectOf(j)] = true
		}
	}
	var lines []string
	left := 0
	for _, r := range m.Applies {
		if r.Kind != run.KindApply || !r.State.Final() || m.Apply != nil && r.ID == m.Apply.ID {
			continue
		}
		made, broken := changed(r, seen)
		if len(made)+len(broken) == 0 {
			continue
		}
		if len(lines) == shownApplies {
			left++
			continue
		}
		what := strings.Join(nonEmpty(fewNames(made, name), sentenceOf("not to its end %s", fewNames(broken, name))), "; ")
		lines = append(lines, fmt.Sprintf("%s: %s, %s, commit %s", what, requestedBy(r), r.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"), short(r.HeadSHA)))
	}
	if left > 0 {
		lines = append(lines, counted(left, "earlier apply is", "earlier applies are")+" not shown")
	}
	if len(lines) == 1 {
		return "**Applied before**: " + lines[0] + ".\n"
	}
	return listOf("Applied before", lines)
}

// changed lists the projects that an apply changed, with success and without, and that no
// newer one did.
func changed(r run.Run, seen map[string]bool) (made, broken []string) {
	for _, j := range r.Jobs {
		project := view.ProjectOf(j)
		switch {
		case seen[project]:
			continue
		case j.State == run.JobSucceeded:
			made = append(made, project)
		case j.Result != nil && j.Result.Began:
			broken = append(broken, project)
		default:
			continue
		}
		seen[project] = true
	}
	return made, broken
}

// requestedBy is the command of a run and its requester.
func requestedBy(r run.Run) string {
	who := command(r)
	if r.Actor != "" {
		who += " by " + nameCode(r.Actor)
	}
	return who
}

// waitingLine names the plans that wait until the apply that is under way is over.
func waitingLine(m view.Model) string {
	if m.Stage() != view.Applying {
		return ""
	}
	var out []string
	for _, r := range slices.Backward(m.Runs) { // the oldest first
		if r.WaitsFor(m.Runs) != nil && len(out) < shownHolders {
			out = append(out, requestedBy(r))
		}
	}
	return sentenceOf("**Queued**: %s. It runs when this apply has ended.\n", strings.Join(out, ", "))
}
