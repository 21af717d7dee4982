package runner

import (
	"io"
	"strings"
)

// plainText passes on text without what a terminal would act on: escape
// sequences (ECMA-48: CSI, OSC and the other strings), C0 controls except tab
// and line feed, and C1 controls. It works on any split into writes.
type plainText struct {
	to    io.Writer
	state textState
	lead  bool // a byte 0xC2 is held back: with the next one it may be a C1 control
}

type textState int

const (
	inText      textState = iota
	afterEscape           // ESC
	inCSI                 // ESC [ … until a byte of @ to ~
	inString              // OSC, DCS, APC, PM, SOS: until BEL or ST
	inStringEsc           // ESC inside of such a string
)

const escape = 0x1b

// Write implements io.Writer.
func (t *plainText) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+1)
	for i := 0; i < len(p); i++ {
		if t.state == inText && !t.lead { // nearly all of it
			n := i
			for n < len(p) && harmless(p[n]) {
				n++
			}
			out = append(out, p[i:n]...)
			if i = n; i == len(p) {
				break
			}
		}
		out = t.next(out, p[i])
	}
	if _, err := t.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// harmless reports a byte that is text wherever it stands in text.
func harmless(c byte) bool {
	return c >= ' ' && c != 0x7f && c != 0xc2 || c == '\n' || c == '\t'
}

func (t *plainText) next(out []byte, c byte) []byte {
	switch t.state {
	case afterEscape:
		switch c {
		case '[':
			t.state = inCSI
		case ']', 'P', 'X', '^', '_':
			t.state = inString
		default:
			if c < ' ' || c > '/' { // these are intermediate bytes: one more follows
				t.state = inText
			}
		}
		return out
	case inCSI:
		if c >= '@' && c <= '~' || c < ' ' {
			t.state = inText
		}
		if c == '\n' {
			out = append(out, c)
		}
		return out
	case inString:
		switch c {
		case 0x07:
			t.state = inText
		case escape:
			t.state = inStringEsc
		case '\n': // never ended: text must not vanish to the end of the file
			t.state = inText
			out = append(out, c)
		}
		return out
	case inStringEsc:
		t.state = inText
		if c != '\\' {
			t.state = afterEscape
			return t.next(out, c)
		}
		return out
	}
	return t.text(out, c)
}

func (t *plainText) text(out []byte, c byte) []byte {
	if t.lead {
		t.lead = false
		switch {
		case c >= 0x80 && c <= 0x9f:
			return out // U+0080 to U+009F
		case c >= 0xa0 && c <= 0xbf:
			return append(out, 0xc2, c)
		}
		out = append(out, "\uFFFD"...) // not UTF-8; it must not pair with a byte that comes later
	}
	switch {
	case c == 0xc2:
		t.lead = true
	case c == escape:
		t.state = afterEscape
	case harmless(c):
		out = append(out, c)
	}
	return out
}

// plain is plainText for a whole text, which becomes valid UTF-8.
func plain(s string) string {
	var b strings.Builder
	t := plainText{to: &b}
	_, _ = t.Write([]byte(s)) // a Builder takes everything
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}
