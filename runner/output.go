package runner

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is kept of terraform's output, in bytes. Of a longer output
// the beginning and the end stay.
const (
	outputHead = 8 << 20
	outputTail = 1 << 20
	maxDetail  = 16 << 10
)

// readable makes output.txt: what each step printed, as plain text without
// secrets, bounded.
func (j *job) readable() ([]byte, error) {
	kept := &endsOf{head: outputHead, tail: outputTail}
	if j.recalled {
		fmt.Fprint(kept, "# no terraform init: backend, modules and providers are those of an earlier plan\n\n")
	}
	for _, step := range j.steps {
		fmt.Fprintf(kept, "$ terraform %s\n", step.Name)
		for _, p := range j.printed(step.Name) {
			if err := j.clean(kept, p); err != nil {
				return nil, err
			}
		}
		fmt.Fprintln(kept)
	}
	return bytes.ToValidUTF8(kept.Bytes(), []byte("\uFFFD")), nil
}

// printed is what a step printed for people. What show prints
// is the plan's JSON, with its secrets, and what state prints is the state. What plan prints on its output may hold
// values that only the JSON marks as sensitive, so without the JSON it is left
// out; errors are in the other file.
func (j *job) printed(step string) []part {
	wrote := j.wrote[step]
	if step == "show" || step == "state" || step == "plan" && !j.masked {
		return wrote[1:]
	}
	return wrote[:]
}

// clean copies what a step wrote to one file through the filters.
func (j *job) clean(to io.Writer, p part) error {
	if p.from == p.to {
		return nil
	}
	f, err := os.Open(j.path(p.file))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	redacting := j.secrets.Writer(to)
	if _, err := io.Copy(&plainText{to: redacting}, io.NewSectionReader(f, p.from, p.to-p.from)); err != nil {
		return err
	}
	return redacting.Close()
}

// beginningOf is the beginning of what a step wrote to one file.
func (j *job) beginningOf(p part) string {
	kept := &endsOf{head: maxDetail, tail: 1}
	if err := j.clean(kept, p); err != nil {
		return err.Error() // not nothing
	}
	return string(kept.Bytes())
}

// lastWords is the end of what terraform printed in an apply.
func (j *job) lastWords() string {
	kept := &endsOf{tail: maxDetail / 4}
	for _, p := range j.printed("apply") {
		if err := j.clean(kept, p); err != nil {
			return ""
		}
	}
	return strings.TrimSpace(string(bytes.ToValidUTF8(kept.Bytes(), []byte("\uFFFD"))))
}

// detail is the part of a step's output that says what went wrong.
func (j *job) detail(step string) string {
	for _, p := range slices.Backward(j.printed(step)) {
		kept := &endsOf{head: 1 << 20, tail: maxDetail}
		if err := j.clean(kept, p); err != nil {
			return ""
		}
		if text := relevant(string(bytes.ToValidUTF8(kept.Bytes(), []byte("\uFFFD")))); text != "" {
			return text
		}
	}
	return ""
}

// problemsDuringInit begins what terraform prints before the mistakes in a configuration
// that it cannot read.
const problemsDuringInit = "Error: Terraform encountered problems during initialisation"

// relevant begins at terraform's first error and has at most maxDetail bytes.
func relevant(text string) string {
	if i := strings.Index("\n"+text, "\nError: "); i > 0 {
		text = text[i:]
	}
	if first, rest, more := strings.Cut(text, "\nError: "); more && strings.HasPrefix(first, problemsDuringInit) {
		text = "Error: " + rest // the first one only says that there are others
	}
	text = strings.TrimSpace(text)
	if len(text) <= maxDetail {
		return text
	}
	const more = "\n… (cut here; output.txt has the rest)"
	end := maxDetail - len(more)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// warnings lists the titles of terraform's warnings in what a step printed.
func warnings(output []byte) []string {
	const most = 20
	var out []string
	seen := map[string]bool{}
	for line := range bytes.Lines(output) {
		title, ok := strings.CutPrefix(string(bytes.TrimSpace(line)), "Warning: ")
		if ok && line[0] == 'W' && !seen[title] && len(out) < most {
			seen[title] = true
			out = append(out, title)
		}
	}
	return out
}

// endsOf keeps the first head and the last tail bytes of what is written.
type endsOf struct {
	head, tail int

	first []byte
	last  []byte // of what came after first; up to twice tail bytes
	lost  int64
}

// Write implements io.Writer.
func (e *endsOf) Write(p []byte) (int, error) {
	n := min(len(p), e.head-len(e.first))
	e.first = append(e.first, p[:n]...)
	e.last = append(e.last, p[n:]...)
	if len(e.last) > 2*e.tail {
		drop := len(e.last) - e.tail
		e.lost += int64(drop)
		e.last = append(e.last[:0], e.last[drop:]...)
	}
	return len(p), nil
}

// Bytes is what was kept, with a note where something is missing.
func (e *endsOf) Bytes() []byte {
	if e.lost == 0 {
		return append(bytes.Clone(e.first), e.last...)
	}
	note := fmt.Sprintf("\n… %d bytes left out here …\n", e.lost)
	return append(append(bytes.Clone(e.first), note...), e.last...)
}
