package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// inlineLosses is how many addresses of one project stand in the alert itself;
// the whole list of a project with more follows folded.
const inlineLosses = 20

// loss is what a group of projects destroys and replaces, each of them.
type loss struct {
	group              group
	destroys, replaces []string
}

// losses collects the groups that destroy or replace something.
func losses(groups []group) []loss {
	var out []loss
	for _, g := range groups {
		if g.counts.Destroy+g.counts.Replace == 0 {
			continue
		}
		l := loss{group: g}
		if g.summary != nil {
			l.destroys, l.replaces = addresses(g.summary, run.ActionDestroy), addresses(g.summary, run.ActionReplace)
		}
		out = append(out, l)
	}
	return out
}

func addresses(s *run.Summary, a run.Action) []string {
	var out []string
	for _, c := range s.Changes {
		if c.Action == a {
			out = append(out, c.Address)
		}
	}
	return out
}

// caution is the alert with everything that is destroyed or replaced, by
// address. What does not fit into the budget is counted exactly.
func caution(groups []group, budget int) string {
	all := losses(groups)
	if len(all) == 0 {
		return ""
	}
	const reserve = 400 // for the sentences that count what is not shown
	text, shown := alertLines(all, budget-reserve)
	var hidden run.Counts // of destroys and replacements whose address is not shown
	for _, l := range all[shown:] {
		hidden = hidden.Plus(l.total())
	}
	folds := ""
	for _, l := range all[:shown] {
		if len(l.destroys)+len(l.replaces) > inlineLosses {
			fold, missing := l.fold(budget - reserve - len(text) - len(folds))
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
func alertLines(all []loss, budget int) (text string, shown int) {
	var b strings.Builder
	b.WriteString(alert(all))
	for i, l := range all {
		line := l.line()
		if b.Len()+len(line) > budget {
			projects := 0
			for _, rest := range all[i:] {
				projects += len(rest.group.standings)
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

// total counts over all projects of the group.
func (l loss) total() run.Counts {
	c, n := l.group.counts, len(l.group.standings)
	return run.Counts{Destroy: c.Destroy * n, Replace: c.Replace * n}
}

// alert is the kind of the alert: what is over needs no caution.
func alert(all []loss) string {
	if slices.ContainsFunc(all, func(l loss) bool { return l.group.status != statusApplied && l.group.status != statusPart }) {
		return "> [!CAUTION]\n"
	}
	return "> [!NOTE]\n"
}

// verbs say what happens to resources, or what has become of that.
func (l loss) verbs() [2]string {
	n := len(l.group.standings)
	switch l.group.status {
	case statusApplied, statusPart:
		return [2]string{"destroyed", "replaced"}
	case statusApplying:
		return [2]string{plural(n, "is", "are") + " destroying", plural(n, "is", "are") + " replacing"}
	case statusFailed, statusInterrupted, statusCancelled, statusSkipped:
		return [2]string{plural(n, "was", "were") + " to destroy", plural(n, "was", "were") + " to replace"}
	}
	return [2]string{plural(n, "destroys", "destroy"), plural(n, "replaces", "replace")}
}

// line is the group's sentence in the alert.
func (l loss) line() string {
	c := l.group.counts
	verbs, who := l.verbs(), "**"+l.group.names(name)+"**"
	if len(l.group.standings) > 1 {
		who += " each"
	}
	var what []string
	room := inlineLosses
	for i, list := range [2][]string{l.destroys, l.replaces} {
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

// fold lists every address of the group in at most room bytes, and says what
// did not fit.
func (l loss) fold(room int) (string, run.Counts) {
	var b strings.Builder
	missing := run.Counts{Destroy: len(l.destroys), Replace: len(l.replaces)}
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
	add("-", l.destroys, &missing.Destroy)
	if missing.Destroy == 0 {
		add("-/+", l.replaces, &missing.Replace)
	}
	if written < inlineLosses { // no more than what the alert's own line shows
		inline := min(len(l.destroys), inlineLosses)
		missing = run.Counts{Destroy: len(l.destroys) - inline, Replace: len(l.replaces) - min(len(l.replaces), inlineLosses-inline)}
		return "", times(missing, len(l.group.standings))
	}
	summary := fmt.Sprintf("<b>%s</b>: %s, by address", l.group.names(htmlName), countWords(worstFirst(l.total())))
	return markdown.Details(summary, markdown.Fence("diff", b.String())), times(missing, len(l.group.standings))
}

func times(c run.Counts, n int) run.Counts {
	return run.Counts{Destroy: c.Destroy * n, Replace: c.Replace * n}
}
