package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// shownMessage is how many characters of a problem's message are shown.
const shownMessage = 2_000

// failure is a problem and the projects that have it.
type failure struct {
	problem  run.Problem
	what     string // that happened to the projects: failed, skipped
	projects []string
}

func (f failure) names() string { return "**" + fewNames(f.projects, name) + "** " + f.what + ": " }

// failures explains plans that went wrong: the run as a whole first, then
// projects, those with the same problem together.
func failures(m view.Model, groups []view.Group, budget int) string {
	var list []failure
	for _, g := range groups {
		if g.State != run.JobFailed {
			continue
		}
		for _, s := range g.Projects {
			list = added(list, failure{problem: problemOf(s.Plan), what: "failed", projects: []string{s.Project}})
		}
	}
	return explained(m.Run.Problem, list, budget)
}

// notApplied explains what an apply did not do, by project: what nobody knows
// and what failed first, then what was not begun.
func notApplied(m view.Model, budget int) string {
	if m.Apply == nil {
		return ""
	}
	var list []failure
	for _, one := range []view.Status{view.StatusInterrupted, view.StatusFailed, view.StatusCancelled, view.StatusSkipped} {
		what := "was " + string(one)
		if one == view.StatusFailed {
			what = "failed"
		}
		for _, s := range m.Projects {
			if s.Apply != nil && m.Status(s) == one {
				list = added(list, failure{problem: problemOf(*s.Apply), what: what, projects: []string{s.Project}})
			}
		}
	}
	return explained(m.Apply.Problem, list, budget)
}

// added puts f to those with the same problem.
func added(list []failure, f failure) []failure {
	for i := range list {
		if list[i].problem == f.problem && list[i].what == f.what {
			list[i].projects = append(list[i].projects, f.projects...)
			return list
		}
	}
	return append(list, f)
}

func problemOf(j run.Job) run.Problem {
	if j.Result == nil || j.Result.Problem == nil {
		return run.Problem{Code: "unknown", Message: "The job ended without saying why. Comment `/plan` to try again."}
	}
	return *j.Result.Problem
}

// explained writes problems. Output is shortened to fit the budget before
// messages are, and names stay longest.
func explained(whole *run.Problem, list []failure, budget int) string {
	for _, detail := range []int{6_000, 2_000, 600, 0} {
		var out []string
		if whole != nil {
			out = append(out, problem("", *whole, max(detail, 1_000)))
		}
		for _, f := range list {
			out = append(out, problem(f.names(), f.problem, detail))
		}
		if text := paragraphs(out...); len(text) <= budget {
			return text
		}
	}
	return explainedShortly(whole, list, budget)
}

// explainedShortly is what remains of too many long failures.
func explainedShortly(whole *run.Problem, list []failure, budget int) string {
	var b strings.Builder
	if whole != nil {
		b.WriteString(problem("", *whole, 0) + "\n")
	}
	const reserve = 200
	total := 0
	for _, f := range list {
		total += len(f.projects)
	}
	for _, f := range list {
		text := f.names() + markdown.RichLine(markdown.Limit(f.problem.Message, 200)) + "\n\n"
		if b.Len()+len(text) > budget-reserve {
			break
		}
		b.WriteString(text)
		total -= len(f.projects)
	}
	if total > 0 {
		fmt.Fprintf(&b, "**%s** failed, too: their messages are in the check run.\n", many(total, "more project"))
	}
	return b.String()
}

// problem writes a message with its output, of which at most detail bytes.
func problem(before string, p run.Problem, detail int) string {
	return before + markdown.Rich(markdown.Limit(p.Message, shownMessage)) + "\n" + output(p.Detail, detail)
}

// output fences what a program printed, at most limit bytes.
func output(text string, limit int) string {
	shown, left := firstLines(strings.Trim(markdown.Clean(text), "\n"), limit)
	if shown == "" {
		return ""
	}
	if left > 0 {
		shown += fmt.Sprintf("\n… %s", many(left, "more line"))
	}
	return "\n" + markdown.Fence("", shown)
}

// firstLines keeps whole lines from the start, at most limit bytes, and counts
// the others. A first line that is too long is cut.
func firstLines(s string, limit int) (shown string, left int) {
	if len(s) <= limit {
		return s, 0
	}
	end := strings.LastIndexByte(s[:limit], '\n')
	if end < 0 {
		return strings.ToValidUTF8(s[:limit], ""), strings.Count(s[limit:], "\n") + 1
	}
	return s[:end], strings.Count(s[end+1:], "\n") + 1
}
