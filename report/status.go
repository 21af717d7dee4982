package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// statusRuns is how many finished runs /status shows.
const statusRuns = 5

// Status is the answer to /status: what runs and waits, what was last, and the
// locks that h, the pull request, holds and waits for. Runs are its own.
func Status(h run.Subject, runs []run.Run, locks run.Locks, now time.Time) string {
	if len(runs) == 0 {
		return paragraphs("**Nothing was planned on this pull request yet.**\n", leftStatus(locks, h), "**Next**: plan `/plan` · all commands `/help`\n")
	}
	var active []string
	var ended []run.Run
	for _, r := range runs {
		if r.State.Final() {
			ended = append(ended, r)
		} else {
			active = append(active, activeRun(r, now))
		}
	}
	slices.SortStableFunc(ended, func(a, b run.Run) int { return b.FinishedAt.Compare(a.FinishedAt) })
	done := ""
	for _, r := range ended[:min(len(ended), statusRuns)] {
		done += fmt.Sprintf("| %s ago | %s | %s | %s |\n",
			age(now.Sub(r.FinishedAt)), markdown.Cell(command(r)), commit(r), markdown.Cell(result(r)))
	}
	if done != "" {
		done = "| ended | command | commit | result |\n|---|---|---|---|\n" + done
	}
	hint := "**Next**: plan again `/plan` · what is missing to apply `/why` · all commands `/help`\n"
	if len(active) > 0 {
		hint = "**Next**: stop it `/cancel` · all commands `/help`\n"
	} else {
		active = []string{"**Nothing is running.**\n"}
	}
	return paragraphs(paragraphs(active...), lockStatus(locks, h, now), leftStatus(locks, h), done, hint)
}

// statusProjects is how many projects are named per state.
const statusProjects = 10

func activeRun(r run.Run, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**: %s on %s", stateWord(r), command(r), commit(r))
	if r.Actor != "" {
		b.WriteString(", asked for by " + nameCode(r.Actor))
	}
	fmt.Fprintf(&b, " %s ago\n", age(now.Sub(r.CreatedAt)))
	for _, state := range []run.JobState{run.JobRunning, run.JobQueued, run.JobFailed, run.JobSkipped} {
		var names []string
		for _, j := range r.Jobs {
			if j.State != state {
				continue
			}
			text := name(view.ProjectOf(j))
			switch {
			case state == run.JobRunning && !j.StartedAt.IsZero():
				text += " (for " + age(now.Sub(j.StartedAt)) + ")"
			case j.WaitsForMachine():
				text += " (waits for a machine for " + age(now.Sub(j.WaitsSince)) + ")"
			}
			names = append(names, text)
		}
		if n := len(names); n > 0 {
			fmt.Fprintf(&b, "- %s %s: %s\n", number(n), jobWord(r, state), someOf(names))
		}
	}
	return b.String()
}

// someOf joins names; those that are too many are counted.
func someOf(names []string) string {
	if n := len(names) - statusProjects; n > 0 {
		names = append(slices.Clip(names[:statusProjects]), number(n)+" more")
	}
	return sentence(names)
}

func jobWord(r run.Run, state run.JobState) string {
	if r.Kind != run.KindApply {
		return string(state)
	}
	m := view.Model{Apply: &r}
	return string(m.ApplyStatus(run.Job{State: state}))
}

// lockStatus lists the locks that h holds, since when, and those it waits for.
func lockStatus(locks run.Locks, h run.Subject, now time.Time) string {
	var has, wants []string
	for _, l := range view.HeldBy(locks, h) {
		text := name(l.Project) + " for " + age(now.Sub(l.TakenAt))
		switch {
		case l.Busy != "":
			text += ", an apply is under way"
		case l.Astray:
			text += ", what the last apply made is in no backend"
		case l.Dirty:
			text += ", the last apply did not end well"
		case l.Applied:
			text += ", applied and not merged"
		case l.Yields():
			text += ", with nothing to apply: whoever plans it next has it"
		}
		for i, w := range l.Waiting {
			if i == shownHolders {
				text += ", " + number(len(l.Waiting)-i) + " more wait"
				break
			}
			text += ", " + reference(w.Holder, h) + " waits"
		}
		has = append(has, text)
	}
	for _, w := range view.WaitsFor(locks, h) {
		text := name(w.Project) + ", " + ordinal(w.Place) + " in the queue"
		switch {
		case w.Holder.Is(h):
			text += ", an apply here is changing it"
		case !w.Holder.IsZero():
			text += ", " + reference(w.Holder, h) + " holds it"
		}
		wants = append(wants, text)
	}
	return paragraphs(listOf("Locks held", has), listOf("Locks waited for", wants))
}

// listOf writes items below a title; those that are too many are counted.
func listOf(title string, items []string) string {
	if len(items) == 0 {
		return ""
	}
	if n := len(items) - statusProjects; n > 0 {
		items = append(slices.Clip(items[:statusProjects]), number(n)+" more")
	}
	return "**" + title + "**\n\n- " + strings.Join(items, "\n- ") + "\n"
}

func stateWord(r run.Run) string {
	switch {
	case r.Ending():
		return "Stopping"
	case r.State == run.StateAccepted:
		return "Preparing"
	case r.Kind == run.KindApply:
		return "Applying"
	}
	return "Running"
}

func command(r run.Run) string {
	switch {
	case r.Trigger == run.TriggerButton && r.Line != "":
		return nameCode(r.Line) + " with the button " + buttonOf(r)
	case r.Trigger == run.TriggerButton:
		return "the button " + buttonOf(r)
	case r.Line != "":
		return nameCode(r.Line)
	case r.Trigger == run.TriggerPush:
		return string(r.Kind) + " of a push"
	case r.Trigger == run.TriggerTurn:
		return string(r.Kind) + " when its turn came"
	case !r.OfPull():
		return string(r.Kind) + " for the merge queue"
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
	m := view.Model{Run: r}
	for _, j := range r.Jobs {
		m.Projects = append(m.Projects, run.ProjectStatus{Project: view.ProjectOf(j), PlanRun: r, Plan: j})
	}
	switch {
	case r.State == run.StateRefused && r.Problem != nil:
		return "refused: " + markdown.RichLine(markdown.Excerpt(inCell(r.Problem.Message), 160))
	case r.Kind == run.KindApply && len(r.Jobs)+len(r.Unchanged) > 0:
		return applyResult(r)
	case r.State == run.StateSuperseded:
		return supersededBy(r)
	case r.State == run.StateCancelled:
		return "cancelled" + by(r)
	}
	title := checkTitle(m, m.Groups())
	return strings.ToLower(title[:1]) + title[1:]
}

// inCell is the first line of a message for a table's cell, which has no room
// for a list: nor does it announce one.
func inCell(message string) string {
	first, _, _ := strings.Cut(message, "\n")
	announcing, announces := strings.CutSuffix(first, ":")
	if !announces {
		return first
	}
	if end := strings.LastIndex(announcing, ". "); end >= 0 {
		return announcing[:end+1]
	}
	return announcing
}

// applyResult counts how the projects of an apply ended.
func applyResult(r run.Run) string {
	m := view.Model{Apply: &r}
	by := map[view.Status]int{view.StatusNoChanges: len(r.Unchanged)}
	for _, j := range r.Jobs {
		by[m.ApplyStatus(j)]++
	}
	words := strings.Join(tally(by), ", ")
	if r.Merged {
		words += ", merged"
	}
	return words
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
