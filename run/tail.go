package run

import (
	"context"
	"strings"
	"time"
)

// Tailer is an engine that can show what a job has printed while it runs.
type Tailer interface {
	// Tail gives the end of what the job has printed so far, as LastLines cuts it,
	// with secrets replaced; empty when there is nothing, or nothing to be found.
	// It is untrusted text. It changes nothing.
	Tail(ctx context.Context, doc JobDocument) (string, error)
}

// Bounds of what is shown of a job while it runs.
const (
	liveLines = 20
	liveBytes = 4000
)

// LastLines is the end of a text as people see it while a job runs: at most 20
// lines and 4000 bytes, cut between lines where that is possible.
func LastLines(text string) string {
	text = strings.TrimRight(text, "\n")
	if from := len(text) - liveBytes; from > 0 {
		text = strings.ToValidUTF8(text[from:], "")
		if _, rest, found := strings.Cut(text, "\n"); found {
			text = rest
		}
	}
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-liveLines):], "\n")
}

// Lines is what a job has printed, and since when nothing else was seen.
type Lines struct {
	Text string
	At   time.Time
}
