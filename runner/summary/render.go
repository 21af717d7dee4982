package summary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// What stands in the place of values that are not shown, in Terraform's words.
const (
	sensitive = "(sensitive value)"
	unknown   = "(known after apply)"
	null      = "null"
)

// Bounds of what is shown of one value, and of one path to it, in bytes.
const (
	maxValue = 4 << 10
	maxPath  = 300
	maxPlain = 400 // a text on one line
)

// renderer writes values in the way of HCL. text filters every string that
// comes from the plan.
type renderer struct{ text func(string) string }

// rendered is a value as it is shown, and in full.
type rendered struct{ shown, whole string }

// pair renders both sides of a change.
func (r renderer) pair(n node) (before, after rendered) {
	if b, a, ok := r.longTexts(n); ok {
		return b, a
	}
	before.whole, after.whole = r.side(n.before, n.beforeSensitive, nil), r.side(n.after, n.afterSensitive, n.unknown)
	if before.whole == "" && (n.kept || n.gone && !n.added) {
		before.whole = null
	}
	if after.whole == "" && (n.kept || n.added && !n.gone) {
		after.whole = null
	}
	if n.masked() || anyTrue(n.beforeSensitive) != anyTrue(n.afterSensitive) && n.before != nil && n.after != nil {
		for _, side := range []*rendered{&before, &after} {
			if side.whole != "" {
				side.whole = sensitive
			}
		}
	}
	before.shown, after.shown = cut(before.whole, maxValue), cut(after.whole, maxValue)
	if after.whole == unknown && strings.Contains(before.whole, "\n") {
		before.shown = hint(n.before)
	}
	return before, after
}

// longTexts shows of two long texts on one line the part that differs.
func (r renderer) longTexts(n node) (before, after rendered, ok bool) {
	b, ok1 := n.before.(string)
	a, ok2 := n.after.(string)
	if !ok1 || !ok2 || anyTrue(n.beforeSensitive) || anyTrue(n.afterSensitive) || anyTrue(n.unknown) {
		return before, after, false
	}
	b, a = r.text(b), r.text(a)
	if max(len(b), len(a)) <= maxPlain || severalLines(b) || severalLines(a) {
		return before, after, false
	}
	return rendered{part(b, a), b}, rendered{part(a, b), a}, true
}

func part(s, other string) string {
	from, to := window(s, other, maxPlain)
	shown := quote(s[from:to])
	if from > 0 {
		shown = "(" + count(from, "equal byte") + ") … " + shown
	}
	if to < len(s) {
		shown += " … (" + count(len(s)-to, "more byte") + ")"
	}
	return shown
}

// window is the part of a text, of about size bytes, that shows where it begins
// to differ from the other one.
func window(s, other string, size int) (from, to int) {
	const before = 40
	if len(s) <= size {
		return 0, len(s)
	}
	if other != "" {
		for from < len(s) && from < len(other) && s[from] == other[from] {
			from++
		}
	}
	if from -= before; from < before {
		from = 0
	}
	for from > 0 && !utf8.RuneStart(s[from]) {
		from--
	}
	for to = min(from+size, len(s)); to < len(s) && !utf8.RuneStart(s[to]); {
		to--
	}
	return from, to
}

// hint stands for a value of several lines whose new value is not known yet:
// there is nothing to compare it with.
func hint(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "{ " + count(len(v), "attribute") + " }"
	case []any:
		return "[ " + count(len(v), "element") + " ]"
	case string:
		if document, ok := jsonDocument(v); ok {
			return "jsonencode(" + hint(document) + ")"
		}
		lines := strings.Count(strings.TrimSuffix(v, "\n"), "\n") + 1
		return "<<EOT … " + count(lines, "line") + " … EOT"
	}
	return "…"
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// side renders one side; what does not exist is empty.
func (r renderer) side(v, marks, unknowns any) string {
	if v == nil && !anyTrue(unknowns) {
		return ""
	}
	var b strings.Builder
	r.write(&b, v, marks, unknowns, 0)
	return b.String()
}

func (r renderer) write(b *strings.Builder, v, marks, unknowns any, depth int) {
	if isTrue(marks) {
		b.WriteString(sensitive)
		return
	}
	if isTrue(unknowns) {
		b.WriteString(unknown)
		return
	}
	switch v := v.(type) {
	case nil:
		if m, ok := unknowns.(map[string]any); ok && anyTrue(m) {
			r.object(b, nil, marks, m, depth)
			return
		}
		if anyTrue(unknowns) {
			b.WriteString(unknown)
			return
		}
		b.WriteString(null)
	case string:
		r.string(b, v, depth)
	case map[string]any:
		m, _ := unknowns.(map[string]any)
		r.object(b, v, marks, m, depth)
	case []any:
		r.list(b, v, marks, unknowns, depth)
	default: // json.Number, bool
		fmt.Fprint(b, v)
	}
}

func (r renderer) object(b *strings.Builder, v map[string]any, marks any, unknowns map[string]any, depth int) {
	all := maps.Clone(v)
	if all == nil {
		all = map[string]any{}
	}
	for k, u := range unknowns {
		if _, there := all[k]; !there && anyTrue(u) {
			all[k] = nil
		}
	}
	if len(all) == 0 {
		b.WriteString("{}")
		return
	}
	b.WriteString("{\n")
	for _, k := range slices.Sorted(maps.Keys(all)) {
		name := r.text(k)
		if !identifier(name) {
			name = quote(name)
		}
		indent(b, depth+1)
		b.WriteString(name + " = ")
		r.write(b, all[k], child(marks, k), unknowns[k], depth+1)
		b.WriteByte('\n')
	}
	indent(b, depth)
	b.WriteByte('}')
}

// list writes short lists of plain values on one line.
func (r renderer) list(b *strings.Builder, v []any, marks, unknowns any, depth int) {
	if line, ok := r.inline(v, marks, unknowns); ok {
		b.WriteString(line)
		return
	}
	b.WriteString("[\n")
	for i, e := range v {
		indent(b, depth+1)
		r.write(b, e, element(marks, i), element(unknowns, i), depth+1)
		b.WriteString(",\n")
	}
	indent(b, depth)
	b.WriteByte(']')
}

// inline writes a value on one line, if it is short and plain.
func (r renderer) inline(v, marks, unknowns any) (string, bool) {
	const longest = 80
	list, ok := v.([]any)
	if !ok || isTrue(marks) || isTrue(unknowns) {
		return r.plain(v, marks, unknowns, longest)
	}
	var b strings.Builder
	for i, e := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		line, ok := r.inline(e, element(marks, i), element(unknowns, i))
		if b.WriteString(line); !ok || b.Len() > longest {
			return "", false
		}
	}
	return "[" + b.String() + "]", true
}

func (r renderer) plain(v, marks, unknowns any, longest int) (string, bool) {
	masked := isTrue(marks) || isTrue(unknowns)
	if s, ok := v.(string); ok && !masked && len(s) > longest {
		return "", false
	}
	if o, ok := v.(map[string]any); ok && !masked && (len(o) > 0 || anyTrue(unknowns)) {
		return "", false
	}
	var b strings.Builder
	r.write(&b, v, marks, unknowns, 0)
	return b.String(), !strings.Contains(b.String(), "\n")
}

// string writes JSON documents and texts of several lines so that their lines
// can be compared.
func (r renderer) string(b *strings.Builder, s string, depth int) {
	s = r.text(s)
	if document, ok := jsonDocument(s); ok {
		b.WriteString("jsonencode(")
		r.write(b, document, nil, nil, depth)
		b.WriteByte(')')
		return
	}
	if !strings.Contains(strings.TrimSuffix(s, "\n"), "\n") {
		b.WriteString(quote(s))
		return
	}
	b.WriteString("<<EOT\n")
	for line := range strings.Lines(s) {
		indent(b, depth)
		b.WriteString(line)
	}
	if !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
	indent(b, depth)
	b.WriteString("EOT")
}

// maxIndent keeps what is nested very deep from being mostly blanks.
const maxIndent = 40

func indent(b *strings.Builder, depth int) {
	for range min(depth, maxIndent) {
		b.WriteString("  ")
	}
}

// identifier reports that a name needs no quotes.
func identifier(s string) bool {
	for i, c := range s {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// quote writes a string as HCL does, on one line.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	q := strings.TrimSuffix(b.String(), "\n")
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(q)
}

// cut bounds a rendered value.
func cut(s string, size int) string {
	if len(s) <= size {
		return s
	}
	end := size
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d more bytes)", s[:end], len(s)-end)
}
