package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// table has one row per group of projects. Rows that do not fit into the budget
// are added up in one line. A single project needs none: the headline says it
// all; neither do projects that all have no changes.
func table(p picked, groups []group, budget int) string {
	if len(p.jobs) < 2 || (len(groups) == 1 && groups[0].counts.Empty() && groups[0].state == run.JobSucceeded) {
		return ""
	}
	also := false                // some row counts what has no column
	state, mixed := false, false // some row says more than counts; not all are planned
	for _, g := range groups {
		also = also || alsoCell(g) != ""
		mixed = mixed || g.state != run.JobSucceeded
		state = state || mixed || findings(g) != ""
	}
	var b strings.Builder
	b.WriteString("| project | environment | add | change | replace | destroy |" + cell(also, " also |") + cell(state, " result |") + "\n")
	b.WriteString("|---|---|--:|--:|--:|--:|" + cell(also, "---|") + cell(state, "---|") + "\n")
	const reserve = 300 // for the line that adds up the rest
	for i, g := range groups {
		row := fmt.Sprintf("| %s | %s |%s%s%s\n", markdown.Cell(projectCell(g)), markdown.Cell(g.environments()), countCells(g),
			cell(also, " "+alsoCell(g)+" |"), cell(state, " "+stateCell(p, g, mixed)+" |"))
		if b.Len()+len(row) > budget-reserve {
			return b.String() + "\n" + foldedRows(groups[i:])
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
	if len(g.jobs) > 1 && !g.counts.Empty() {
		return g.names(name) + " (same change)"
	}
	return g.names(name)
}

func countCells(g group) string {
	var b strings.Builder
	for _, n := range []int{g.counts.Add, g.counts.Change, g.counts.Replace, g.counts.Destroy} {
		switch {
		case n == 0:
			b.WriteString(" – |")
		case len(g.jobs) > 1:
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
	return countWords(c, parts(c))
}

func stateCell(p picked, g group, mixed bool) string {
	switch g.state {
	case run.JobSucceeded:
		return strings.Join(nonEmpty(cell(mixed, "planned"), findings(g)), ", ")
	case run.JobFailed:
		return "**failed**"
	case run.JobCancelled:
		return "cancelled"
	}
	if p.run.Ending() {
		return "stopping"
	}
	return string(g.state) // queued or running
}

// findings counts what the plan warns of.
func findings(g group) string {
	if g.summary == nil {
		return ""
	}
	var out []string
	for _, part := range []part{
		{len(g.summary.Checks), "failed check"}, {len(g.summary.Warnings), "warning"}, {len(g.summary.Drift), "drifted resource"},
	} {
		if part.n > 0 {
			out = append(out, many(part.n, part.text))
		}
	}
	return strings.Join(out, ", ")
}

// foldedRows adds up the rows that are not shown.
func foldedRows(groups []group) string {
	var total run.Counts
	projects, failed := 0, 0
	for _, g := range groups {
		projects += len(g.jobs)
		if g.state == run.JobFailed {
			failed += len(g.jobs)
		}
		for range g.jobs {
			total = total.Plus(g.counts)
		}
	}
	words := nonEmpty(countWords(total, parts(total)))
	if failed > 0 {
		words = append(words, number(failed)+" failed")
	}
	if len(words) == 0 {
		words = []string{"no changes"}
	}
	return fmt.Sprintf("and **%s**: %s.\n", many(projects, "more project"), strings.Join(words, " · "))
}
