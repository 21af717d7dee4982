package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

const (
	shownValue    = 4_000 // characters of one attribute
	usefulFold    = 1_500 // bytes below which a project's diff is left out as a whole
	foldOverhead  = 400   // bytes around a diff: names, fence, what was left out
	shownFindings = 10    // checks, warnings and drifted addresses of a project
)

// checkUnknown is the status of a check block that reads what an apply makes.
const checkUnknown = "unknown"

// Where that can be read for which there is no room.
const (
	inCheck  = ", see the check run"
	onServer = ": a check run has no more room. The server stores the whole plan and what Terraform printed for 30 days, where your Lockkeeper administrator can read them"
)

// diffs folds the diff of each group into the budget. When not all fit, those
// of the later groups are left out as a whole; of the others, long ones are cut
// between two resources. Either is counted, and rest says where it can be read.
func diffs(groups []view.Group, budget int, rest string) string {
	groups = slices.DeleteFunc(slices.Clone(groups), func(g view.Group) bool { return g.Summary == nil || !worthAFold(g) })
	texts, sizes := make([]string, len(groups)), make([]int, len(groups))
	for i, g := range groups {
		texts[i] = fold(g, 2*budget, rest)
		sizes[i] = len(texts[i])
	}
	const reserve = 200
	room := shares(sizes, budget-reserve)
	var b strings.Builder
	for i, n := range room {
		if n < sizes[i] {
			texts[i] = fold(groups[i], n, rest)
		}
		b.WriteString(texts[i])
	}
	if left := len(groups) - len(room); left > 0 {
		fmt.Fprintf(&b, "\n%s left out%s.\n", counted(left, "more diff is", "more diffs are"), rest)
	}
	return b.String()
}

// shares divides a budget among sizes: who needs less than an equal share gets
// what it needs, and the others share the rest. Later ones get nothing when the
// shares would become too small to be of use.
func shares(sizes []int, budget int) []int {
	n := len(sizes)
	for n > 0 && !useful(sizes[:n], budget) {
		n--
	}
	out := make([]int, n)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return sizes[a] - sizes[b] })
	for k, i := range order {
		out[i] = min(sizes[i], budget/(n-k))
		budget -= out[i]
	}
	return out
}

// useful tells whether everybody can have all, or at least a share worth reading.
func useful(sizes []int, budget int) bool {
	sum := 0
	for _, s := range sizes {
		sum += min(s, usefulFold)
	}
	return sum <= budget
}

func worthAFold(g view.Group) bool {
	return !g.Counts.Empty() || findings(g) != "" || len(g.Warned()) > 0
}

// fold is one group's diff in at most room bytes, with a count of the resources
// that did not fit.
func fold(g view.Group, room int, rest string) string {
	summary := "<b>" + namesOf(g, htmlName) + "</b>" + dirsOf(g, htmlCode)
	if len(g.Projects) > 1 {
		summary += ", each"
	}
	words := countWords(worstFirst(g.Counts))
	if words == "" {
		words = strings.Join(nonEmpty("no changes", findings(g)), ", ")
	}
	also := aside(g, room/4)
	lines, left := diff(g.Summary, room-foldOverhead-len(also))
	body := ""
	if lines != "" {
		body = markdown.Fence("diff", lines)
	}
	if left > 0 {
		body += fmt.Sprintf("\n%s left out%s.\n", counted(left, "more resource is", "more resources are"), rest)
	}
	return markdown.Details(summary+": "+words, paragraphs(allNames(g), body, also, madeDigest(g)))
}

// allNames lists the projects that the summary line only counts.
func allNames(g view.Group) string {
	if len(g.Projects) <= groupNames {
		return ""
	}
	var out []string
	for i, s := range g.Projects {
		if i == 100 {
			out = append(out, number(len(g.Projects)-i)+" more")
			break
		}
		out = append(out, name(s.Project))
	}
	return sentence(out) + "\n"
}

// diff writes resources in the summary's order, worst first, in at most room
// bytes; left counts those that did not fit. A resource without room for its
// attributes still gets its line.
func diff(s *run.Summary, room int) (text string, left int) {
	var b strings.Builder
	for i, c := range s.Changes {
		header := resourceLine(c)
		if b.Len()+len(header)+100 > room {
			return b.String(), len(s.Changes) - i
		}
		if i > 0 && len(c.Diff) > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(header)
		attributes := attributeLines(c)
		if b.Len()+len(attributes) > room {
			attributes = "# its attributes are left out for size\n"
		}
		b.WriteString(attributes)
	}
	for _, o := range s.Outputs {
		lines := outputLines(o)
		if b.Len()+len(lines) > room {
			b.WriteString("# the rest of the outputs is left out for size\n")
			break
		}
		b.WriteString(lines)
	}
	return b.String(), 0
}

func outputLines(o run.OutputChange) string {
	if len(o.Diff) == 0 {
		return valueLines(oneLine("output."+o.Name), o.Before, o.After, "")
	}
	var b strings.Builder
	for _, a := range o.Diff {
		b.WriteString(attribute("", a))
	}
	return b.String()
}

// resourceLine says what happens to a resource. GitHub colours a line of a diff
// by its first character: - red, + green, ! orange.
func resourceLine(c run.Change) string {
	signs := map[run.Action][2]string{
		run.ActionDestroy: {"-", "will be destroyed"},
		run.ActionReplace: {"-/+", "will be replaced"},
		run.ActionUpdate:  {"!", "will be changed"},
		run.ActionCreate:  {"+", "will be created"},
		run.ActionForget:  {"!", "will be forgotten, not destroyed"},
		run.ActionRead:    {"#", "will be read during apply"},
		run.ActionNone:    {"#", "stays as it is"},
	}
	sign, ok := signs[c.Action]
	if !ok {
		sign = [2]string{"!", string(c.Action)}
	}
	text := sign[0] + " " + oneLine(markdown.Limit(c.Address, shownAddress)) + " " + oneLine(sign[1])
	if c.Importing {
		text += ", imported"
	}
	if c.MovedFrom != "" {
		text += ", moved from " + oneLine(markdown.Limit(c.MovedFrom, shownAddress))
	}
	if c.Reason != "" {
		text += ": " + oneLine(markdown.Limit(c.Reason, shownAddress))
	}
	return text + "\n"
}

func attributeLines(c run.Change) string {
	if c.Omitted {
		return "# its attributes are left out for size\n"
	}
	var b strings.Builder
	for _, a := range c.Diff {
		if c.Action == run.ActionForget {
			b.WriteString(signed(" ", attributeIndent+pathOf(a)+" = ", a.Before, ""))
			continue
		}
		b.WriteString(attribute(attributeIndent, a))
	}
	return b.String()
}

const attributeIndent = "    "

func pathOf(a run.Attribute) string { return oneLine(markdown.Limit(a.Path, shownAddress)) }

// attribute writes what changes in a part of a value, and why that matters.
func attribute(indent string, a run.Attribute) string {
	what, remark := indent+pathOf(a), ""
	if a.ForcesReplace {
		remark = "  # forces replacement"
	}
	switch {
	case a.Note != "" && a.Path == "":
		return signed("#", indent, oneLine(a.Note), "")
	case a.Note != "":
		return signed("#", what+": ", oneLine(a.Note), remark)
	case a.Lines != "":
		return textLines(indent, what, a.Lines, remark)
	}
	return valueLines(what, a.Before, a.After, remark)
}

// textLines writes the changed lines of a text with those around them.
func textLines(indent, what, lines, remark string) string {
	var b strings.Builder
	b.WriteString("  " + what + " = <<EOT" + remark + "\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(markdown.Limit(lines, shownValue), "\n"), "\n") {
		sign := " "
		if line != "" && strings.Contains("-+# ", line[:1]) {
			sign, line = line[:1], line[1:]
		}
		for part := range strings.SplitSeq(markdown.Clean(line), "\n") {
			b.WriteString(signed(sign, indent+attributeIndent, part, ""))
		}
	}
	b.WriteString("  " + indent + "EOT\n")
	return b.String()
}

// valueLines writes a value before and after, each line with its sign.
func valueLines(what, before, after, remark string) string {
	was, is := "", ""
	if after == "" {
		was = remark
	} else {
		is = signed("+", what+" = ", after, remark)
	}
	if before == "" {
		return is
	}
	return signed("-", what+" = ", before, was) + is
}

// signed writes a text so that each of its lines has a sign. GitHub colours a
// line of a diff by it.
func signed(sign, what, text, remark string) string {
	lines := strings.Split(markdown.Clean(markdown.Limit(text, shownValue)), "\n")
	lines[0] = what + lines[0]
	lines[len(lines)-1] += remark
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			l = attributeIndent + l
		}
		b.WriteString(strings.TrimRight(sign+" "+l, " ") + "\n")
	}
	return b.String()
}

// aside lists what is no change but was found while planning.
func aside(g view.Group, room int) string {
	var policy, checks, warnings, drift []string
	for _, w := range g.Warned() {
		policy = append(policy, markdown.Text(markdown.Limit(w, shownNote)))
	}
	for _, c := range g.Summary.Checks {
		checks = append(checks, checked(c))
	}
	for _, w := range g.Summary.Warnings {
		warnings = append(warnings, markdown.Text(markdown.Limit(w, shownNote)))
	}
	for _, d := range g.Summary.Drift {
		text := address(d)
		if slices.Contains(g.Summary.Gone, d) {
			text += ", which is gone"
		}
		drift = append(drift, text)
	}
	outside := "Changed outside of Terraform"
	if !g.Counts.Empty() {
		outside += ", which an apply writes to the state"
	}
	var b strings.Builder
	for _, part := range []struct {
		title string
		list  []string
	}{{"Plan policy warns", policy}, {"Checks", checks}, {"Warnings", warnings}, {outside, drift}} {
		if len(part.list) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "**%s**\n\n", part.title)
		for i, item := range part.list {
			if i == shownFindings || b.Len()+len(item) > room {
				fmt.Fprintf(&b, "- and %s more\n", number(len(part.list)-i))
				break
			}
			b.WriteString("- " + item + "\n")
		}
	}
	return b.String()
}

// checked says in a sentence what came of a check block or a condition.
func checked(c run.CheckFinding) string {
	what := markdown.Code(markdown.Limit(c.Address, shownAddress))
	switch c.Status {
	case checkUnknown:
		what = "whether " + what + " holds is known only after apply"
	case "fail":
		what += " failed"
	case "error":
		what += " could not be checked"
	default:
		what += " " + name(c.Status)
	}
	if c.Message != "" {
		what += ": " + markdown.Text(markdown.Limit(c.Message, shownNote))
	}
	return what
}

func htmlName(s string) string { return markdown.HTML(markdown.Limit(s, shownName)) }
func htmlCode(s string) string { return markdown.HTMLCode(markdown.Limit(s, shownName)) }

// oneLine is s without line ends, for a line of a fence.
func oneLine(s string) string { return strings.Join(strings.Fields(markdown.Clean(s)), " ") }
