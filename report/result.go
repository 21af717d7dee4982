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

// ResultView is what the reply to the requester of an apply is made of.
type ResultView struct {
	view.Input
	Run        run.Run            // the apply, which ended
	Plans      map[string]run.Job // that it applied, by id
	Outputs    map[string]string  // by job id: what terraform printed
	CommentURL string             // of the pull request's comment; empty shows no link
	Automerge  bool               // the pull request is merged when nothing is left
}

// Bounds of a reply: it has to be read on a telephone.
const (
	resultProjects  = 10 // of which something is said
	resultAddresses = 5  // of each list
	resultMessage   = 700
)

// Result is the reply that says how an apply ended, to its requester. It stays,
// so it says nothing that a later plan makes untrue but what to do next.
func Result(v ResultView) string {
	r := v.Run
	said := []string{mentions(r) + v.verdict(), v.details()}
	if len(r.Jobs) == 0 && r.State != run.StateSucceeded {
		return said[0] + "\n"
	}
	m, ok := v.Build(r.HeadSHA)
	if !ok {
		return paragraphs(said...)
	}
	hints := slices.DeleteFunc(hints(m), func(h string) bool { return h == hintStatus || h == hintAgain })
	if v.Automerge && m.Stage() == view.AllApplied {
		hints = nil
	}
	if linkable(v.CommentURL) {
		hints = append(hints, "[result]("+v.CommentURL+")")
	}
	if linkable(v.ApplyURL) {
		hints = append(hints, "[output]("+v.ApplyURL+")")
	}
	if len(hints) == 0 {
		return paragraphs(said...)
	}
	return paragraphs(append(said, "**Next**: "+strings.Join(hints, " · ")+"\n")...)
}

// mentions notifies everybody whom the reply answers, and says by which button.
func mentions(r run.Run) string {
	var who []string
	for _, actor := range append([]string{r.Actor}, askers(r)...) {
		if m := run.Mention(actor); actor != "" && !slices.Contains(who, m) && len(who) < resultProjects {
			who = append(who, m)
		}
	}
	text := strings.Join(who, " ")
	if text != "" && r.Trigger == run.TriggerButton {
		text += ", by the button " + buttonOf(r) + ":"
	}
	if text != "" {
		text += " "
	}
	return text
}

func askers(r run.Run) []string {
	var out []string
	for _, a := range r.Joined {
		out = append(out, a.Actor)
	}
	return out
}

// buttonOf names the button that requested a run.
func buttonOf(r run.Run) string {
	if r.Kind == run.KindPlan {
		return buttonPlan.Label
	}
	return buttonApply.Label
}

// verdict is the first line.
func (v ResultView) verdict() string {
	r := v.Run
	took := " after " + seconds(r.FinishedAt.Sub(r.CreatedAt))
	failed, stopped := v.named(view.StatusFailed, view.StatusInterrupted), v.named(view.StatusCancelled, view.StatusSkipped)
	switch {
	case len(r.Jobs) == 0 && r.State == run.StateSucceeded:
		return "✓ **Nothing to apply**: no changes" + sentenceOf(" in %s", fewNames(r.Unchanged, name)) + "."
	case len(r.Jobs) == 0:
		return "**Not begun**: " + command(r) + ". " + v.stopped() + ", so nothing was applied."
	case len(failed) > 0 && len(v.named(view.StatusFailed)) == 0:
		return "✗ **Apply interrupted** in " + fewNames(failed, name) + took + "."
	case len(failed) > 0:
		return "✗ **Apply failed** in " + fewNames(failed, name) + took + v.share() + "."
	case len(stopped) > 0:
		return "✗ **Apply stopped**" + took + ". " + v.stopped() + "."
	}
	did := countWords(done(v.made()))
	title := "✓ **Applied** " + fewNames(v.named(view.StatusApplied), name)
	if n := len(r.Jobs); n > 1 {
		title = "✓ **Applied " + many(n, "project") + "**"
	}
	return title + sentenceOf(": %s", did) + " · " + seconds(r.FinishedAt.Sub(r.CreatedAt)) + "."
}

// share is how much of the only project's changes were made; empty when nobody knows.
func (v ResultView) share() string {
	if len(v.Run.Jobs) != 1 {
		return ""
	}
	r := v.progress(v.Run.Jobs[0])
	all := len(r.Made) + len(r.Failed) + len(r.Left)
	if all == 0 || r.Cut {
		return ""
	}
	return fmt.Sprintf(" · %s of %s made", number(len(r.Made)), number(all))
}

// stopped says who or what ended the run before its time.
func (v ResultView) stopped() string {
	switch r := v.Run; {
	case r.CancelledBy != "":
		return "Cancelled by " + nameCode(r.CancelledBy)
	case r.SupersededBy != "":
		return "Superseded by the newer commit " + short(r.SupersededBy)
	case r.Closed:
		return "The pull request was closed"
	case r.Objection == run.ObjectionBase:
		return "The base of the pull request was changed"
	case r.Objection == run.ObjectionChanges:
		return "Changes were requested"
	case r.Objection != "":
		return "An approval was dismissed"
	}
	return "Something ended it"
}

// named lists the projects whose jobs ended in one of these ways.
func (v ResultView) named(list ...view.Status) (out []string) {
	m := view.Model{Apply: &v.Run}
	for _, j := range v.Run.Jobs {
		if slices.Contains(list, m.ApplyStatus(j)) {
			out = append(out, view.ProjectOf(j))
		}
	}
	return out
}

// made adds up what the jobs that succeeded changed, as planned.
func (v ResultView) made() run.Counts {
	var total run.Counts
	for _, j := range v.Run.Jobs {
		if j.State == run.JobSucceeded {
			total = total.Plus(view.JobCounts(v.plan(j)))
		}
	}
	return total
}

// plan is the job whose plan a job applied.
func (v ResultView) plan(j run.Job) run.Job {
	if j.Document.Plan == nil {
		return run.Job{}
	}
	return v.Plans[j.Document.Plan.JobID]
}

// details says of each project what became of it, the worst first.
func (v ResultView) details() string {
	m := view.Model{Apply: &v.Run}
	var out []string
	for _, one := range []view.Status{view.StatusInterrupted, view.StatusFailed} {
		for _, j := range v.Run.Jobs {
			if m.ApplyStatus(j) == one {
				out = append(out, strings.Join(nonEmpty("- **"+name(view.ProjectOf(j))+"** "+string(one)+": "+failureLine(j), progressLists(v.progress(j))), "\n  "))
			}
		}
	}
	var quiet []failure // not begun, those with the same reason together
	for _, j := range v.Run.Jobs {
		if s := m.ApplyStatus(j); s == view.StatusCancelled || s == view.StatusSkipped {
			quiet = added(quiet, failure{problem: problemOf(j), projects: []string{view.ProjectOf(j)}})
		}
	}
	for _, f := range quiet {
		out = append(out, "- **"+fewNames(f.projects, name)+"**: "+markdown.RichLine(markdown.Limit(f.problem.Message, resultMessage)))
	}
	for _, j := range v.Run.Jobs {
		if m.ApplyStatus(j) == view.StatusApplied {
			if line := v.applied(j); line != "" {
				out = append(out, "- "+line)
			}
		}
	}
	if n := len(out) - resultProjects; n > 0 {
		out = append(out[:resultProjects], "- "+many(n, "more project"))
	}
	if len(out) == 0 {
		return ""
	}
	return strings.Join(out, "\n") + "\n"
}

// applied is what became of a project that was applied: the addresses of an only one.
func (v ResultView) applied(j run.Job) string {
	plan := v.plan(j)
	text := ""
	if len(v.Run.Jobs) > 1 {
		text = "**" + name(view.ProjectOf(j)) + "** applied" + sentenceOf(": %s", countWords(done(view.JobCounts(plan))))
	} else if summary, known := v.Summaries[plan.ID]; known {
		text = madeBy(summary.Changes)
	}
	if (run.ProjectStatus{Plan: plan}).Partial() {
		text = strings.Join(nonEmpty(text, "its plan looked at less than everything: `/plan` shows what is left"), " · ")
	}
	return text
}

// failureLine says what went wrong: the error and its place when Terraform reported it,
// and what the problem says when there is more to it.
func failureLine(j run.Job) string {
	problem := problemOf(j)
	var out []string
	for i, d := range j.Result.Diagnostics {
		if i == 3 {
			out = append(out, many(len(j.Result.Diagnostics)-i, "more error"))
			break
		}
		text := markdown.Code(markdown.Limit(d.Title, shownAddress))
		if d.Path != "" {
			text += " at " + address(fmt.Sprintf("%s:%d", d.Path, d.Line))
		}
		out = append(out, text)
	}
	if first, _, _ := strings.Cut(strings.TrimSpace(markdown.Clean(problem.Detail)), "\n"); len(out) == 0 && first != "" {
		out = append(out, markdown.Code(markdown.Limit(first, shownAddress)))
	}
	if problem.Code != codeApplyFailed || len(out) == 0 {
		out = append(out, markdown.RichLine(markdown.Limit(problem.Message, resultMessage)))
	}
	return strings.Join(out, " · ")
}

// codeApplyFailed is the problem that says no more than that Terraform reported an error.
const codeApplyFailed = "apply_failed"

// seconds writes how long something took.
func seconds(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
