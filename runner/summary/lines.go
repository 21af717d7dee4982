package summary

import (
	"fmt"
	"strings"
)

const (
	contextLines = 3       // unchanged lines that are kept around changed ones
	maxLine      = 300     // bytes of a line
	maxLines     = 4 << 10 // bytes of all lines
)

// severalLines reports that a text is read line by line.
func severalLines(s string) bool { return strings.Contains(strings.TrimSuffix(s, "\n"), "\n") }

// hunk is a replacement of the lines from before to beforeEnd by those from
// after to afterEnd; either may be empty.
type hunk struct{ before, beforeEnd, after, afterEnd int }

// hunks compares two texts that were split into lines.
func hunks(before, after []string) []hunk {
	// Texts that differ in one place only, however large, need no search.
	head := 0
	for head < len(before) && head < len(after) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < len(before)-head && tail < len(after)-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	a, b := before[head:len(before)-tail], after[head:len(after)-tail]
	var out []hunk
	i, j := 0, 0
	for _, r := range append(common(a, b), sameRun{len(a), len(b), 0}) {
		if i < r.before || j < r.after {
			out = append(out, hunk{head + i, head + r.before, head + j, head + r.after})
		}
		i, j = r.before+r.n, r.after+r.n
	}
	return out
}

// changedLines writes the lines that differ, with a little context. Each begins
// with its sign: - before, + after, a blank for both, # for what is left out.
// whole has all changed lines, in full.
func changedLines(before, after string) (lines, whole string) {
	a, b := strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")
	w := lineWriter{a: a, b: b, ends: strings.HasSuffix(before, "\n") != strings.HasSuffix(after, "\n")}
	all := hunks(a, b)
	for i, h := range all {
		end := len(a)
		if i+1 < len(all) {
			end = all[i+1].before
		}
		w.hunk(h, end)
	}
	w.close()
	return w.lines.String(), w.whole.String()
}

type lineWriter struct {
	a, b         []string
	ends         bool // one text has a line end at its end, the other has not
	at           int  // the first line of a that is not written yet
	lines, whole strings.Builder
	full         bool
	left         int // changed lines that did not fit
}

// hunk writes one difference and the context on both sides. What follows stays
// the same up to end.
func (w *lineWriter) hunk(h hunk, end int) {
	w.unchanged(max(h.before-contextLines, w.at) - w.at)
	w.context(h.before)
	was, is := written(w.a[h.before:h.beforeEnd]), written(w.b[h.after:h.afterEnd])
	for i, line := range was {
		w.changed("-", line, counterpart(was, is, i))
	}
	for i, line := range is {
		w.changed("+", line, counterpart(is, was, i))
	}
	w.at = h.beforeEnd
	w.context(min(end, h.beforeEnd+contextLines))
}

// written leaves out what is behind the last line end.
func written(lines []string) []string {
	if n := len(lines); n > 0 && lines[n-1] == "" {
		return lines[:n-1]
	}
	return lines
}

// counterpart is the line that a line most likely was or becomes.
func counterpart(lines, others []string, i int) string {
	if len(lines) == len(others) {
		return others[i]
	}
	return ""
}

func (w *lineWriter) context(end int) {
	for _, line := range written(w.a[min(w.at, end):end]) {
		w.write(" " + shortLine(line, ""))
	}
	w.at = max(w.at, end)
}

func (w *lineWriter) unchanged(n int) {
	if n == 1 && w.at < len(w.a) { // as long as saying so
		w.context(w.at + 1)
		return
	}
	if n > 0 {
		w.write("#(" + count(n, "unchanged line") + ")")
		w.at += n
	}
}

func (w *lineWriter) changed(sign, line, other string) {
	w.whole.WriteString(sign + line + "\n")
	shown := sign + shortLine(line, other)
	if w.ends && !strings.HasSuffix(line, "\n") {
		shown += "  # no line end at the end"
	}
	if !w.write(shown) {
		w.left++
	}
}

func (w *lineWriter) write(line string) bool {
	if w.full = w.full || w.lines.Len()+len(line) > maxLines; w.full {
		return false
	}
	if w.lines.Len() > 0 {
		w.lines.WriteByte('\n')
	}
	w.lines.WriteString(line)
	return true
}

func (w *lineWriter) close() {
	if w.left == 0 {
		w.unchanged(len(written(w.a[w.at:])))
		return
	}
	fmt.Fprintf(&w.lines, "\n#(and %s)", count(w.left, "more changed line"))
}

const blanks = " \t\r"

// visible writes blanks at the end of a line, where they are all that differs.
var visible = strings.NewReplacer(" ", "·", "\t", `\t`, "\r", `\r`)

// shortLine is a line of limited length, cut where it equals its counterpart,
// with what one would not see made visible.
func shortLine(line, other string) string {
	line, _ = strings.CutSuffix(line, "\n")
	other, _ = strings.CutSuffix(other, "\n")
	if text := strings.TrimRight(line, blanks); line != other && text == strings.TrimRight(other, blanks) {
		line = text + visible.Replace(line[len(text):])
	}
	if line == other {
		other = ""
	}
	from, to := window(line, other, maxLine)
	shown := line[from:to]
	if from > 0 {
		shown = "(" + count(from, "equal byte") + ") …" + shown
	}
	if to < len(line) {
		shown += "… (" + count(len(line)-to, "more byte") + ")"
	}
	return shown
}
