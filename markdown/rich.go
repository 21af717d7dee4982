package markdown

import (
	"html"
	"regexp"
	"strings"
)

// Rich writes a sentence that is Markdown already, such as the message of a
// problem, in the subset that sentences need: paragraphs, items that begin with
// "- ", code spans, bold, and links to the two sites of trusted. Everything
// else in it is escaped, so that a writer who forgot to quote does no harm.
func Rich(s string) string {
	var out []string
	item := false
	for raw := range strings.SplitSeq(Clean(s), "\n") {
		raw = strings.TrimSpace(raw)
		text, isItem := strings.CutPrefix(raw, "- ")
		switch {
		case raw == "" && len(out) > 0 && out[len(out)-1] != "":
			out = append(out, "")
		case raw == "":
		case isItem:
			if len(out) > 0 && !item && out[len(out)-1] != "" {
				out = append(out, "")
			}
			out = append(out, "- "+strings.TrimSpace(inline(text)))
		default:
			if item && out[len(out)-1] != "" {
				out = append(out, "")
			}
			out = append(out, strings.TrimSpace(inline(raw)))
		}
		item = isItem
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

// RichLine is Rich on one line.
func RichLine(s string) string { return strings.TrimSpace(inline(line(s))) }

// The parts of a sentence that stay Markdown: code, bold, a trusted link.
var (
	span    = regexp.MustCompile("`+[^`]+`+|\\*\\*[^*`\\[\\]]+\\*\\*|\\[[^\\[\\]`*]+\\]\\([^()\\s`]+\\)")
	link    = regexp.MustCompile(`^\[(.+)\]\((.+)\)$`)
	trusted = regexp.MustCompile(`^https://(?:www\.githubstatus\.com|docs\.github\.com(?:/[a-z0-9/-]*)?)$`)
	escapes = regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])")
)

func inline(s string) string {
	var b strings.Builder
	at := 0
	for _, m := range span.FindAllStringIndex(s, -1) {
		b.WriteString(spaced(s[at:m[0]]))
		b.WriteString(mark(s[m[0]:m[1]]))
		at = m[1]
	}
	b.WriteString(spaced(s[at:]))
	return b.String()
}

func mark(s string) string {
	switch s[0] {
	case '`':
		return Code(strings.Trim(s, "`"))
	case '*':
		return "**" + Text(strings.Trim(s, "*")) + "**"
	}
	m := link.FindStringSubmatch(s)
	if !trusted.MatchString(m[2]) {
		return Code(m[1] + " (" + m[2] + ")")
	}
	return "[" + Text(m[1]) + "](" + m[2] + ")"
}

// spaced is Text that keeps one space at either end, because it stands between
// other parts. Escapes of the writer are read first.
func spaced(s string) string {
	text := html.UnescapeString(escapes.ReplaceAllString(s, "$1"))
	if strings.TrimSpace(line(text)) == "" {
		if s == "" {
			return ""
		}
		return " "
	}
	out := Text(text)
	// A code span that touches another one would change where both end, and an
	// exclamation mark would make an image of a link.
	if strings.HasPrefix(s, " ") || strings.HasPrefix(out, "`") {
		out = " " + out
	}
	if strings.HasSuffix(s, " ") || strings.HasSuffix(out, "`") || strings.HasSuffix(out, "!") {
		out += " "
	}
	return out
}
