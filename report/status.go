package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/report/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// statusRuns is how many finished runs /status shows.
const statusRuns = 5

// Status is the answer to /status: what runs and waits, and what was last.
// Runs are those of the pull request, newest first.
func Status(runs []run.Run, now time.Time) string {
	if len(runs) == 0 {
		return "**Nothing was planned on this pull request yet.**\n\n**Next**: plan `/plan` · all commands `/help`\n"
	}
	var active, done []string
	for _, r := range runs {
		switch {
		case !r.State.Final():
			active = append(active, activeRun(r, now))
		case len(done) < statusRuns:
			done = append(done, fmt.Sprintf("| %s ago | %s | %s | %s |\n",
				age(now.Sub(r.FinishedAt)), markdown.Cell(command(r)), commit(r), markdown.Cell(result(r))))
		}
	}
	var b strings.Builder
	if len(active) == 0 {
		b.WriteString("**Nothing is running.**\n")
	}
	b.WriteString(strings.Join(active, "\n"))
	if len(done) > 0 {
		b.WriteString("\n| ended | command | commit | result |\n|---|---|---|---|\n" + strings.Join(done, ""))
	}
	hint := "plan again `/plan`"
	if len(active) > 0 {
		hint = "stop it `/cancel`"
	}
	return b.String() + "\n**Next**: " + hint + " · all commands `/help`\n"
}

// statusProjects is how many projects of an active run are named per state.
const statusProjects = 10

func activeRun(r run.Run, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**: %s on %s, asked for by %s %s ago\n", stateWord(r), command(r), commit(r),
		nameCode(r.Actor), age(now.Sub(r.CreatedAt)))
	for _, state := range []run.JobState{run.JobRunning, run.JobQueued, run.JobFailed} {
		var names []string
		for _, j := range r.Jobs {
			if j.State != state {
				continue
			}
			text := name(projectOf(j))
			if state == run.JobRunning && !j.StartedAt.IsZero() {
				text += " (for " + age(now.Sub(j.StartedAt)) + ")"
			}
			names = append(names, text)
		}
		if n := len(names); n > 0 {
			if n > statusProjects {
				names = append(names[:statusProjects], number(n-statusProjects)+" more")
			}
			fmt.Fprintf(&b, "- %s %s: %s\n", number(n), state, sentence(names))
		}
	}
	return b.String()
}

func stateWord(r run.Run) string {
	switch {
	case r.Ending():
		return "Stopping"
	case r.State == run.StateAccepted:
		return "Getting ready"
	}
	return "Running"
}

func command(r run.Run) string {
	switch {
	case r.Line != "":
		return nameCode(r.Line)
	case r.Trigger == run.TriggerPush:
		return string(r.Kind) + " of a push"
	}
	return nameCode("/" + string(r.Kind))
}

func commit(r run.Run) string {
	if r.HeadSHA == "" {
		return "the newest commit"
	}
	return short(r.HeadSHA)
}

func result(r run.Run) string {
	p := picked{run: r, jobs: r.Jobs}
	switch {
	case r.State == run.StateRefused && r.Problem != nil:
		first, _, _ := strings.Cut(r.Problem.Message, "\n") // a list would not fit into a cell
		return "refused: " + markdown.RichLine(markdown.Limit(first, 160))
	case r.State == run.StateSuperseded:
		return supersededBy(r)
	case r.State == run.StateCancelled:
		return "cancelled" + by(r)
	}
	return strings.ToLower(checkTitle(p)[:1]) + checkTitle(p)[1:]
}

// age writes a duration as a person says it.
func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return many(int(d.Seconds()), "second")
	case d < time.Hour:
		return many(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return many(int(d.Hours()), "hour")
	}
	return many(int(d.Hours()/24), "day")
}

// Refusal is the reply to a person whose run was refused or failed before it
// had jobs.
func Refusal(r run.Run) string {
	said := "**Not done.** "
	if r.Line != "" {
		said = "**Not done**: " + nameCode(r.Line) + "\n\n"
	}
	if r.Problem == nil {
		return said + "The command could not be carried out. Comment it again.\n"
	}
	return problem(said, *r.Problem, failureBudget)
}
