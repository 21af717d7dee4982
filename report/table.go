package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
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

func columnsOf(p picked, groups []group) columns {
	c := columns{status: p.apply != nil}
	for _, g := range groups {
		c.also = c.also || alsoCell(g) != ""
		c.policy = c.policy || g.policy != nil
		c.mixed = c.mixed || g.state != run.JobSucceeded
		c.result = c.result || c.mixed || findings(g) != ""
	}
	return c
}

// table has one row per group of projects, and what it loses first: a phone shows
// no more than the first columns. Rows that do not fit into the budget
// are added up in one line. A single project needs none: the headline says it
// all; neither do projects that all have no changes.
func table(p picked, groups []group, budget int) string {
	if len(p.standings) < 2 || (len(groups) == 1 && groups[0].status == statusNoChanges) {
		return ""
	}
	c := columnsOf(p, groups)
	last := cell(c.result && !c.status, " result |") + cell(c.status, " status |")
	var b strings.Builder
	b.WriteString("| project | destroy | replace | change | add | environment |" + cell(c.also, " also |") + cell(c.policy, " policy |") + last + "\n")
	b.WriteString("|---|--:|--:|--:|--:|---|" + cell(c.also, "---|") + cell(c.policy, "---|") + cell(last != "", "---|") + "\n")
	const reserve = 400 // for the line that adds up the rest
	for i, g := range groups {
		row := fmt.Sprintf("| %s |%s %s |%s%s%s\n", markdown.Cell(projectCell(g)), countCells(g), markdown.Cell(g.environments()),
			cell(c.also, " "+alsoCell(g)+" |"), cell(c.policy, " "+policyCell(g)+" |"), cell(last != "", " "+stateCell(p, g, c)+" |"))
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

func projectCell(g group) string {
	if len(g.standings) > 1 && !g.counts.Empty() {
		return g.names(name) + g.where(nameCode) + " (same change)"
	}
	return g.names(name) + g.where(nameCode)
}

func countCells(g group) string {
	var b strings.Builder
	for _, n := range []int{g.counts.Destroy, g.counts.Replace, g.counts.Change, g.counts.Add} {
		switch {
		case n == 0:
			b.WriteString(" – |")
		case len(g.standings) > 1:
			fmt.Fprintf(&b, " %s each |", number(n))
		default:
			fmt.Fprintf(&b, " %s |", number(n))
		}
	}
	return b.String()
}

func alsoCell(g group) string {
	c := g.counts
	c.Add, c.Change, c.Replace, c.Destroy = 0, 0, 0, 0
	return countWords(parts(c))
}

// stateCell says how far a row is, and what its plan warns of.
func stateCell(p picked, g group, c columns) string {
	switch {
	case c.status && g.state == run.JobSucceeded:
		return strings.Join(nonEmpty(g.status.cell(), findings(g)), ", ")
	case g.state == run.JobSucceeded:
		return strings.Join(nonEmpty(cell(c.mixed, "planned"), findings(g)), ", ")
	case g.state == run.JobFailed:
		return cell(c.status, "plan ") + "**failed**"
	case g.state == run.JobCancelled:
		return cell(c.status, "plan ") + "cancelled"
	case p.run.Ending():
		return "stopping"
	}
	return cell(c.status, "plan ") + string(g.state) // queued or running
}

// cell is the status in a table, bold when a person has to look.
func (s status) cell() string {
	if s == statusFailed || s == statusInterrupted {
		return "**" + string(s) + "**"
	}
	return string(s)
}

// findings counts what the plan warns of.
func findings(g group) string {
	if g.summary == nil {
		return ""
	}
	unknown := 0
	for _, c := range g.summary.Checks {
		if c.Status == checkUnknown {
			unknown++
		}
	}
	var out []string
	for _, part := range []part{
		{len(g.summary.Checks) - unknown, "failed check"}, {unknown, "unknown check"}, {len(g.summary.Warnings), "warning"}, {len(g.summary.Drift), "drifted resource"},
	} {
		if part.n > 0 {
			out = append(out, many(part.n, part.text))
		}
	}
	return strings.Join(out, ", ")
}

// foldedRows adds up the rows that are not shown.
func foldedRows(groups []group, c columns) string {
	var total run.Counts
	projects, failed := 0, 0
	byStatus := map[status]int{}
	for _, g := range groups {
		n := len(g.standings)
		projects += n
		byStatus[g.status] += n
		if g.state == run.JobFailed && !c.status { // else a status says it
			failed += n
		}
		for range g.standings {
			total = total.Plus(g.counts)
		}
	}
	words := nonEmpty(countWords(parts(total)), numbered([]part{{failed, "failed"}, {deniedPlans(groups), "denied by plan policy"}})...)
	if c.status {
		words = append(words, tally(byStatus)...)
	}
	if len(words) == 0 {
		words = []string{"no changes"}
	}
	return fmt.Sprintf("and **%s**: %s.\n", many(projects, "more project"), strings.Join(words, " · "))
}

// tally counts projects by status, the one that needs a person most first.
func tally(by map[status]int) []string {
	var list []part
	for _, s := range statuses {
		text := string(s)
		if s == statusNoChanges {
			text = "without changes"
		}
		list = append(list, part{by[s], text})
	}
	return numbered(list)
}
