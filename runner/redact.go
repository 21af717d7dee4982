package runner

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
)

// Redacted stands in the place of a secret.
const Redacted = "(redacted)"

// shortestSecret is the length in bytes below which a value is not replaced wherever it
// stands: it would garble every "prod" and "true" of the output and hide nothing.
const shortestSecret = 6

// shortestQuoted is the length from which a shorter one is replaced with the quotes
// around it, if it holds a digit, as pin = "4711" does: no word of the output is like that.
const shortestQuoted = shortestSecret - len(`""`)

// shortestLine is the length from which a line of a secret of several lines,
// such as a private key, is replaced on its own: terraform indents lines.
const shortestLine = 16

// redactor replaces secrets and their usual encodings. The zero value replaces
// nothing. It does not change, so any number of goroutines may use one.
type redactor struct {
	byStart map[[3]byte][][]byte // patterns by their first bytes, the longest first
	first   [256]bool            // first bytes of patterns
	longest int
}

func newRedactor(secrets []string) *redactor {
	r := &redactor{byStart: map[[3]byte][][]byte{}}
	for _, s := range secrets {
		for _, form := range forms(s) {
			r.add(form)
		}
	}
	for _, patterns := range r.byStart {
		slices.SortFunc(patterns, func(a, b []byte) int { return len(b) - len(a) })
	}
	return r
}

func (r *redactor) add(pattern string) {
	if len(pattern) < shortestSecret {
		return
	}
	start := [3]byte([]byte(pattern))
	r.first[start[0]] = true
	for _, have := range r.byStart[start] {
		if string(have) == pattern {
			return
		}
	}
	r.byStart[start] = append(r.byStart[start], []byte(pattern))
	r.longest = max(r.longest, len(pattern))
}

// forms lists what a secret looks like when terraform, a provider or an
// expression printed it.
func forms(secret string) []string {
	if len(secret) < shortestSecret {
		if len(secret) < shortestQuoted || !strings.ContainsAny(secret, "0123456789") {
			return nil
		}
		return []string{`"` + secret + `"`, `\"` + secret + `\"`} // also in a text that is quoted itself
	}
	out := []string{secret}
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); len(line) >= shortestLine {
			out = append(out, line)
		}
	}
	for _, plain := range slices.Clone(out) {
		html, _ := json.Marshal(plain) // a string always encodes
		var noHTML bytes.Buffer
		e := json.NewEncoder(&noHTML)
		e.SetEscapeHTML(false)
		_ = e.Encode(plain)
		quoted := noHTML.String()
		quoted = quoted[1 : len(quoted)-len("\"\n")]
		out = append(out,
			string(html[1:len(html)-1]), quoted,
			strings.NewReplacer("${", "$${", "%{", "%%{").Replace(quoted), // in HCL
			url.QueryEscape(plain), url.PathEscape(plain), percentEncoded(plain),
			hex.EncodeToString([]byte(plain)), strings.ToUpper(hex.EncodeToString([]byte(plain))),
		)
		out = append(out, base64Forms([]byte(plain))...)
	}
	return out
}

// percentEncoded escapes as RFC 3986 has it, which is what Terraform's
// urlencode and most others do.
func percentEncoded(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// base64Forms lists how the secret looks inside of base64 text, whatever stands
// before and after it: the first and last characters depend on the neighbours
// and are left out.
func base64Forms(secret []byte) []string {
	var out []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString(append(make([]byte, before), secret...))
			first := (before*8 + 5) / 6 // characters that hold bits of what stands before
			last := (before + len(secret)) * 8 / 6
			if first < last {
				out = append(out, text[first:last])
			}
		}
	}
	return out
}

// String replaces secrets in a whole text.
func (r *redactor) String(s string) string {
	var b strings.Builder
	w := r.Writer(&b)
	_, _ = w.Write([]byte(s)) // a Builder takes everything
	_ = w.Close()
	return b.String()
}

// Writer returns a writer that passes on to w what it gets, with secrets
// replaced wherever the writes split them. Close passes on the rest; it does
// not close w.
func (r *redactor) Writer(w io.Writer) io.WriteCloser {
	return &redactingWriter{r: r, to: w}
}

type redactingWriter struct {
	r    *redactor
	to   io.Writer
	held []byte // not passed on yet: a secret may begin in it
	hide int    // bytes at the beginning of held that belong to a secret
}

func (w *redactingWriter) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	if err := w.pass(min(len(w.held), len(w.held)-w.r.longest+1)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *redactingWriter) Close() error { return w.pass(len(w.held)) }

// sure passes on everything that no secret begins in, however the text goes on.
func (w *redactingWriter) sure() error {
	end := 0
	for end < len(w.held) && !w.r.mayBegin(w.held[end:]) {
		end++
	}
	return w.pass(end)
}

// pass looks at every place before end and passes on what is before it. Places
// inside of a found secret are looked at, too, because secrets may overlap.
func (w *redactingWriter) pass(end int) error {
	if end <= 0 {
		return nil
	}
	out := make([]byte, 0, end)
	hidden := w.hide // everything before is part of a secret
	for at := 0; at < end; at++ {
		if at >= hidden { // pass on in one piece what no secret can begin in
			n := at
			for n < end && !w.r.first[w.held[n]] {
				n++
			}
			out = append(out, w.held[at:n]...)
			if at = n; at == end {
				break
			}
		}
		if n := w.r.longestAt(w.held[at:]); n > 0 {
			if at >= hidden {
				out = append(out, Redacted...)
			}
			hidden = max(hidden, at+n)
		}
		if at >= hidden {
			out = append(out, w.held[at])
		}
	}
	w.held = append(w.held[:0], w.held[end:]...)
	w.hide = max(hidden-end, 0)
	_, err := w.to.Write(out)
	return err
}

// mayBegin reports whether p is the beginning of a secret that goes on.
func (r *redactor) mayBegin(p []byte) bool {
	if !r.first[p[0]] {
		return false
	}
	for _, patterns := range r.byStart {
		for _, pattern := range patterns {
			if len(pattern) > len(p) && bytes.HasPrefix(pattern, p) {
				return true
			}
		}
	}
	return false
}

// longestAt is the length of the longest secret that p begins with, or 0.
func (r *redactor) longestAt(p []byte) int {
	if len(p) < shortestSecret || !r.first[p[0]] {
		return 0
	}
	for _, pattern := range r.byStart[[3]byte(p)] {
		if bytes.HasPrefix(p, pattern) {
			return len(pattern)
		}
	}
	return 0
}
