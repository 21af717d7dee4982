package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// policyCell is what rules said about each plan of a group, in a few words.
func policyCell(g view.Group) string {
	if g.Policy == nil {
		return "–"
	}
	var out []string
	if n := len(g.Policy.Denied); n > 0 {
		out = append(out, "**"+number(n)+" denied**")
	}
	if n := len(g.Policy.Warned); n > 0 {
		out = append(out, many(n, "warning"))
	}
	if len(out) == 0 {
		return "passed"
	}
	return strings.Join(out, ", ")
}

// How many messages of rules are shown of one plan, and how much of each.
const (
	shownDenials = 10
	shownDenial  = 400
)

// denials lists why rules deny plans, by project, in at most budget bytes. What
// does not fit is counted, and rest says where it can be read.
func denials(groups []view.Group, budget int, rest string) string {
	const reserve = 200
	left := view.DeniedPlans(groups)
	var out []string
	size := 0
	for _, g := range groups {
		if !g.Denied() {
			continue
		}
		text := denialOf(g)
		if size += len(text) + 1; size > budget-reserve {
			break
		}
		out = append(out, text)
		left -= len(g.Projects)
	}
	switch {
	case left > 0 && len(out) > 0:
		out = append(out, fmt.Sprintf("Plan policy denies **%s**, too%s.\n", many(left, "more project"), rest))
	case left > 0:
		out = append(out, fmt.Sprintf("Plan policy denies **%s**%s.\n", many(left, "project"), rest))
	}
	return paragraphs(out...)
}

func denialOf(g view.Group) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Plan policy denies **%s**:\n\n", namesOf(g, name))
	for i, f := range g.Policy.Denied {
		if i == shownDenials {
			fmt.Fprintf(&b, "- and %s more\n", number(len(g.Policy.Denied)-i))
			break
		}
		fmt.Fprintf(&b, "- %s (%s)\n", markdown.Text(markdown.Limit(f.Message, shownDenial)), nameCode(f.Rule))
	}
	return b.String()
}

// overrides names who had plans applied that rules deny.
func overrides(m view.Model) string {
	var actors []string
	projects := map[string][]string{}
	for _, s := range m.Projects {
		i := slices.IndexFunc(m.Runs, func(r run.Run) bool { return s.Apply != nil && r.Override && r.Job(s.Apply.ID) != nil })
		if i < 0 || !view.Denied(s) {
			continue
		}
		actor := m.Runs[i].Actor
		if projects[actor] == nil {
			actors = append(actors, actor)
		}
		projects[actor] = append(projects[actor], s.Project)
	}
	var out []string
	for _, actor := range actors {
		out = append(out, nameCode(actor)+" for "+fewNames(projects[actor], name))
	}
	return sentenceOf("**Plan policy was overridden** by %s.\n", strings.Join(inOrder(out, "more person"), "; "))
}
