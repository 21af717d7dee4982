package markdown

import (
	"strings"
	"unicode"
)

// quotedRunes bounds how much of an untrusted text a sentence repeats.
const quotedRunes = 120

// Quote makes untrusted text a Markdown code span for the Message of a Problem
// or for a note: it cannot end the span, mention anybody, or hide anything.
func Quote(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if r == '`' || !unicode.IsPrint(r) {
			r = '?'
		}
		if n++; n > quotedRunes {
			b.WriteRune('…')
			break
		}
		b.WriteRune(r)
	}
	if strings.TrimSpace(b.String()) == "" {
		return "`?`"
	}
	return "`" + b.String() + "`"
}

// Quoted is several names, each by Quote, with commas between them.
func Quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = Quote(name)
	}
	return strings.Join(out, ", ")
}
