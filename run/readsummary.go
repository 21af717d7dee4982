package run

import (
	"encoding/json"
	"fmt"
	"io"
)

// MaxSummaryBytes bounds what is read of a summary, far above what a runner writes.
const MaxSummaryBytes = 64 << 20

// ReadSummary reads the summary of a plan to its end, where the digest is checked.
func ReadSummary(r io.Reader) (s Summary, err error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxSummaryBytes+1))
	if err == nil && len(text) > MaxSummaryBytes {
		err = fmt.Errorf("it has more than %d MiB", MaxSummaryBytes>>20)
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return Summary{}, fmt.Errorf("reading a plan's summary: %w", err)
	}
	return s, nil
}
