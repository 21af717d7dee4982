package summary

import "reflect"

// withMarksShared marks what Terraform marks as sensitive on one side only on
// both, as far as it is the same value: elements of lists are matched by what
// they hold, so the mark must follow the value and not the index.
func (n node) withMarksShared() node {
	n.beforeSensitive, n.afterSensitive = share(n.before, n.beforeSensitive, n.after, n.afterSensitive)
	return n
}

func share(b, mb, a, ma any) (any, any) {
	if b == nil || a == nil || !anyTrue(mb) && !anyTrue(ma) || reflect.DeepEqual(b, a) {
		return mb, ma
	}
	if isTrue(mb) || isTrue(ma) {
		return true, true
	}
	switch before := b.(type) {
	case map[string]any:
		if after, ok := a.(map[string]any); ok {
			return shareObjects(before, mb, after, ma)
		}
	case []any:
		if after, ok := a.([]any); ok {
			return shareLists(before, mb, after, ma)
		}
	}
	return true, true // a value of another kind, with a secret in it
}

func shareObjects(b map[string]any, mb any, a map[string]any, ma any) (any, any) {
	before, after := map[string]any{}, map[string]any{}
	for k := range b {
		before[k], after[k] = share(b[k], child(mb, k), a[k], child(ma, k))
	}
	for k := range a {
		if _, there := b[k]; !there {
			after[k] = child(ma, k)
		}
	}
	return before, after
}

// secrets are the marks of the elements of two lists, by the path inside of an
// element. 0 is before, 1 is after.
type secrets struct {
	marked [2]map[string]int          // how many values are marked at a path
	values map[string]map[string]bool // at a path, marked on either side
	open   [2]map[string]map[string]bool
}

// shareLists marks the values that are marked in an element of either list at
// the same path of all elements. Where one side has fewer marks, its values
// that the other side does not have in clear may be what was or gets marked.
func shareLists(b []any, mb any, a []any, ma any) (any, any) {
	s := secrets{values: map[string]map[string]bool{}}
	for side := range 2 {
		s.marked[side], s.open[side] = map[string]int{}, map[string]map[string]bool{}
	}
	s.collect(0, b, mb, "")
	s.collect(1, a, ma, "")
	s.look(0, b, mb, "")
	s.look(1, a, ma, "")
	return s.marks(0, b, mb, ""), s.marks(1, a, ma, "")
}

// each calls visit for the parts of a value.
func each(v, marks any, path string, visit func(part, marks any, path string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			visit(e, child(marks, k), path+"."+quote(k))
		}
	case []any:
		for i, e := range v {
			visit(e, element(marks, i), path+"[]")
		}
	}
}

func (s secrets) collect(side int, v, marks any, path string) {
	if isTrue(marks) {
		s.marked[side][path]++
		if s.values[path] == nil {
			s.values[path] = map[string]bool{}
		}
		s.values[path][canonical(v)] = true
		return
	}
	if anyTrue(marks) {
		each(v, marks, path, func(part, marks any, path string) { s.collect(side, part, marks, path) })
	}
}

// look finds the values in clear at paths where others are marked.
func (s secrets) look(side int, v, marks any, path string) {
	if isTrue(marks) {
		return
	}
	if s.values[path] != nil {
		if s.open[side][path] == nil {
			s.open[side][path] = map[string]bool{}
		}
		s.open[side][path][canonical(v)] = true
	}
	each(v, marks, path, func(part, marks any, path string) { s.look(side, part, marks, path) })
}

func (s secrets) marks(side int, v, marks any, path string) any {
	if isTrue(marks) || v != nil && s.secret(side, v, path) {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = s.marks(side, e, child(marks, k), path+"."+quote(k))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = s.marks(side, e, element(marks, i), path+"[]")
		}
		return out
	}
	return false
}

func (s secrets) secret(side int, v any, path string) bool {
	values := s.values[path]
	if values == nil {
		return false
	}
	t := canonical(v)
	return values[t] || s.marked[side][path] < s.marked[1-side][path] && !s.open[1-side][path][t]
}
