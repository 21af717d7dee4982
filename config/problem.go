package config

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// Problem is one mistake in the file.
type Problem = yamlfile.Problem

// Problems is every mistake of the file at once.
type Problems = yamlfile.Problems

// limits are far above what people write; the file is the operator's own.
var limits = yamlfile.Limits{Bytes: maxFileBytes, Items: 100_000, LineBytes: 64 << 10, Depth: 32, Keys: 5_000}

// units are how numbers with a unit are written.
var units = map[reflect.Type]yamlfile.Unit{
	reflect.TypeFor[Size](): {Want: "a size in KiB, MiB or GiB such as 50MiB", Parse: func(text string) (int64, error) {
		size, err := parseSize(text)
		return int64(size), err
	}},
	reflect.TypeFor[Period](): {Want: "a time in hours or minutes such as 72h, or never", Parse: func(text string) (int64, error) {
		period, err := parsePeriod(text)
		return int64(period), err
	}},
	reflect.TypeFor[time.Duration](): {Want: "a time in hours, minutes or seconds such as 30m", Parse: func(text string) (int64, error) {
		duration, err := time.ParseDuration(text)
		return int64(duration), err
	}},
}

// read fills in what the file says and notes what is wrong with its form.
func read(name string, text []byte, into *Config) *yamlfile.Reader {
	r := yamlfile.New(name, limits)
	r.Defaults = true
	if body := r.Root(text); body != nil {
		r.Struct(body, into, units)
	}
	return r
}

// sorted orders problems as a person goes through the file.
func sorted(ps Problems) Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(a.Line-b.Line, strings.Compare(a.Key, b.Key))
	})
	return ps
}
