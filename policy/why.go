package policy

import (
	"fmt"
	"slices"
	"strings"
)

const (
	sentences = 20        // that a refusal lists
	whyBytes  = 16 * 1024 // of the full list, which shares a comment of 65,536 characters
	whyNames  = 30        // of projects that the full list names for what is missing
)

// finding is one reason and the projects that it is about; none means the pull
// request, or each of its projects.
type finding struct {
	Reason
	projects []string
}

// Missing lists the bad reasons, those that several projects share once. A
// text begins with the names of its projects unless it is about all of them.
func (v Verdict) Missing() []Reason { return v.texts(func(r Reason) bool { return !r.OK }) }

// Exceptions lists what was allowed only because somebody decided so, for the
// record of the run.
func (v Verdict) Exceptions() []Reason { return v.texts(func(r Reason) bool { return r.Exception }) }

// Notes are what people see of good reasons unasked.
func (v Verdict) Notes() []string {
	var out []string
	for _, f := range v.findings() {
		if f.OK && f.Note != "" && len(out) < sentences {
			f.Text = f.Note
			out = append(out, f.sentence(listed))
		}
	}
	return out
}

func (v Verdict) texts(want func(Reason) bool) []Reason {
	var out []Reason
	for _, f := range v.findings() {
		if want(f.Reason) {
			f.Text = f.sentence(listed)
			out = append(out, f.Reason)
		}
	}
	return out
}

// Sentences are the texts of what is missing, for people: at most 21, the last
// of which says that there are more.
func (v Verdict) Sentences() []string {
	missing := v.pointed().Missing()
	var out []string
	for _, r := range missing[:min(len(missing), sentences)] {
		out = append(out, r.Text)
	}
	if rest := len(missing) - len(out); rest > 0 {
		out = append(out, fmt.Sprintf("%d more: `/why` shows all.", rest))
	}
	return out
}

// pointed leaves out what is no way forward: a project that the pull request
// does not change misses its plan and its lock too, and neither would help.
func (v Verdict) pointed() Verdict {
	v.Parts = slices.Clone(v.Parts)
	for i, part := range v.Parts {
		untouched := slices.IndexFunc(part.Reasons, func(r Reason) bool { return r.Predicate == "touched" && !r.OK })
		if untouched >= 0 {
			v.Parts[i].Reasons = part.Reasons[untouched : untouched+1]
		}
	}
	return v
}

// Explain is a refusal's text: the one sentence that is missing, or a list.
func (v Verdict) Explain() string {
	texts := v.Sentences()
	said := strings.Join(texts, "")
	if len(texts) > 1 {
		said = fmt.Sprintf("%d things block this:\n\n- %s", len(v.pointed().Missing()), strings.Join(texts, "\n- "))
	}
	if len(v.Ready) > 0 {
		said += "\n\n" + v.canGo()
	}
	return said
}

// canGo says which projects can go now, and with which command.
func (v Verdict) canGo() string {
	if len(v.Ready) > listed {
		return fmt.Sprintf("%s can go now: `/apply` with their names.", quoteAll(v.Ready))
	}
	return fmt.Sprintf("%s can go now: %s.", quoteAll(v.Ready), quote("/apply "+strings.Join(v.Ready, " ")))
}

// Silent reports whether nothing need be said about a verdict that denies.
func (v Verdict) Silent() bool {
	return !slices.ContainsFunc(v.Missing(), func(r Reason) bool { return !r.Silent })
}

// Why lists every reason as Markdown, what is missing first. It is bounded, and
// says so when it is cut.
func (v Verdict) Why() string {
	against, supports, _ := v.Lists()
	return against + supports
}

// Lists are the two halves of Why: what is missing, with what can go now, and n
// reasons that support it.
func (v Verdict) Lists() (against, supports string, n int) {
	var missing, good []string
	for _, f := range v.findings() {
		switch {
		case !f.OK:
			missing = append(missing, "- ✗ "+f.sentence(whyNames)+"\n")
		case f.Text != "":
			good = append(good, "- ✓ "+f.sentence(listed)+"\n")
		}
	}
	against, left := upTo(whyBytes, missing)
	if left > 0 {
		return against + fmt.Sprintf("- and %s, %d of them missing\n", count(left+len(good), "more reason"), left), "", 0
	}
	if supports, left = upTo(whyBytes-len(against), good); left > 0 {
		supports += fmt.Sprintf("- and %s, 0 of them missing\n", count(left, "more reason"))
	}
	if len(v.Ready) > 0 {
		against += "\n" + v.canGo() + "\n"
	}
	return against, supports, len(good)
}

// upTo joins lines of at most that many bytes; left counts the others.
func upTo(bytes int, lines []string) (text string, left int) {
	var b strings.Builder
	for i, line := range lines {
		if b.Len()+len(line) > bytes {
			return b.String(), len(lines) - i
		}
		b.WriteString(line)
	}
	return b.String(), 0
}

// findings groups equal reasons of projects, in the order of the predicates and
// then of the projects.
func (v Verdict) findings() []finding {
	var out []finding
	for _, r := range v.Reasons {
		out = append(out, finding{Reason: r})
	}
	var ofProjects []finding
	at, order := map[Reason]int{}, map[string]int{}
	for _, part := range v.Parts {
		for _, r := range part.Reasons {
			if _, seen := order[r.Predicate]; !seen {
				order[r.Predicate] = len(order)
			}
			i, seen := at[r]
			if !seen {
				i = len(ofProjects)
				at[r] = i
				ofProjects = append(ofProjects, finding{Reason: r})
			}
			ofProjects[i].projects = append(ofProjects[i].projects, part.Project)
		}
	}
	slices.SortStableFunc(ofProjects, func(a, b finding) int { return order[a.Predicate] - order[b.Predicate] })
	for i, f := range ofProjects {
		if len(f.projects) == len(v.Parts) {
			ofProjects[i].projects = nil
		}
	}
	return append(out, ofProjects...)
}

func (f finding) sentence(names int) string {
	if len(f.projects) == 0 {
		return f.Text
	}
	return quoteSome(f.projects, names) + ": " + f.Text
}
