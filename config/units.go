package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"
)

// Size is a number of bytes, written like 50MiB.
type Size int64

var sizePattern = regexp.MustCompile(`^([1-9][0-9]{0,11})(B|KiB|MiB|GiB)$`)

func parseSize(text string) (Size, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("reading size %q: want a number with B, KiB, MiB or GiB", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading size %q: %w", text, err)
	}
	unit := map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[m[2]]
	if n > math.MaxInt64/unit {
		return 0, fmt.Errorf("reading size %q: too large", text)
	}
	return Size(n * unit), nil
}

// Period is a length of time, or never, which is 0.
type Period time.Duration

func parsePeriod(text string) (Period, error) {
	if text == "never" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("reading time %q: want a time such as 72h, or never", text)
	}
	return Period(d), nil
}
