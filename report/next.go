package report

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// How many reasons against an apply are shown, and how much of each. The gate
// itself leaves out what is more.
const (
	shownReasons = 25
	shownReason  = 400
)

// gateLines say whether what is planned may be applied, as far as that was
// judged. The gate judges it again at /apply.
func gateLines(m view.Model) string {
	gate := m.Run.Gate
	if gate == nil || !m.Some(m.Open) || m.Active() || m.Stage() == view.Applying {
		return ""
	}
	switch {
	case gate.Allowed && !m.Ready():
		return "" // another line says why
	case !gate.Allowed && m.JudgedNothing():
		return "" // what is missing is so of none of these
	case gate.Allowed && len(m.Unjudged()) > 0:
		return readyOnly(m)
	case gate.Allowed:
		if while := while(m, m.Open); while != "" {
			return "**Ready to apply**" + while + "." + gateNotes(gate) + "\n"
		}
		return "**Ready to apply.**" + gateNotes(gate) + "\n"
	}
	var out []string
	for _, missed := range gate.Missing[:min(len(gate.Missing), shownReasons)] {
		if text := markdown.RichLine(markdown.Limit(missed, shownReason)); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	missing := "**Not yet applicable**\n\n- " + strings.Join(out, "\n- ") + "\n"
	switch len(out) {
	case 0:
		missing = "**Not yet applicable**: `/why` says why.\n"
	case 1:
		missing = "**Not yet applicable**: " + out[0] + "\n"
	}
	return paragraphs(missing, readyLine(m), notJudged(m))
}

// while says how long it is true that these can be applied, with a space in front: a
// base branch that moves edits no comment, which would be one for each pull request.
func while(m view.Model, these func(run.ProjectStatus) bool) string {
	is := func(mode string) bool {
		return m.Some(func(s run.ProjectStatus) bool { return m.Open(s) && these(s) && m.Current[environmentOf(s)] == mode })
	}
	read := "what this project reads"
	if len(m.Names(func(s run.ProjectStatus) bool { return m.Open(s) && these(s) })) > 1 {
		read = "what these projects read"
	}
	switch base := nameCode(m.Pinned.BaseRef); {
	case m.Pinned.BaseRef == "":
		return ""
	case is("strict"):
		return " as long as " + base + " has not moved"
	case is("project"):
		return " as long as " + base + " has not changed " + read
	}
	return ""
}

// gateNotes are what else was found, as sentences with a space in front of each.
func gateNotes(gate *run.Gate) string {
	var b strings.Builder
	for _, n := range gate.Notes[:min(len(gate.Notes), shownReasons)] {
		b.WriteString(" " + markdown.RichLine(markdown.Limit(n, shownReason)))
	}
	return b.String()
}

// readyOnly is about a gate that was judged for some of the projects.
func readyOnly(m view.Model) string {
	ready, others := m.Judged(), m.Unjudged()
	if len(ready) == 0 {
		return ""
	}
	return fmt.Sprintf("**Ready to apply**%s: %s. Of %s, %s says whether that can go, too.\n", while(m, m.OfGate), fewNames(ready, name), fewNames(others, name), why(others))
}

// notJudged names what was planned before, where what is missing is said of others alone.
func notJudged(m view.Model) string {
	others := m.Unjudged()
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("That is not about %s: %s says whether %s can go.\n", fewNames(others, name), why(others), plural(len(others), "it", "they"))
}

// why is the command that explains projects.
func why(names []string) string {
	if len(names) == 1 {
		return nameCode("/why " + names[0])
	}
	return "`/why`"
}

// readyLine says what can go now, of what was so when the gate was judged.
func readyLine(m view.Model) string {
	var names []string
	for _, s := range m.Projects {
		switch {
		case !slices.Contains(m.Run.Gate.Ready, s.Project) || s.Applied():
		case !m.Open(s):
			return "" // another one may have to come after it
		default:
			names = append(names, s.Project)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("**Ready now**: %s. Comment %s.\n", fewNames(names, name), applyNamed(m, names))
}

// applyNamed is the command that applies these; empty for none.
func applyNamed(m view.Model, names []string) string {
	switch {
	case len(names) == 0:
		return ""
	case len(names) > groupNames:
		return "`/apply` with their names"
	}
	return nameCode("/apply " + strings.Join(names, " "))
}

// merged says that the pull request is merged, and whose work that was.
func merged(m view.Model) string {
	if m.Apply == nil || !m.Apply.Merged {
		return ""
	}
	return "**Merged**: everything is applied, so Lockkeeper merged this pull request.\n"
}

// laterLines names projects that have changes and that /apply leaves alone.
func laterLines(m view.Model) string {
	var later, fresh, never, others []string
	for _, s := range m.Projects {
		switch status := m.Status(s); {
		case status == view.StatusLater && s.PlanOnly():
			fresh = append(fresh, s.Project)
		case status == view.StatusLater:
			later = append(later, s.Project)
		case status == view.StatusNoApply:
			never = append(never, s.Project)
		case status == view.StatusUntouched:
			others = append(others, s.Project)
		}
	}
	return paragraphs(
		sentenceOf("**To be applied after the merge**: %s. `/apply` leaves that alone.\n", fewNames(later, name)),
		sentenceOf("**Applied after the merge**: %s, named by this pull request alone: from another one that changes it.\n", fewNames(fresh, name)),
		sentenceOf("**Plans only**: pull requests apply nothing in the environment of %s.\n", fewNames(never, name)),
		sentenceOf("**Not changed by this pull request**: %s. `/apply` leaves that alone.\n", fewNames(others, name)),
	)
}

// next says what can be typed now.
func next(m view.Model, hints []string, checkURL, applyURL string) string {
	hints = append(hints, "all commands `/help`")
	if m.Apply != nil && linkable(applyURL) {
		hints = append(hints, "[output of the apply]("+applyURL+")")
	}
	if len(m.Projects) > 0 && linkable(checkURL) {
		hints = append(hints, "[full diffs and output]("+checkURL+")")
	}
	return "**Next**: " + strings.Join(hints, " · ") + "\n"
}

const (
	hintAgain  = "plan again `/plan`"
	hintStatus = "what runs `/status`"
)

// hints are the commands that fit the stage.
func hints(m view.Model) []string {
	switch stage := m.Stage(); {
	case stage == view.Applying:
		return []string{"how far it is `/status`", "interrupt it `/cancel`"}
	case m.Active():
		return planHints(m)
	case m.Some(view.StateNotSaved):
		return []string{"repair the state as said above, then `/unlock` and `/plan`", hintStatus}
	case stage == view.ApplyFailed:
		return []string{"when that is fixed, see what is left `/plan`, then `/apply`", hintStatus}
	case stage == view.ApplyStopped:
		return []string{"see what is left `/plan`, then `/apply`", hintStatus}
	case stage == view.AllApplied && (m.Apply.Merged || m.Some(m.Released)): // its end gave the locks back
		return []string{hintStatus}
	case stage == view.AllApplied:
		return []string{"merge this pull request", hintAgain}
	case m.Has(view.StatusOvertaken):
		return []string{"see what is left `/plan`", hintStatus}
	case stage == view.PartlyApplied && !m.Has(view.StatusOpen, view.StatusNoPlan):
		return []string{"see what is left `/plan`", hintStatus}
	case stage == view.Speculative:
		return []string{"who holds what `/status`", hintAgain}
	case m.Count(run.JobSucceeded) < len(m.Projects) || !m.Some(m.Open):
		return planHints(m)
	case !m.Ready():
		return nonEmpty(oneProject(m, "/apply", m.Open), hintAgain, hintStatus)
	case m.JudgedNothing():
		return nonEmpty("what can go `/why`", hintAgain, hintStatus)
	case m.Run.Gate != nil && m.Run.Gate.Allowed && len(m.Unjudged()) > 0:
		return nonEmpty(sentenceOf("apply %s", applyNamed(m, m.Judged())), "every reason `/why`", hintAgain, hintStatus)
	case m.Run.Gate == nil && !m.Some(view.Denied) && !m.Some(view.Lacks) || m.Run.Gate != nil && m.Run.Gate.Allowed:
		apply := "apply `/apply`"
		if m.Run.Gate == nil { // else the line of the gate says it
			apply += while(m, m.Open)
		}
		return nonEmpty(apply, oneProject(m, "/apply", m.Open), hintAgain, hintStatus)
	}
	return []string{"when that is done `/apply`", "every reason `/why`", hintAgain, hintStatus}
}

// planHints are the commands that fit, apart from applies.
func planHints(m view.Model) []string {
	unplanned := func(s run.ProjectStatus) bool { return s.Plan.State != run.JobSucceeded }
	switch {
	case m.Active() && len(m.Projects) > 0:
		return []string{"stop it `/cancel`", "how far it is `/status`"}
	case m.Active():
		return nil
	case m.Count(run.JobFailed) > 0:
		return nonEmpty("fix it and push, or plan again `/plan`", oneProject(m, "/plan", unplanned), hintStatus)
	case m.Run.State == run.StateRefused:
		return []string{"when that is fixed `/plan`", hintStatus}
	}
	return nonEmpty(hintAgain, oneProject(m, "/plan", unplanned), hintStatus)
}

// oneProject is the command for one of several projects: the first that is
// worth it, else the first.
func oneProject(m view.Model, command string, worth func(run.ProjectStatus) bool) string {
	if len(m.Projects) < 2 {
		return ""
	}
	at := max(0, slices.IndexFunc(m.Projects, worth))
	return "one project " + nameCode(command+" "+m.Projects[at].Project)
}

// stamp says what this is the answer to, so that who planned again sees that
// something happened although nothing differs.
func stamp(m view.Model) string {
	r := m.Run
	if m.Apply != nil && m.Apply.CreatedAt.After(r.CreatedAt) {
		r = *m.Apply
	}
	if !r.State.Final() || r.FinishedAt.IsZero() || len(m.Projects) == 0 || len(r.Jobs) == 0 && r.Kind == run.KindPlan {
		return ""
	}
	parts := []string{
		requestedBy(r), r.FinishedAt.UTC().Format("2006-01-02 15:04:05 UTC"), fmt.Sprintf("%.1f s", r.FinishedAt.Sub(r.CreatedAt).Seconds()),
	}
	if len(r.Jobs) > 0 && r.Jobs[0].Result != nil && r.Jobs[0].Result.Terraform != "" {
		parts = append(parts, name(r.Jobs[0].Result.Terraform))
	}
	return strings.Join(parts, " · ") + "\n"
}

// linkable tells an address that can stand between the brackets of a link.
func linkable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && !strings.ContainsAny(address, "()<>[]\\`*_ \t\r\n\"'|")
}

// nonEmpty lists the strings that are not empty.
func nonEmpty(first string, rest ...string) []string {
	return slices.DeleteFunc(append([]string{first}, rest...), func(s string) bool { return s == "" })
}
