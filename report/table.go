package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// columns are those that not every table needs.
type columns struct {
	also   bool // some row counts what has no column
	policy bool // rules judge plans
	result bool // some row says more than counts
	mixed  bool // not all are planned
	status bool // something was applied
}

func columnsOf(m view.Model, groups []view.Group) columns {
	c := columns{status: m.Apply != nil}
	for _, g := range groups {
		c.also = c.also || alsoCell(g) != ""
		c.policy = c.policy || g.Policy != nil
		c.mixed = c.mixed || g.State != run.JobSucceeded
		c.result = c.result || c.mixed || findings(g) != ""
	}
	return c
}

// table has one row per group of projects, and what it loses first: a phone shows
// no more than the first columns. Rows that do not fit into the budget
// are added up in one line. A single project needs none: the headline says it
// all; neither do projects that all have no changes.
func table(m view.Model, groups []view.Group, budget int) string {
	if len(m.Projects) < 2 || (len(groups) == 1 && groups[0].Status == view.StatusNoChanges) {
		return ""
	}
	c := columnsOf(m, groups)
	last := cell(c.result && !c.status, " result |") + cell(c.status, " status |")
	var b strings.Builder
	b.WriteString("| project | destroy | replace | change | add | environment |" + cell(c.also, " also |") + cell(c.policy, " policy |") + last + "\n")
	b.WriteString("|---|--:|--:|--:|--:|---|" + cell(c.also, "---|") + cell(c.policy, "---|") + cell(last != "", "---|") + "\n")
	const reserve = 400 // for the line that adds up the rest
	for i, g := range groups {
		row := fmt.Sprintf("| %s |%s %s |%s%s%s\n", markdown.Cell(projectCell(g)), countCells(g), markdown.Cell(environmentsOf(g)),
			cell(c.also, " "+alsoCell(g)+" |"), cell(c.policy, " "+policyCell(g)+" |"), cell(last != "", " "+stateCell(m, g, c)+" |"))
		if b.Len()+len(row) > budget-reserve {
			return b.String() + "\n" + foldedRows(groups[i:], c)
		}
		b.WriteString(row)
	}
	return b.String()
}

func cell(show bool, text string) string {
	if show {
		return text
	}
	return ""
}

func projectCell(g view.Group) string {
	if len(g.Projects) > 1 && !g.Counts.Empty() {
		return namesOf(g, name) + dirsOf(g, nameCode) + " (same change)"
	}
	return namesOf(g, name) + dirsOf(g, nameCode)
}

func countCells(g view.Group) string {
	var b strings.Builder
	for _, n := range []int{g.Counts.Destroy, g.Counts.Replace, g.Counts.Change, g.Counts.Add} {
		switch {
		case n == 0:
			b.WriteString(" – |")
		case len(g.Projects) > 1:
			fmt.Fprintf(&b, " %s each |", number(n))
		default:
			fmt.Fprintf(&b, " %s |", number(n))
		}
	}
	return b.String()
}

func alsoCell(g view.Group) string {
	c := g.Counts
	c.Add, c.Change, c.Replace, c.Destroy = 0, 0, 0, 0
	return countWords(parts(c))
}

// stateCell says how far a row is, and what its plan warns of.
func stateCell(m view.Model, g view.Group, c columns) string {
	switch {
	case c.status && g.State == run.JobSucceeded:
		return strings.Join(nonEmpty(statusCell(g.Status), findings(g)), ", ")
	case g.State == run.JobSucceeded:
		return strings.Join(nonEmpty(cell(c.mixed, "planned"), findings(g)), ", ")
	case g.State == run.JobFailed:
		return cell(c.status, "plan ") + "**failed**"
	case g.State == run.JobCancelled:
		return cell(c.status, "plan ") + "cancelled"
	case m.Run.Ending():
		return "stopping"
	}
	return cell(c.status, "plan ") + string(g.State) // queued or running
}

// statusCell is the status in a table, bold when a person has to look.
func statusCell(s view.Status) string {
	if s == view.StatusFailed || s == view.StatusInterrupted {
		return "**" + string(s) + "**"
	}
	return string(s)
}

// findings counts what the plan warns of.
func findings(g view.Group) string {
	if g.Summary == nil {
		return ""
	}
	unknown := 0
	for _, c := range g.Summary.Checks {
		if c.Status == checkUnknown {
			unknown++
		}
	}
	var out []string
	for _, part := range []part{
		{len(g.Summary.Checks) - unknown, "failed check"}, {unknown, "unknown check"}, {len(g.Summary.Warnings), "warning"}, {len(g.Summary.Drift), "drifted resource"},
	} {
		if part.n > 0 {
			out = append(out, many(part.n, part.text))
		}
	}
	return strings.Join(out, ", ")
}

// foldedRows adds up the rows that are not shown.
func foldedRows(groups []view.Group, c columns) string {
	var total run.Counts
	projects, failed := 0, 0
	byStatus := map[view.Status]int{}
	for _, g := range groups {
		n := len(g.Projects)
		projects += n
		byStatus[g.Status] += n
		if g.State == run.JobFailed && !c.status { // else a status says it
			failed += n
		}
		for range g.Projects {
			total = total.Plus(g.Counts)
		}
	}
	words := nonEmpty(countWords(parts(total)), numbered([]part{{failed, "failed"}, {view.DeniedPlans(groups), "denied by plan policy"}})...)
	if c.status {
		words = append(words, tally(byStatus)...)
	}
	if len(words) == 0 {
		words = []string{"no changes"}
	}
	return fmt.Sprintf("and **%s**: %s.\n", many(projects, "more project"), strings.Join(words, " · "))
}

// tally counts projects by status, the one that needs a person most first.
func tally(by map[view.Status]int) []string {
	var list []part
	for _, s := range view.Statuses {
		text := string(s)
		if s == view.StatusNoChanges {
			text = "without changes"
		}
		list = append(list, part{by[s], text})
	}
	return numbered(list)
}
