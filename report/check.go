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

// CheckView is everything that the check runs of one commit are made of.
type CheckView struct {
	view.Input
	HeadSHA string
	Outputs map[string]string    // by job id: the end of what terraform printed
	Live    map[string]run.Lines // by id of a job that runs: what it printed last
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
	Marks      []run.Diagnostic // errors at a line of a file, at most mostMarks

	StartedAt   time.Time
	CompletedAt time.Time // of completed ones
}

// Content is everything of a check run, to compare: except for what a new plan of the
// commit changes of an apply check that says the same as before.
func (c Check) Content() string {
	if c.Name == CheckApply {
		c.ExternalID, c.StartedAt, c.CompletedAt = "", time.Time{}, time.Time{}
	}
	return fmt.Sprintf("%q", []any{c.ExternalID, c.Status, c.Conclusion, c.Title, c.Summary, c.Text, c.Actions,
		c.StartedAt.UTC().String(), c.CompletedAt.UTC().String()})
}

// Action is a button of a check run.
type Action struct {
	Label       string
	Description string
	Identifier  string // comes back in the webhook when somebody presses it
}

// The identifiers of the buttons.
const (
	ActionPlan   = "plan"
	ActionApply  = "apply"
	ActionUnlock = "unlock"
)

var (
	buttonPlan   = Action{"Plan again", "Plan the projects of this change again", ActionPlan}
	buttonApply  = Action{"Apply", "Apply the stored plans of this commit", ActionApply}
	buttonUnlock = Action{"Unlock", "Release the locks of this pull request", ActionUnlock}
)

// The values of Check.Status that exist.
const (
	StatusQueued     = "queued"
	StatusInProgress = "in_progress"
	StatusCompleted  = "completed"
)

// checkBudget bounds summary and text each, in bytes.
const checkBudget = 64_000

// CheckRun is the content of lockkeeper/plan for v's commit; ok is false when
// nothing was ever planned there. Applying changes nothing of it but its buttons.
func CheckRun(v CheckView) (c Check, ok bool) {
	m, ok := v.Build(v.HeadSHA)
	if !ok {
		return Check{}, false
	}
	buttons := v.buttons(m)
	m = m.PlansOnly()
	groups := m.Groups()
	tail := paragraphs(outdated(m), unreadable(m, groups), notes(m), withoutLocks(m), next(m, planHints(m), "", ""), stamp(m))
	c = Check{
		Name: CheckPlan, ExternalID: m.Run.ID, StartedAt: startedAt(m.Run), Title: checkTitle(m, groups),
		Summary: compose(m, groups, tail, page{budget: checkBudget, rest: onServer}),
		Text:    v.checkText(m, groups),
	}
	switch {
	case !m.Active():
		c.Marks = marked(m.Run.Mistakes, m.PlanJobs())
		c.Status, c.Conclusion = StatusCompleted, conclusion(m)
		c.CompletedAt = completedAt(m.Run)
		c.Actions = buttons
	case len(m.Projects) == 0 || m.Count(run.JobQueued) == len(m.Projects):
		c.Status = StatusQueued
	default:
		c.Status = StatusInProgress
		c.Text = fitting(c.Text, v.live(m.PlanJobs()))
	}
	return c, true
}

// buttons are those that can do something; for a pull request that is over nothing is
// planned or applied. One press is about all that the pull
// request changes or holds, so one environment without buttons takes it away. What an
// apply does is not offered from its start on; its end changes no button.
func (v CheckView) buttons(m view.Model) []Action {
	if !m.Run.OfPull() {
		return nil // the pull request itself has them
	}
	var out []Action
	if !m.Over() {
		out = append(out, buttonPlan)
	}
	if !m.Over() && m.Ready() && !m.Some(func(s run.ProjectStatus) bool { return v.NoButtons[environmentOf(s)] }) {
		out = append(out, buttonApply)
	}
	if held := view.HeldBy(v.Locks, m.Run.Pull()); len(held) > 0 && !m.Some(func(s run.ProjectStatus) bool { return v.NoButtons[environmentOf(s)] && holds(held, s.Project) }) {
		out = append(out, buttonUnlock)
	}
	return out
}

func environmentOf(s run.ProjectStatus) string { return s.Plan.Document.Environment.Name }

func holds(held []view.HeldLock, project string) bool {
	return slices.ContainsFunc(held, func(h view.HeldLock) bool { return h.Project == project })
}

// withoutLocks explains a speculative plan without saying what changes with
// every lock: the comment says that.
func withoutLocks(m view.Model) string {
	var names []string
	for _, s := range m.Projects {
		if s.Speculative() {
			names = append(names, s.Project)
		}
	}
	return sentenceOf("**Speculative plan**: made without the locks of %s, so it cannot be applied. It will be made again when this pull request gets all of them; the comment says who holds which.\n",
		fewNames(names, name))
}

func checkTitle(m view.Model, groups []view.Group) string {
	switch {
	case m.Run.ConfigMistakes > 0 && !m.Active():
		return mistaken(m.Run)
	case len(m.Projects) == 0:
		return idleTitle(m.Run)
	case m.Run.State == run.StateRefused && m.Elsewhere():
		return idleTitle(m.Run) + " for " + m.Base
	case m.Active():
		return fmt.Sprintf("Planning %s: %s", many(len(m.Projects), "project"), progress(m))
	}
	denied := sentenceOf("%s denied by plan policy", of(view.DeniedPlans(groups), len(m.Projects)))
	title := nonEmpty(outcomesPlain(m), denied, countWords(parts(m.Counts())))
	text := "No changes"
	if len(title) > 0 {
		text = strings.Join(title, " · ")
	}
	if m.Some(run.ProjectStatus.Partial) {
		return "Partial plan: " + strings.ToLower(text[:1]) + text[1:]
	}
	return text
}

// mistaken is the title about mistakes in files that a pull request brings.
func mistaken(r run.Run) string {
	n := many(r.ConfigMistakes, "mistake")
	config := func(m run.Diagnostic) bool { return m.Path == "lockkeeper.yml" }
	switch {
	case len(r.Mistakes) == 0 || !slices.ContainsFunc(r.Mistakes, func(m run.Diagnostic) bool { return !config(m) }):
		return "lockkeeper.yml has " + n
	case slices.ContainsFunc(r.Mistakes, config):
		return "lockkeeper.yml and the rules have " + n
	}
	return "The rules have " + n
}

// of writes "2 of 3 projects", "all 3 projects"; empty for none.
func of(n, all int) string {
	switch {
	case n == 0:
		return ""
	case n == all && n > 1:
		return "all " + many(all, "project")
	case n == all:
		return many(all, "project")
	}
	return number(n) + " of " + many(all, "project")
}

// outcomesPlain is outcomes without Markdown.
func outcomesPlain(m view.Model) string {
	var out []string
	for _, part := range []part{{m.Count(run.JobFailed), "failed"}, {m.Count(run.JobCancelled), "cancelled"}} {
		if part.n > 0 {
			out = append(out, of(part.n, len(m.Projects))+" "+part.text)
		}
	}
	return strings.Join(out, ", ")
}

func idleTitle(r run.Run) string {
	switch r.State {
	case run.StateAccepted, run.StateRunning:
		return "Preparing"
	case run.StateSucceeded:
		return "No project is affected by this change"
	case run.StateRefused:
		return "Nothing was planned"
	case run.StateSuperseded:
		return "Superseded by a newer commit"
	case run.StateCancelled:
		return "Cancelled"
	}
	return "The plan failed"
}

func conclusion(m view.Model) string {
	switch {
	case m.Run.State == run.StateRefused:
		return "action_required"
	case m.Run.ConfigMistakes > 0, m.Count(run.JobFailed) > 0, m.Run.State == run.StateFailed && len(m.Projects) == 0:
		return "failure"
	case outcomesPlain(m) != "", m.Run.State == run.StateCancelled, m.Run.State == run.StateSuperseded:
		return "cancelled"
	case len(m.Projects) == 0:
		return "neutral"
	}
	return "success"
}

func startedAt(r run.Run) time.Time {
	if r.PreparedAt.IsZero() {
		return r.CreatedAt
	}
	return r.PreparedAt
}

// completedAt is when a run ended, never before it started.
func completedAt(r run.Run) time.Time {
	if r.FinishedAt.Before(startedAt(r)) {
		return startedAt(r)
	}
	return r.FinishedAt
}

// checkText holds the diffs in full as far as they fit, then the end of what
// terraform printed, failed projects first.
func (v CheckView) checkText(m view.Model, groups []view.Group) string {
	outputs := v.outputs(plansOf(groups))
	const leastDiffs = checkBudget / 2
	return fitting(diffs(groups, max(leastDiffs, checkBudget-len(strings.Join(outputs, ""))), onServer), outputs)
}

// plansOf are the plans of groups, in the order of their diffs.
func plansOf(groups []view.Group) []run.Job {
	var out []run.Job
	for _, g := range groups {
		for _, s := range g.Projects {
			out = append(out, s.Plan)
		}
	}
	return out
}

// fitting adds to text what fits into a check run.
func fitting(text string, more []string) string {
	var b strings.Builder
	b.WriteString(text)
	for _, m := range more {
		if b.Len()+len(m)+1 > checkBudget {
			break
		}
		b.WriteString("\n" + m)
	}
	return b.String()
}

// ShownOutput is how many bytes of a project's output a check run shows.
const ShownOutput = 8_000

// outputs folds what terraform printed for each job, failed ones first.
func (v CheckView) outputs(jobs []run.Job) []string {
	var out []string
	for _, j := range view.FailedFirst(jobs) {
		if output := strings.Trim(markdown.Clean(v.Outputs[j.ID]), "\n"); output != "" {
			out = append(out, markdown.Details("What Terraform printed for <b>"+htmlName(view.ProjectOf(j))+"</b>",
				markdown.Fence("", lastLines(output, ShownOutput))))
		}
	}
	return out
}

// lastLines keeps whole lines from the end, at most limit bytes.
func lastLines(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[len(s)-limit:]
	return "…\n" + s[strings.IndexByte(s, '\n')+1:]
}

// Buttons are the identifiers of the actions, as run.Posted keeps them.
func (c Check) Buttons() string {
	var out []string
	for _, a := range c.Actions {
		out = append(out, a.Identifier)
	}
	return strings.Join(out, " ")
}
