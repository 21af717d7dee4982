package summary

import (
	"encoding/json"
	"reflect"
)

// parts is what an element of a list is known by: the plain values in it, with
// the path to each, and how often each is there.
type parts struct {
	kind   reflect.Type
	counts map[string]int
	n      int
}

// partsOf leaves out what says little: nulls, false, empty texts and lists.
func partsOf(v any) parts {
	p := parts{kind: reflect.TypeOf(v), counts: map[string]int{}}
	switch v.(type) {
	case map[string]any, []any:
		p.add("", v)
	}
	return p
}

func (p *parts) add(path string, v any) {
	switch v := v.(type) {
	case map[string]any, []any:
		each(v, nil, path, func(part, _ any, path string) { p.add(path, part) })
	default:
		if v != nil && v != false && v != "" {
			p.counts[path+" "+canonical(v)]++
			p.n++
		}
	}
}

// similarity is the share of parts that are equal, from 0 to 1. Plain values
// are equal or not similar at all.
func (p parts) similarity(o parts) float64 {
	if p.kind != o.kind || p.n == 0 || o.n == 0 {
		return 0
	}
	equal := 0
	for part, n := range p.counts {
		equal += min(n, o.counts[part])
	}
	return 2 * float64(equal) / float64(p.n+o.n)
}

// sameKind reports that two values are both objects, both lists, or both plain.
func sameKind(a, b any) bool {
	kind := func(v any) int {
		switch v.(type) {
		case map[string]any:
			return 1
		case []any:
			return 2
		}
		return 0
	}
	return kind(a) == kind(b)
}

// canonical is the same text for equal values.
func canonical(v any) string {
	content, _ := json.Marshal(v) // what was decoded can be encoded
	return string(content)
}
