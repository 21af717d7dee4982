package summary

import (
	"bytes"
	"encoding/json"
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
	gone, added                     bool // not there after, not there before: more than null
	kept                            bool // there on both sides, if only as null
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

// diff lists what changes at root, and the digest of all of it.
func (p *projector) diff(root location, c change) ([]run.Attribute, string, error) {
	n, err := decode(c)
	if err != nil {
		return nil, "", err
	}
	d := newDiffer(renderer{p.text}, c.ReplacePaths)
	d.walk(root, n.withMarksShared())
	d.finish()
	return d.out, d.sum(), nil
}

// maxDepth is how far down values are compared part by part. What lies deeper
// is compared as a whole.
const maxDepth = 32

// walk goes down to the smallest parts that differ and can be named by path, in
// the order of their names.
func (d *differ) walk(at location, n node) {
	if n.same() {
		d.marking(at, n)
		return
	}
	if !n.masked() && !isTrue(n.unknown) && len(at.after) < maxDepth && (d.object(at, n) || d.list(at, n) || d.text(at, n)) {
		return
	}
	d.value(at, n)
}

// same reports that nothing changes here, as far as one can know.
func (n node) same() bool {
	return reflect.DeepEqual(n.before, n.after) && n.gone == n.added && !anyTrue(n.unknown)
}

// masked reports that both sides are secret: the value is the same secret
// whether or not one side says so.
func (n node) masked() bool { return isTrue(n.beforeSensitive) || isTrue(n.afterSensitive) }

// object compares key by key what is an object on both sides, or is the
// resource itself.
func (d *differ) object(at location, n node) bool {
	keys, ok := n.keys(len(at.after) == 0)
	if !ok {
		return false
	}
	for _, k := range keys {
		child := n.key(k)
		if len(at.after) == 0 {
			child.gone, child.added, child.kept = false, false, false // a schema's attributes are always there
		}
		d.walk(at.key(k), child)
	}
	return true
}

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
	before, _ := n.before.(map[string]any)
	after, _ := n.after.(map[string]any)
	_, was := before[k]
	_, is := after[k]
	unknown := child(n.unknown, k)
	return node{
		before: before[k], after: after[k],
		beforeSensitive: child(n.beforeSensitive, k), afterSensitive: child(n.afterSensitive, k),
		unknown: unknown,
		gone:    !is && !anyTrue(unknown), added: !was, kept: was && is,
	}
}

// element is the before's i-th and the after's j-th element, either of which
// may be -1 for none.
func (n node) element(i, j int) node {
	return node{
		before: element(n.before, i), after: element(n.after, j),
		beforeSensitive: element(n.beforeSensitive, i), afterSensitive: element(n.afterSensitive, j),
		unknown: element(n.unknown, j),
		gone:    j < 0, added: i < 0, kept: i >= 0 && j >= 0,
	}
}

// text compares two strings: JSON documents by their parts, and others by their
// lines where there are several.
func (d *differ) text(at location, n node) bool {
	before, ok1 := n.before.(string)
	after, ok2 := n.after.(string)
	if !ok1 || !ok2 {
		return false
	}
	before, after = d.render.text(before), d.render.text(after)
	if before == after { // only what is redacted differs
		d.add(at, run.Attribute{Before: sensitive, After: sensitive}, "")
		return true
	}
	a, ok1 := jsonDocument(before)
	b, ok2 := jsonDocument(after)
	switch {
	case ok1 && ok2 && reflect.DeepEqual(a, b):
		d.add(at, run.Attribute{Note: "the same JSON value, written in another way"}, after)
	case ok1 && ok2 && reflect.TypeOf(a) == reflect.TypeOf(b):
		d.walk(at.document(), node{before: a, after: b})
	case !ok1 && !ok2 && (severalLines(before) || severalLines(after)):
		lines, whole := changedLines(before, after)
		d.add(at, run.Attribute{Lines: lines}, whole)
	default:
		return false
	}
	return true
}

// marking tells that a value which stays the same becomes a secret or stops
// being one, which is a change to Terraform.
func (d *differ) marking(at location, n node) {
	if n.before == nil || n.after == nil {
		return
	}
	was, is := isTrue(n.beforeSensitive), isTrue(n.afterSensitive)
	switch {
	case was && is:
	case is:
		d.add(at, run.Attribute{Note: "becomes sensitive, the value stays the same"}, "")
	case was:
		d.add(at, run.Attribute{Note: "is no longer sensitive, the value stays the same"}, "")
	case !anyTrue(n.beforeSensitive) && !anyTrue(n.afterSensitive) || len(at.after) >= maxDepth:
	default:
		switch v := n.before.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				d.marking(at.key(k), n.key(k))
			}
		case []any:
			for i := range v {
				d.marking(at.index(i, i), n.element(i, i))
			}
		}
	}
}

func (d *differ) value(at location, n node) {
	before, after := d.render.pair(n)
	d.add(at, run.Attribute{Before: before.shown, After: after.shown}, before.whole+"\n"+after.whole)
}

// child is one attribute of a value or of a mark, which is false or a tree.
func child(v any, key string) any {
	m, _ := v.(map[string]any)
	return m[key]
}

func element(v any, i int) any {
	l, _ := v.([]any)
	if i < 0 || i >= len(l) {
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

func number(i int) json.Number { return json.Number(strconv.Itoa(i)) }
