package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// policyOf is what rules said about a plan; nil when none judged it.
func policyOf(j run.Job) *run.PolicyResult {
	if j.State != run.JobSucceeded || j.Result == nil || j.Result.Policy == nil {
		return nil
	}
	r := j.Result.Policy
	if r.Rules == 0 && len(r.Denied)+len(r.Warned) == 0 {
		return nil
	}
	return r
}

// findingsOf is everything that the rules said, to compare.
func findingsOf(r *run.PolicyResult) []run.PolicyFinding {
	if r == nil {
		return nil
	}
	return append(append([]run.PolicyFinding{{Message: number(len(r.Denied))}}, r.Denied...), r.Warned...)
}

func (g group) denied() bool { return denied(g.standings[0]) }

func denied(s run.Standing) bool {
	r := policyOf(s.Plan)
	return r != nil && len(r.Denied) > 0
}

// warned lists the messages of rules that warn.
func (g group) warned() []string {
	if g.policy == nil {
		return nil
	}
	var out []string
	for _, f := range g.policy.Warned {
		out = append(out, f.Message)
	}
	return out
}

// policyCell is what rules said about each plan of a group, in a few words.
func policyCell(g group) string {
	if g.policy == nil {
		return "–"
	}
	var out []string
	if n := len(g.policy.Denied); n > 0 {
		out = append(out, "**"+number(n)+" denied**")
	}
	if n := len(g.policy.Warned); n > 0 {
		out = append(out, many(n, "warning"))
	}
	if len(out) == 0 {
		return "passed"
	}
	return strings.Join(out, ", ")
}

// deniedPlans is how many plans rules deny.
func deniedPlans(groups []group) int {
	n := 0
	for _, g := range groups {
		if g.denied() {
			n += len(g.standings)
		}
	}
	return n
}

// How many messages of rules are shown of one plan, and how much of each.
const (
	shownDenials = 10
	shownDenial  = 400
)

// denials lists why rules deny plans, by project, in at most budget bytes. What
// does not fit is counted, and rest says where it can be read.
func denials(groups []group, budget int, rest string) string {
	const reserve = 200
	left := deniedPlans(groups)
	var out []string
	size := 0
	for _, g := range groups {
		if !g.denied() {
			continue
		}
		text := g.denial()
		if size += len(text) + 1; size > budget-reserve {
			break
		}
		out = append(out, text)
		left -= len(g.standings)
	}
	switch {
	case left > 0 && len(out) > 0:
		out = append(out, fmt.Sprintf("Plan policy denies **%s**, too%s.\n", many(left, "more project"), rest))
	case left > 0:
		out = append(out, fmt.Sprintf("Plan policy denies **%s**%s.\n", many(left, "project"), rest))
	}
	return paragraphs(out...)
}

func (g group) denial() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Plan policy denies **%s**:\n\n", g.names(name))
	for i, f := range g.policy.Denied {
		if i == shownDenials {
			fmt.Fprintf(&b, "- and %s more\n", number(len(g.policy.Denied)-i))
			break
		}
		fmt.Fprintf(&b, "- %s (%s)\n", markdown.Text(markdown.Limit(f.Message, shownDenial)), nameCode(f.Rule))
	}
	return b.String()
}

// overrides names who had plans applied that rules deny.
func overrides(runs []run.Run, p picked) string {
	var actors []string
	projects := map[string][]string{}
	for _, s := range p.standings {
		i := slices.IndexFunc(runs, func(r run.Run) bool { return s.Apply != nil && r.Override && r.Job(s.Apply.ID) != nil })
		if i < 0 || !denied(s) {
			continue
		}
		actor := runs[i].Actor
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
