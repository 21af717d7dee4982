package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/report/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// CheckView is everything that the check runs of one commit are made of.
type CheckView struct {
	View
	HeadSHA string
	Outputs map[string]string // by job id: the end of what terraform printed
}

// The names of the check runs. Branch protection refers to them.
const (
	CheckPlan  = "lockkeeper/plan"
	CheckApply = "lockkeeper/apply"
)

// Check is the content of a check run, within the limits of GitHub's REST API
// ("Create a check run"): summary and text at most 65,535 characters, at most
// three actions of 20, 40 and 20 characters.
type Check struct {
	Name       string
	ExternalID string // run id
	Status     string // queued, in_progress or completed
	Conclusion string // of completed ones
	Title      string
	Summary    string
	Text       string
	Actions    []Action

	StartedAt   time.Time
	CompletedAt time.Time // of completed ones
}

// Action is a button of a check run.
type Action struct {
	Label       string
	Description string
	Identifier  string // comes back in the webhook when somebody presses it
}

// ActionPlan is the identifier of the button "Plan again".
const ActionPlan = "plan"

// The values of Check.Status that exist.
const (
	checkQueued     = "queued"
	checkInProgress = "in_progress"
	checkCompleted  = "completed"
)

// checkBudget bounds summary and text each, in bytes.
const checkBudget = 64_000

// CheckRun is the content of lockkeeper/plan for v's commit; ok is false when
// nothing was ever planned there.
func CheckRun(v CheckView) (c Check, ok bool) {
	p, ok := pick(v.Runs, v.HeadSHA)
	if !ok || p.run.HeadSHA != v.HeadSHA {
		return Check{}, false
	}
	v.CheckURL = "" // it is this page
	c = Check{
		Name: CheckPlan, ExternalID: p.run.ID, StartedAt: startedAt(p), Title: checkTitle(p),
		Summary: v.compose(p, checkBudget, false),
		Text:    v.checkText(p),
	}
	switch {
	case !p.active():
		c.Status, c.Conclusion = checkCompleted, conclusion(p)
		c.CompletedAt = completedAt(p)
		c.Actions = []Action{{"Plan again", "Plan the projects of this change again", ActionPlan}}
	case len(p.jobs) == 0 || p.count(run.JobQueued) == len(p.jobs):
		c.Status = checkQueued
	default:
		c.Status = checkInProgress
	}
	return c, true
}

// ApplyCheck is the content of lockkeeper/apply for v's commit; ok is false as
// long as there is no finished plan.
func ApplyCheck(v CheckView) (c Check, ok bool) {
	p, ok := pick(v.Runs, v.HeadSHA)
	if !ok || p.run.HeadSHA != v.HeadSHA || p.active() || p.run.State == run.StateSuperseded {
		return Check{}, false
	}
	return Check{
		Name: CheckApply, ExternalID: "apply/" + v.HeadSHA, Status: checkCompleted, Conclusion: "neutral",
		Title: "Nothing is applied yet",
		Summary: "This check will turn green when the plans of this commit are applied. Lockkeeper plans only, for now: " +
			"apply with the tools that you use today, from the commit that was planned.\n",
		StartedAt: startedAt(p), CompletedAt: completedAt(p),
	}, true
}

func checkTitle(p picked) string {
	words := countWords(p.counts(), parts(p.counts()))
	switch others := outcomesPlain(p); {
	case len(p.jobs) == 0:
		return idleTitle(p.run)
	case p.active():
		return fmt.Sprintf("Planning %s: %s", many(len(p.jobs), "project"), progress(p))
	case others != "" && words != "":
		return others + " · " + words
	case others != "":
		return others
	case words != "":
		return words
	}
	return "No changes"
}

// outcomesPlain is outcomes without Markdown.
func outcomesPlain(p picked) string {
	var out []string
	for _, part := range []part{{p.count(run.JobFailed), "failed"}, {p.count(run.JobCancelled), "cancelled"}} {
		if part.n > 0 {
			out = append(out, fmt.Sprintf("%s of %s %s", number(part.n), many(len(p.jobs), "project"), part.text))
		}
	}
	return strings.Join(out, ", ")
}

func idleTitle(r run.Run) string {
	switch r.State {
	case run.StateAccepted, run.StateRunning:
		return "Getting ready"
	case run.StateSucceeded:
		return "No project is touched by this change"
	case run.StateRefused:
		return "Nothing was planned"
	case run.StateSuperseded:
		return "A newer commit took its place"
	case run.StateCancelled:
		return "Cancelled"
	}
	return "The plan failed"
}

func conclusion(p picked) string {
	switch {
	case p.run.State == run.StateRefused:
		return "action_required"
	case p.count(run.JobFailed) > 0, p.run.State == run.StateFailed && len(p.jobs) == 0:
		return "failure"
	case outcomesPlain(p) != "", p.run.State == run.StateCancelled, p.run.State == run.StateSuperseded:
		return "cancelled"
	case len(p.jobs) == 0:
		return "neutral"
	}
	return "success"
}

func startedAt(p picked) time.Time {
	if p.run.PreparedAt.IsZero() {
		return p.run.CreatedAt
	}
	return p.run.PreparedAt
}

// completedAt is when the newest run ended, never before it started.
func completedAt(p picked) time.Time {
	if p.run.FinishedAt.Before(startedAt(p)) {
		return startedAt(p)
	}
	return p.run.FinishedAt
}

// checkText holds the diffs in full as far as they fit, then the end of what
// terraform printed, failed projects first.
func (v CheckView) checkText(p picked) string {
	groups := v.groups(p)
	var b strings.Builder
	outputs := v.outputs(groups)
	const leastDiffs = checkBudget / 2
	b.WriteString(diffs(groups, max(leastDiffs, checkBudget-len(strings.Join(outputs, "")))))
	for _, o := range outputs {
		if b.Len()+len(o)+1 > checkBudget {
			break
		}
		b.WriteString("\n" + o)
	}
	return b.String()
}

// shownOutput is how many bytes of a project's output a check run shows.
const shownOutput = 8_000

func (v CheckView) outputs(groups []group) []string {
	var failed, others []string
	for _, g := range groups {
		for _, j := range g.jobs {
			output := strings.Trim(markdown.Clean(v.Outputs[j.ID]), "\n")
			if output == "" {
				continue
			}
			output = lastLines(output, shownOutput)
			text := markdown.Details("What Terraform printed for <b>"+htmlName(projectOf(j))+"</b>", markdown.Fence("", output))
			if j.State == run.JobFailed {
				failed = append(failed, text)
			} else {
				others = append(others, text)
			}
		}
	}
	return append(failed, others...)
}

// lastLines keeps whole lines from the end, at most limit bytes.
func lastLines(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[len(s)-limit:]
	return "…\n" + s[strings.IndexByte(s, '\n')+1:]
}
