package summary

import (
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// list compares what is a list on both sides element by element. The plan does
// not say what is a set: elements that are equal belong together wherever they
// stand, and what only moves is shown in one line. Lists that fit in a line are
// shown as a whole.
func (d *differ) list(at location, n node) bool {
	before, ok1 := n.before.([]any)
	after, ok2 := n.after.([]any)
	if !ok1 || !ok2 || d.inOneLine(n) {
		return false
	}
	pairs := match(before, after, n.unknown)
	var elsewhere []pair
	for _, p := range pairs {
		if p.moved {
			elsewhere = append(elsewhere, p)
		}
	}
	if len(elsewhere) > 0 {
		var all strings.Builder
		for _, p := range elsewhere {
			all.WriteString(moved([]pair{p}))
		}
		d.add(at, run.Attribute{Note: moved(elsewhere)}, all.String())
	}
	for _, p := range pairs {
		d.pair(at.index(p.before, p.after), n.element(p.before, p.after))
	}
	return true
}

// pair compares two elements that belong together, and names the one that
// changes where it has a name.
func (d *differ) pair(at location, n node) {
	known := len(d.out)
	d.walk(at, n)
	name := d.render.name(n)
	if len(d.out) == known || name == "" || len(d.at[known].after) == len(at.after) {
		return
	}
	context := run.Attribute{Path: cut(d.render.path(at.after), maxPath), Note: name}
	d.out = slices.Insert(d.out, known, context)
	d.at = slices.Insert(d.at, known, location{}) // forces nothing by itself
}

// name is what an object is known by, where that stays the same.
func (r renderer) name(n node) string {
	for _, k := range []string{"name", "id", "key", "Sid", "sid"} {
		c := n.key(k)
		if s, ok := c.before.(string); ok && s != "" && c.before == c.after && !c.masked() && len(s) <= maxPath {
			return k + " = " + quote(r.text(s))
		}
	}
	return ""
}

// inOneLine reports that both sides of a list are short and plain.
func (d *differ) inOneLine(n node) bool {
	_, one := d.render.inline(n.before, n.beforeSensitive, nil)
	_, other := d.render.inline(n.after, n.afterSensitive, n.unknown)
	return one && other
}
