// Package markdown makes GitHub Markdown out of text that nobody vouches for.
//
// Its place in the flow: policy, run and others quote names in their sentences (Quote), and
// report builds comments and check runs from its own sentences. Both put every string
// of a person, a repository or a provider through one of the functions here. Whatever
// the string, it stays where it was put: it opens no fence, heading, table cell, link, image or HTML element,
// mentions nobody, refers to no issue or commit, and hides nothing with
// invisible characters (T42).
//
// The package must not know what it writes about: no runs, no plans.
package markdown

import (
	"fmt"
	"html"
	"strings"
)

// Text writes s as running text on one line. Words that GitHub or Markdown
// could read as anything but words become code spans.
func Text(s string) string {
	return words(s, plain, Code)
}

// Code writes s as a code span on one line.
func Code(s string) string {
	s = line(s)
	if s == "" {
		return "`?`"
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// Cell makes inline Markdown fit for a cell of a table: a vertical bar, which
// would end the cell even inside of code, becomes "¦".
func Cell(inline string) string { return strings.ReplaceAll(inline, "|", "¦") }

// HTML writes s as the content of an HTML element on one line, with code
// elements where Text has code spans.
func HTML(s string) string {
	return words(s, func(word string, _ bool) (string, bool) {
		_, ok := plain(word, false)
		return html.EscapeString(word), ok
	}, HTMLCode)
}

// HTMLCode writes s as a code element on one line, all of it: a directory may be
// named like a sentence of ours.
func HTMLCode(s string) string {
	if s = line(s); s == "" {
		s = "?"
	}
	return "<code>" + html.EscapeString(s) + "</code>"
}

// Fence writes s as a fenced code block. Language is one of our own words. The
// fence is longer than any run of backticks in s.
func Fence(language, s string) string {
	s = strings.Trim(Clean(s), "\n")
	fence := strings.Repeat("`", max(3, longestRun(s, '`')+1))
	return fence + language + "\n" + s + "\n" + fence + "\n"
}

// Details writes a folded section. The summary is HTML, made with HTML; the
// body is Markdown.
func Details(summary, body string) string {
	return fmt.Sprintf("<details><summary>%s</summary>\n\n%s\n</details>\n", summary, strings.TrimRight(body, "\n")+"\n")
}

// Limit shortens s to at most n characters, ending in "…" when it is cut.
func Limit(s string, n int) string {
	if len(s) <= n {
		return s
	}
	count := 0
	for i := range s {
		if count++; count == n {
			if rest := s[i:]; len([]rune(rest)) > 1 {
				return s[:i] + "…"
			}
			break
		}
	}
	return s
}

// Excerpt is Limit for sentences: it ends with a whole word.
func Excerpt(s string, n int) string {
	cut, isCut := strings.CutSuffix(Limit(s, n), "…")
	if !isCut || cut == s {
		return Limit(s, n)
	}
	if end := strings.LastIndexByte(cut, ' '); end > 0 && s[len(cut)] != ' ' {
		cut = cut[:end]
	}
	return strings.TrimRight(cut, " ,;:") + " …"
}

// line is Clean on one line, with single spaces.
func line(s string) string { return strings.Join(strings.Fields(Clean(s)), " ") }

// words gives each word of s to plain, and those that are not plain to code;
// neighbours that are not plain stay together.
func words(s string, plain func(word string, first bool) (string, bool), code func(string) string) string {
	var out, odd []string
	flush := func() {
		if len(odd) > 0 {
			out = append(out, code(strings.Join(odd, " ")))
			odd = nil
		}
	}
	for i, word := range strings.Fields(line(s)) {
		escaped, ok := plain(word, i == 0)
		if !ok {
			odd = append(odd, word)
			continue
		}
		flush()
		out = append(out, escaped)
	}
	flush()
	if len(out) == 0 {
		return code("?")
	}
	return strings.Join(out, " ")
}

func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
