package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problem is one mistake in a file, written for the person who can fix it.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // 1-based; 0 when the whole file is meant, or a key that is missing
	Key     string `json:"key"`  // such as projects[2].workspace; "" when no key is meant
	Message string `json:"message"`
}

// String is file:line: key: message, without the parts that are empty.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(Printable(p.File))
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Key != "" {
		b.WriteString(": " + Printable(p.Key))
	}
	b.WriteString(": " + p.Message)
	return b.String()
}

// Printable is a name as a terminal and a log may have it: one with characters that do not print, such as those that
// steer a terminal or begin a line, is quoted.
func Printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return strconv.Quote(name)
	}
	return name
}

// Problems is every mistake found at once. It is the one error type for mistakes
// that people make; find it with errors.As. It may quote text of the file: escape it
// before it goes into Markdown or HTML.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// First keeps a list from filling more than a person reads: at most n problems, and one
// that counts the others.
func (ps Problems) First(n int) Problems {
	if len(ps) <= n {
		return ps
	}
	more := Problem{File: ps[n].File, Line: ps[n].Line, Message: fmt.Sprintf("and %d more mistakes from here on", len(ps)-n)}
	return append(ps[:n:n], more)
}

// Sort orders problems by file and line; those of one line stay in their order.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line)
	})
}
