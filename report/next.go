package report

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
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
func gateLines(p picked) string {
	gate := p.run.Gate
	if gate == nil || !p.some(p.open) || p.active() || p.stage() == applying {
		return ""
	}
	switch {
	case gate.Allowed && !p.ready():
		return "" // another line says why
	case !gate.Allowed && p.judgedNothing():
		return "" // what is missing is so of none of these
	case gate.Allowed && len(p.unjudged()) > 0:
		return p.readyOnly()
	case gate.Allowed:
		if while := p.while(p.open); while != "" {
			return "**Ready to apply**" + while + "." + gateNotes(gate) + "\n"
		}
		return "**Ready to apply.**" + gateNotes(gate) + "\n"
	}
	var out []string
	for _, m := range gate.Missing[:min(len(gate.Missing), shownReasons)] {
		if text := markdown.RichLine(markdown.Limit(m, shownReason)); !slices.Contains(out, text) {
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
	return paragraphs(missing, p.readyLine(), p.notJudged())
}

// while says how long it is true that these can be applied, with a space in front: a
// base branch that moves edits no comment, which would be one for each pull request.
func (p picked) while(these func(run.Standing) bool) string {
	is := func(mode string) bool {
		return p.some(func(s run.Standing) bool { return p.open(s) && these(s) && p.current[environmentOf(s)] == mode })
	}
	read := "what this project reads"
	if len(p.namesOf(func(s run.Standing) bool { return p.open(s) && these(s) })) > 1 {
		read = "what these projects read"
	}
	switch base := nameCode(p.pinned.BaseRef); {
	case p.pinned.BaseRef == "":
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

// unjudged are the projects with something to apply that neither the newest plan nor
// its gate is about.
func (p picked) unjudged() []string {
	return p.namesOf(func(s run.Standing) bool { return p.open(s) && !p.ofGate(s) })
}

// judged are those that it is about.
func (p picked) judged() []string {
	return p.namesOf(func(s run.Standing) bool { return p.open(s) && p.ofGate(s) })
}

func (p picked) ofGate(s run.Standing) bool {
	return s.PlanRun.ID == p.run.ID || p.run.Gate != nil && slices.Contains(p.run.Gate.Projects, s.Project)
}

// readyOnly is about a gate that was judged for some of the projects.
func (p picked) readyOnly() string {
	ready, others := p.judged(), p.unjudged()
	if len(ready) == 0 {
		return ""
	}
	return fmt.Sprintf("**Ready to apply**%s: %s. Of %s, %s says whether that can go, too.\n", p.while(p.ofGate), fewNames(ready, name), fewNames(others, name), why(others))
}

// judgedNothing reports whether the gate is about nothing that is left to apply, such as
// that of a plan of one project which changes nothing.
func (p picked) judgedNothing() bool {
	return p.run.Gate != nil && len(p.judged()) == 0 && len(p.unjudged()) > 0
}

// notJudged names what was planned before, where what is missing is said of others alone.
func (p picked) notJudged() string {
	others := p.unjudged()
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
func (p picked) readyLine() string {
	var names []string
	for _, s := range p.standings {
		switch {
		case !slices.Contains(p.run.Gate.Ready, s.Project) || s.Applied():
		case !p.open(s):
			return "" // another one may have to come after it
		default:
			names = append(names, s.Project)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("**Ready now**: %s. Comment %s.\n", fewNames(names, name), p.applyNamed(names))
}

// applyNamed is the command that applies these; empty for none.
func (p picked) applyNamed(names []string) string {
	switch {
	case len(names) == 0:
		return ""
	case len(names) > groupNames:
		return "`/apply` with their names"
	}
	return nameCode("/apply " + strings.Join(names, " "))
}

// merged says that the pull request is merged, and whose work that was.
func merged(p picked) string {
	if p.apply == nil || !p.apply.Merged {
		return ""
	}
	return "**Merged**: everything is applied, so Lockkeeper merged this pull request.\n"
}

// laterLines names projects that have changes and that /apply leaves alone.
func laterLines(p picked) string {
	var later, fresh, never, others []string
	for _, s := range p.standings {
		switch status := p.status(s); {
		case status == statusLater && s.PlanOnly():
			fresh = append(fresh, s.Project)
		case status == statusLater:
			later = append(later, s.Project)
		case status == statusNoApply:
			never = append(never, s.Project)
		case status == statusUntouched:
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
func next(p picked, hints []string, checkURL, applyURL string) string {
	hints = append(hints, "all commands `/help`")
	if p.apply != nil && linkable(applyURL) {
		hints = append(hints, "[output of the apply]("+applyURL+")")
	}
	if len(p.standings) > 0 && linkable(checkURL) {
		hints = append(hints, "[full diffs and output]("+checkURL+")")
	}
	return "**Next**: " + strings.Join(hints, " · ") + "\n"
}

const (
	hintAgain  = "plan again `/plan`"
	hintStatus = "what runs `/status`"
)

// hints are the commands that fit the stage.
func hints(p picked) []string {
	switch stage := p.stage(); {
	case stage == applying:
		return []string{"how far it is `/status`", "interrupt it `/cancel`"}
	case p.active():
		return planHints(p)
	case p.some(stateNotSaved):
		return []string{"repair the state as said above, then `/unlock` and `/plan`", hintStatus}
	case stage == applyFailed:
		return []string{"when that is fixed, see what is left `/plan`, then `/apply`", hintStatus}
	case stage == applyStopped:
		return []string{"see what is left `/plan`, then `/apply`", hintStatus}
	case stage == allApplied && (p.apply.Merged || p.some(p.released)): // its end gave the locks back
		return []string{hintStatus}
	case stage == allApplied:
		return []string{"merge this pull request", hintAgain}
	case p.has(statusOvertaken):
		return []string{"see what is left `/plan`", hintStatus}
	case stage == partlyApplied && !p.has(statusOpen, statusNoPlan):
		return []string{"see what is left `/plan`", hintStatus}
	case stage == speculative:
		return []string{"who holds what `/status`", hintAgain}
	case p.count(run.JobSucceeded) < len(p.standings) || !p.some(p.open):
		return planHints(p)
	case !p.ready():
		return nonEmpty(p.oneProject("/apply", p.open), hintAgain, hintStatus)
	case p.judgedNothing():
		return nonEmpty("what can go `/why`", hintAgain, hintStatus)
	case p.run.Gate != nil && p.run.Gate.Allowed && len(p.unjudged()) > 0:
		return nonEmpty(sentenceOf("apply %s", p.applyNamed(p.judged())), "every reason `/why`", hintAgain, hintStatus)
	case p.run.Gate == nil && !p.some(denied) && !p.some(lacks) || p.run.Gate != nil && p.run.Gate.Allowed:
		apply := "apply `/apply`"
		if p.run.Gate == nil { // else the line of the gate says it
			apply += p.while(p.open)
		}
		return nonEmpty(apply, p.oneProject("/apply", p.open), hintAgain, hintStatus)
	}
	return []string{"when that is done `/apply`", "every reason `/why`", hintAgain, hintStatus}
}

// stateNotSaved tells an apply after which the state has to be repaired before
// anything else.
func stateNotSaved(s run.Standing) bool {
	if s.Apply == nil {
		return false
	}
	_, kept := artifactOf(*s.Apply, run.ArtifactErroredState)
	return kept || s.Apply.Astray()
}

// planHints are the commands that fit, apart from applies.
func planHints(p picked) []string {
	unplanned := func(s run.Standing) bool { return s.Plan.State != run.JobSucceeded }
	switch {
	case p.active() && len(p.standings) > 0:
		return []string{"stop it `/cancel`", "how far it is `/status`"}
	case p.active():
		return nil
	case p.count(run.JobFailed) > 0:
		return nonEmpty("fix it and push, or plan again `/plan`", p.oneProject("/plan", unplanned), hintStatus)
	case p.run.State == run.StateRefused:
		return []string{"when that is fixed `/plan`", hintStatus}
	}
	return nonEmpty(hintAgain, p.oneProject("/plan", unplanned), hintStatus)
}

// oneProject is the command for one of several projects: the first that is
// worth it, else the first.
func (p picked) oneProject(command string, worth func(run.Standing) bool) string {
	if len(p.standings) < 2 {
		return ""
	}
	at := max(0, slices.IndexFunc(p.standings, worth))
	return "one project " + nameCode(command+" "+p.standings[at].Project)
}

// stamp says what this is the answer to, so that who planned again sees that
// something happened although nothing differs.
func stamp(p picked) string {
	r := p.run
	if p.apply != nil && p.apply.CreatedAt.After(r.CreatedAt) {
		r = *p.apply
	}
	if !r.State.Final() || r.FinishedAt.IsZero() || len(p.standings) == 0 || len(r.Jobs) == 0 && r.Kind == run.KindPlan {
		return ""
	}
	parts := []string{
		askedBy(r), r.FinishedAt.UTC().Format("2006-01-02 15:04:05 UTC"), fmt.Sprintf("%.1f s", r.FinishedAt.Sub(r.CreatedAt).Seconds()),
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
