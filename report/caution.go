package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// inlineLosses is how many addresses of one project stand in the alert itself;
// the whole list of a project with more follows folded.
const inlineLosses = 20

// caution is the alert with everything that is destroyed or replaced, by
// address. What does not fit into the budget is counted exactly.
func caution(groups []view.Group, budget int) string {
	all := view.Losses(groups)
	if len(all) == 0 {
		return ""
	}
	const reserve = 400 // for the sentences that count what is not shown
	text, shown := alertLines(all, budget-reserve)
	var hidden run.Counts // of destroys and replacements whose address is not shown
	for _, l := range all[shown:] {
		hidden = hidden.Plus(l.Total())
	}
	folds := ""
	for _, l := range all[:shown] {
		if len(l.Destroys)+len(l.Replaces) > inlineLosses {
			fold, missing := lossFold(l, budget-reserve-len(text)-len(folds))
			folds += fold
			hidden = hidden.Plus(missing)
		}
	}
	if hidden.Empty() {
		return paragraphs(text, folds)
	}
	return paragraphs(text, fmt.Sprintf("**%s not shown here**: %s.\n",
		counted(hidden.Destroy+hidden.Replace, "address is", "addresses are"), countWords(worstFirst(hidden))), folds)
}

// alertLines writes one line for each loss, as many as fit into the budget, and
// counts the projects of the others.
func alertLines(all []view.Loss, budget int) (text string, shown int) {
	var b strings.Builder
	b.WriteString(alert(all))
	for i, l := range all {
		line := lossLine(l)
		if b.Len()+len(line) > budget {
			projects := 0
			for _, rest := range all[i:] {
				projects += len(rest.Group.Projects)
			}
			fmt.Fprintf(&b, ">\n> **%s** lose something, too.\n", many(projects, "more project"))
			return b.String(), i
		}
		if i > 0 {
			b.WriteString(">\n")
		}
		b.WriteString(line)
	}
	return b.String(), len(all)
}

// alert is the kind of the alert: what is over needs no caution.
func alert(all []view.Loss) string {
	if slices.ContainsFunc(all, func(l view.Loss) bool {
		return l.Group.Status != view.StatusApplied && l.Group.Status != view.StatusPart
	}) {
		return "> [!CAUTION]\n"
	}
	return "> [!NOTE]\n"
}

// lossVerbs say what happens to resources, or what has become of that.
func lossVerbs(l view.Loss) [2]string {
	n := len(l.Group.Projects)
	switch l.Group.Status {
	case view.StatusApplied, view.StatusPart:
		return [2]string{"destroyed", "replaced"}
	case view.StatusApplying:
		return [2]string{plural(n, "is", "are") + " destroying", plural(n, "is", "are") + " replacing"}
	case view.StatusFailed, view.StatusInterrupted, view.StatusCancelled, view.StatusSkipped:
		return [2]string{plural(n, "was", "were") + " to destroy", plural(n, "was", "were") + " to replace"}
	}
	return [2]string{plural(n, "destroys", "destroy"), plural(n, "replaces", "replace")}
}

// lossLine is the group's sentence in the alert.
func lossLine(l view.Loss) string {
	c := l.Group.Counts
	verbs, who := lossVerbs(l), "**"+namesOf(l.Group, name)+"**"
	if len(l.Group.Projects) > 1 {
		who += " each"
	}
	var what []string
	room := inlineLosses
	for i, list := range [2][]string{l.Destroys, l.Replaces} {
		n := [2]int{c.Destroy, c.Replace}[i]
		if n == 0 {
			continue
		}
		what = append(what, verbs[i]+" "+listed(list[:min(len(list), room)], n))
		room -= min(len(list), room)
	}
	return "> " + who + " " + strings.Join(what, " and ") + ".\n"
}

// listed writes addresses and how many more there are.
func listed(list []string, n int) string {
	if len(list) == 0 {
		return many(n, "resource")
	}
	var out []string
	for _, a := range list {
		out = append(out, address(a))
	}
	if n > len(out) {
		out = append(out, number(n-len(out))+" more")
		return number(n) + ": " + sentence(out)
	}
	return strings.Join(out, ", ")
}

// lossFold lists every address of the group in at most room bytes, and says what
// did not fit.
func lossFold(l view.Loss, room int) (string, run.Counts) {
	var b strings.Builder
	missing := run.Counts{Destroy: len(l.Destroys), Replace: len(l.Replaces)}
	written := 0
	add := func(sign string, list []string, left *int) {
		for _, a := range list {
			line := sign + " " + oneLine(markdown.Limit(a, shownAddress)) + "\n"
			if b.Len()+len(line) > room-600 {
				return
			}
			b.WriteString(line)
			written++
			*left--
		}
	}
	add("-", l.Destroys, &missing.Destroy)
	if missing.Destroy == 0 {
		add("-/+", l.Replaces, &missing.Replace)
	}
	if written < inlineLosses { // no more than what the alert's own line shows
		inline := min(len(l.Destroys), inlineLosses)
		missing = run.Counts{Destroy: len(l.Destroys) - inline, Replace: len(l.Replaces) - min(len(l.Replaces), inlineLosses-inline)}
		return "", times(missing, len(l.Group.Projects))
	}
	summary := fmt.Sprintf("<b>%s</b>: %s, by address", namesOf(l.Group, htmlName), countWords(worstFirst(l.Total())))
	return markdown.Details(summary, markdown.Fence("diff", b.String())), times(missing, len(l.Group.Projects))
}

func times(c run.Counts, n int) run.Counts {
	return run.Counts{Destroy: c.Destroy * n, Replace: c.Replace * n}
}
