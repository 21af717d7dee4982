package project

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// The placeholders of discover, in the order in which they make a name.
var placeholders = []string{"name", "workspace", "environment"}

var (
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
	pieces      = regexp.MustCompile(`\{[^{}]*\}|[*?]|[^{}*?]+`)
)

// bound is what placeholders stand for.
type bound map[string]string

// pattern is a path with *, **, ? and placeholders, each of which stands for a part of one directory's name.
type pattern struct {
	text  string
	form  *regexp.Regexp
	holds []string // placeholders, in their order
}

// newPattern compiles a checked pattern.
func newPattern(text string) pattern {
	p := pattern{text: text}
	var b strings.Builder
	parts := slices.CompactFunc(strings.Split(text, "/"), func(a, b string) bool { return a == "**" && b == "**" }) // two say no more than one
	for i, part := range parts {
		switch {
		case part == "**" && i == 0:
			b.WriteString(`(?:[^/]+(?:/|$))*`) // with the slash that follows
			continue
		case part == "**":
			b.WriteString(`(?:/[^/]+)*`)
			continue
		case i > 0 && !strings.HasSuffix(b.String(), `(?:/|$))*`):
			b.WriteString("/")
		}
		b.WriteString(p.part(part))
	}
	p.form = regexp.MustCompile(`^` + b.String() + `$`)
	return p
}

// part compiles one directory's name and notes its placeholders.
func (p *pattern) part(text string) string {
	var b strings.Builder
	for _, piece := range pieces.FindAllString(text, -1) {
		switch {
		case piece == "*":
			b.WriteString(`[^/]*`)
		case piece == "?":
			b.WriteString(`[^/]`)
		case piece[0] == '{':
			b.WriteString(`([^/]+)`)
			p.holds = append(p.holds, strings.Trim(piece, "{}"))
		default:
			b.WriteString(regexp.QuoteMeta(piece))
		}
	}
	return b.String()
}

// match binds the placeholders. ok is false when the path is another one.
func (p pattern) match(path string) (b bound, ok bool) {
	found := p.form.FindStringSubmatch(path)
	if found == nil {
		return nil, false
	}
	b = make(bound, len(p.holds))
	for i, name := range p.holds {
		b[name] = found[i+1]
	}
	return b, true
}

// names tells that a part of the path is written down in the pattern as it is.
func (p pattern) names(part string) bool { return slices.Contains(strings.Split(p.text, "/"), part) }

// with joins two findings. ok is false when a placeholder would stand for two things.
func (b bound) with(more bound) (joined bound, ok bool) {
	joined = make(bound, len(b)+len(more))
	for name, value := range b {
		joined[name] = value
	}
	for name, value := range more {
		if other, known := joined[name]; known && other != value {
			return nil, false
		}
		joined[name] = value
	}
	return joined, true
}

// fill writes what the placeholders of a text stand for.
func (b bound) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(hold string) string {
		if value, known := b[strings.Trim(hold, "{}")]; known {
			return value
		}
		return hold
	})
}

// held returns the placeholders of a text.
func held(text string) []string {
	var names []string
	for _, hold := range placeholder.FindAllString(text, -1) {
		names = append(names, strings.Trim(hold, "{}"))
	}
	return names
}

// checkHolds says what is wrong with the placeholders of a text.
func checkHolds(v string) string {
	for _, name := range held(v) {
		if !slices.Contains(placeholders, name) {
			return fmt.Sprintf("has the placeholder {%s}; there are {%s}", yamlfile.Clip(name), strings.Join(placeholders, "}, {"))
		}
	}
	if strings.ContainsAny(placeholder.ReplaceAllString(v, ""), "{}") {
		return "has a { or } that is no placeholder"
	}
	return ""
}

// checkPattern accepts a path from the repository's root with *, **, ? and placeholders.
func checkPattern(v string) string {
	if wrong := checkHolds(v); wrong != "" {
		return wrong
	}
	plain := strings.NewReplacer("*", "x", "?", "x").Replace(placeholder.ReplaceAllString(v, "x"))
	names := held(v)
	slices.Sort(names)
	switch {
	case v == "" || len(v) > maxGlobBytes:
		return "is empty or too long for a pattern"
	case checkDir(plain) != "":
		return checkDir(plain)
	case cleanDir(plain) != plain:
		return "is no clean path; leave out ./ and a / at the end"
	case strings.ContainsAny(v, "[]"):
		return "must not contain [ or ]; there are *, ** and ?"
	case strings.Count(v, "**") > 4:
		return "is too complicated; use at most four **"
	case len(slices.Compact(names)) < len(held(v)):
		return "has a placeholder twice"
	}
	for part := range strings.SplitSeq(v, "/") {
		if strings.Contains(part, "**") && part != "**" {
			return "has ** beside other characters; it stands for whole directories"
		}
	}
	return ""
}

// checkExclude accepts a pattern without placeholders.
func checkExclude(v string) string {
	if strings.ContainsAny(v, "{}") {
		return "must not contain { or }; there are *, ** and ?"
	}
	return checkPattern(v)
}

// excluded tells that a pattern takes the directory out, or one that it is in.
func excluded(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		for end := range len(dir) + 1 {
			if (end == len(dir) || dir[end] == '/') && globs(pattern, dir[:end]) {
				return true
			}
		}
		return false
	})
}

// globs is how exclude compares.
func globs(pattern, dir string) bool { return doublestar.MatchUnvalidated(pattern, dir) }
