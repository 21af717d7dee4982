package markdown

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// escapeSequence is what terminals act upon: CSI, OSC, and two-byte sequences
// (ECMA-48, sections 5.4 and 5.6).
var escapeSequence = sync.OnceValue(func() *regexp.Regexp { // the runner starts without
	return regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|\x1b[@-Z\\\\^_]")
})

// Clean removes what a reader cannot see: terminal sequences and control
// characters except line feed and tab. Characters that change how others are
// shown (bidirectional marks, zero width) become visible as "⟨U+202E⟩".
func Clean(s string) string {
	if isPrintableASCII(s) {
		return s
	}
	s = escapeSequence().ReplaceAllString(strings.ToValidUTF8(s, "�"), "")
	s = strings.NewReplacer("\r\n", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s)
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case unicode.IsControl(r):
		case hidden(r):
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden tells characters that take no room or move others around: format
// characters, private use, fillers that look like nothing, and the selectors
// that change the character before them.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Co, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) ||
		r == '\u2800'
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' && c != '\n' && c != '\t') || c >= utf8.RuneSelf || c == 0x7f {
			return false
		}
	}
	return true
}
