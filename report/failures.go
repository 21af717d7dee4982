package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/report/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// shownMessage is how many characters of a problem's message are shown.
const shownMessage = 2_000

// failure is a problem and the projects that have it.
type failure struct {
	problem run.Problem
	group   group
}

// failures explains what went wrong: the run as a whole first, then projects,
// those with the same problem together. Output is shortened to fit the budget
// before messages are, and names stay longest.
func failures(p picked, groups []group, budget int) string {
	list := failuresOf(groups)
	for _, detail := range []int{6_000, 2_000, 600, 0} {
		var out []string
		if p.run.Problem != nil {
			out = append(out, problem("", *p.run.Problem, max(detail, 1_000)))
		}
		for _, f := range list {
			out = append(out, problem("**"+f.group.names(name)+"** failed: ", f.problem, detail))
		}
		if text := paragraphs(out...); len(text) <= budget {
			return text
		}
	}
	return failedNames(p, list, budget)
}

func failuresOf(groups []group) []failure {
	byProblem := map[run.Problem]int{}
	var out []failure
	for _, g := range groups {
		if g.state != run.JobFailed {
			continue
		}
		f := failure{problem: problemOf(g.jobs[0]), group: g}
		if at, ok := byProblem[f.problem]; ok {
			out[at].group.jobs = append(out[at].group.jobs, g.jobs...)
			continue
		}
		byProblem[f.problem] = len(out)
		out = append(out, f)
	}
	return out
}

func problemOf(j run.Job) run.Problem {
	if j.Result == nil || j.Result.Problem == nil {
		return run.Problem{Code: "unknown", Message: "The job ended without saying why. Comment `/plan` to try again."}
	}
	return *j.Result.Problem
}

// problem writes a message with its output, of which at most detail bytes.
func problem(before string, p run.Problem, detail int) string {
	message := before + markdown.Rich(markdown.Limit(p.Message, shownMessage)) + "\n"
	shown, left := firstLines(strings.Trim(markdown.Clean(p.Detail), "\n"), detail)
	if shown == "" {
		return message
	}
	if left > 0 {
		shown += fmt.Sprintf("\n… %s", many(left, "more line"))
	}
	return message + "\n" + markdown.Fence("", shown)
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

// failedNames is what remains of too many long failures.
func failedNames(p picked, list []failure, budget int) string {
	var b strings.Builder
	if p.run.Problem != nil {
		b.WriteString(problem("", *p.run.Problem, 0) + "\n")
	}
	const reserve = 200
	total := p.count(run.JobFailed)
	for _, f := range list {
		text := "**" + f.group.names(name) + "** failed: " +
			markdown.RichLine(markdown.Limit(f.problem.Message, 200)) + "\n\n"
		if b.Len()+len(text) > budget-reserve {
			break
		}
		b.WriteString(text)
		total -= len(f.group.jobs)
	}
	if total > 0 {
		fmt.Fprintf(&b, "**%s** failed, too: their messages are in the check run.\n", many(total, "more project"))
	}
	return b.String()
}
