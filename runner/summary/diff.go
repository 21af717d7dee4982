package summary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/lockkeeper/lockkeeper/run"
)

// node is one value on both sides of a change with what Terraform says about
// it. beforeSensitive, afterSensitive and unknown have the shape of the value,
// with true in place of whatever they apply to.
type node struct {
	before, after                   any
	beforeSensitive, afterSensitive any
	unknown                         any
}

func decode(c change) (node, error) {
	var n node
	for _, part := range []struct {
		from value
		to   *any
	}{
		{c.Before, &n.before},
		{c.After, &n.after},
		{c.BeforeSensitive, &n.beforeSensitive},
		{c.AfterSensitive, &n.afterSensitive},
		{c.AfterUnknown, &n.unknown},
	} {
		if len(part.from) == 0 {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(part.from))
		d.UseNumber() // a 64-bit id must not lose digits
		if err := d.Decode(part.to); err != nil {
			return node{}, err
		}
	}
	return n, nil
}

func (p *projector) diff(c change) ([]run.Attribute, error) {
	n, err := decode(c)
	if err != nil {
		return nil, err
	}
	d := differ{render: renderer{p.text}, replace: c.ReplacePaths}
	d.walk(nil, n)
	return d.out, nil
}

// differ collects the changed attributes of one resource.
type differ struct {
	render  renderer
	replace [][]any
	out     []run.Attribute
}

// walk goes down to the smallest parts that differ and can be told by path, in
// the order of their names.
func (d *differ) walk(at []any, n node) {
	masked := isTrue(n.beforeSensitive) || isTrue(n.afterSensitive)
	if n.same() {
		return
	}
	if !masked && !isTrue(n.unknown) {
		if keys, ok := n.keys(len(at) == 0); ok {
			for _, k := range keys {
				d.walk(append(slices.Clone(at), k), n.key(k))
			}
			return
		}
		if size, ok := n.length(); ok {
			for i := range size {
				d.walk(append(slices.Clone(at), json.Number(strconv.Itoa(i))), n.index(i))
			}
			return
		}
	}
	a := run.Attribute{Path: d.render.path(at), ForcesReplace: d.forces(at)}
	a.Before, a.After = d.render.pair(n)
	d.out = append(d.out, a)
}

// same reports that nothing changes here, as far as one can know.
func (n node) same() bool {
	return reflect.DeepEqual(n.before, n.after) && !anyTrue(n.unknown)
}

// keys lists the keys of an object that can be told apart key by key: it is
// there on both sides, or is the resource itself.
func (n node) keys(top bool) ([]string, bool) {
	before, ok1 := n.before.(map[string]any)
	after, ok2 := n.after.(map[string]any)
	unknown, ok3 := n.unknown.(map[string]any)
	one := ok1 && n.after == nil || ok2 && n.before == nil || n.before == nil && n.after == nil && ok3
	if !(ok1 && ok2 || top && one) {
		return nil, false
	}
	all := map[string]bool{}
	for _, side := range []map[string]any{before, after, unknown} {
		for k := range side {
			all[k] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), true
}

func (n node) key(k string) node {
	return node{
		before: child(n.before, k), after: child(n.after, k),
		beforeSensitive: child(n.beforeSensitive, k), afterSensitive: child(n.afterSensitive, k),
		unknown: child(n.unknown, k),
	}
}

// length is that of a list of objects or lists that has the same length on both
// sides. Other lists are told as a whole: by index, one inserted element would
// look as if everything after it changed.
func (n node) length() (int, bool) {
	before, ok1 := n.before.([]any)
	after, ok2 := n.after.([]any)
	if !ok1 || !ok2 || len(before) != len(after) || len(before) == 0 {
		return 0, false
	}
	for _, v := range before {
		switch v.(type) {
		case map[string]any, []any:
		default:
			return 0, false
		}
	}
	return len(before), true
}

func (n node) index(i int) node {
	return node{
		before: element(n.before, i), after: element(n.after, i),
		beforeSensitive: element(n.beforeSensitive, i), afterSensitive: element(n.afterSensitive, i),
		unknown: element(n.unknown, i),
	}
}

// child is one attribute of a value or of a mark, which is false or a tree.
func child(v any, key string) any {
	m, _ := v.(map[string]any)
	return m[key]
}

func element(v any, i int) any {
	l, _ := v.([]any)
	if i >= len(l) {
		return nil
	}
	return l[i]
}

func isTrue(mark any) bool { return mark == true }

// anyTrue reports a mark anywhere in a tree of them.
func anyTrue(mark any) bool {
	switch mark := mark.(type) {
	case bool:
		return mark
	case map[string]any:
		for _, m := range mark {
			if anyTrue(m) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(mark, anyTrue)
	}
	return false
}

// forces reports that a path which makes Terraform replace the resource is
// this one, inside it, or around it.
func (d *differ) forces(at []any) bool {
	return slices.ContainsFunc(d.replace, func(p []any) bool {
		for i := range min(len(p), len(at)) {
			if fmt.Sprint(p[i]) != fmt.Sprint(at[i]) {
				return false
			}
		}
		return true
	})
}

// path writes a path as Terraform does: tags["a b"], ingress[0].port.
func (r renderer) path(at []any) string {
	var b bytes.Buffer
	for i, step := range at {
		switch step := step.(type) {
		case json.Number:
			fmt.Fprintf(&b, "[%s]", step)
		case string:
			step = r.text(step)
			switch {
			case !identifier(step):
				fmt.Fprintf(&b, "[%s]", quote(step))
			case i == 0:
				b.WriteString(step)
			default:
				b.WriteString("." + step)
			}
		}
	}
	return b.String()
}
