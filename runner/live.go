package runner

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// liveEvery is how many looks of watch lie between two looks at what terraform
// printed. Steps that are over before the first one, which are most, show nothing
// while they run.
const liveEvery = 4

// Bounds of what is passed on at one look: the last lines, in bytes each.
const (
	liveLines = 20
	liveLine  = 500
)

// live passes on, to what the runner itself prints, what people may see of a
// step before it has ended: whole lines of its output as plain text, without the
// secrets that are known by now. Where a secret may just begin it waits.
type live struct {
	to    io.Writer
	step  string
	file  string
	at    int64 // how far the file was read
	shown bool  // that there is such a step
	lines *lineKeeper
	mask  *redactingWriter
	text  *plainText
}

func (j *job) liveOf(step string) *live {
	l := &live{to: j.live, step: step, file: j.path(printedFile), at: j.before[0], lines: &lineKeeper{may: shownWhileRunning(step)}}
	l.mask = &redactingWriter{r: j.secrets, to: l.lines}
	l.text = &plainText{to: l.mask}
	return l
}

// shownWhileRunning tells which lines of a step may be seen before it has ended.
// What plan prints may hold values that only its JSON marks as sensitive, which
// is not there yet, and what show prints is that JSON.
func shownWhileRunning(step string) func(line string) (shown string, ok bool) {
	switch step {
	case "init", "apply":
		return func(line string) (string, bool) { return line, true }
	case "plan":
		return progress
	}
	return func(string) (string, bool) { return "", false }
}

// pass passes on what the step printed since the last time.
func (l *live) pass() error {
	if l.to == nil {
		return nil
	}
	if !l.shown {
		l.shown = true
		if _, err := fmt.Fprintf(l.to, "$ terraform %s\n", l.step); err != nil {
			return err
		}
	}
	f, err := os.Open(l.file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	n, err := io.Copy(l.text, io.NewSectionReader(f, l.at, maxOutput))
	l.at += n
	if err != nil {
		return err
	}
	if err := l.mask.sure(); err != nil {
		return err
	}
	return l.lines.flush(l.to)
}

// end passes on the rest of a step that was shown. What may be the beginning of
// a secret, or of a line, stays out: a process that was killed ends anywhere.
func (l *live) end() error {
	if !l.shown {
		return nil
	}
	return l.pass()
}

// lineKeeper keeps the last whole lines that may be seen.
type lineKeeper struct {
	may  func(line string) (shown string, ok bool)
	kept []string
	part []byte // the beginning of a line
	long bool   // there was more of that line
	lost bool   // there were more lines
}

// Write implements io.Writer.
func (k *lineKeeper) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		text, whole := bytes.CutSuffix(line, []byte("\n"))
		room := max(0, liveLine-len(k.part))
		k.long = k.long || len(text) > room
		k.part = append(k.part, text[:min(len(text), room)]...)
		if whole {
			k.keep()
		}
	}
	return len(p), nil
}

// keep ends a line.
func (k *lineKeeper) keep() {
	line := strings.ToValidUTF8(string(k.part), "\uFFFD")
	if k.long {
		line += "…"
	}
	k.part, k.long = k.part[:0], false
	line, ok := k.may(line)
	if !ok {
		return
	}
	if len(k.kept) == liveLines {
		k.kept, k.lost = slices.Delete(k.kept, 0, 1), true
	}
	k.kept = append(k.kept, line)
}

// flush writes what was kept, in one piece.
func (k *lineKeeper) flush(to io.Writer) error {
	if len(k.kept) == 0 {
		return nil
	}
	if k.lost {
		k.kept = slices.Insert(k.kept, 0, "…")
	}
	text := strings.Join(k.kept, "\n") + "\n"
	k.kept, k.lost = k.kept[:0], false
	_, err := io.WriteString(to, text)
	return err
}

// progressOf is what Terraform and OpenTofu say about a resource while they plan
// (internal/command/views/hook_ui.go of either).
var progressOf = []string{
	"Refreshing state...", "Preparing import...", "Reading...", "Still reading...", "Read complete after",
	"Opening...", "Still opening...", "Opening complete after", "Closing...", "Closing complete after",
}

// progress knows lines that say how far a plan is, and takes ids out of them:
// nothing else of a plan is certain to hold no value.
func progress(line string) (string, bool) {
	line, _, _ = strings.Cut(line, " [id=")
	i := strings.LastIndex(line, ": ")
	if i < 0 {
		return "", false
	}
	resource, _, _ := strings.Cut(line[:i], "[") // keys may hold anything, but nothing sensitive
	if !isName(resource, ".-") {
		return "", false
	}
	for _, word := range progressOf {
		if since, ok := strings.CutPrefix(line[i+2:], word); ok && strings.Trim(since, " []0123456789hmselapd") == "" {
			return line, true
		}
	}
	return "", false
}
