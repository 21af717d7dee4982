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
)

// maxValue bounds one rendered value, in bytes.
const maxValue = 4 << 10

// renderer writes values in the way of HCL. text filters every string that
// comes from the plan.
type renderer struct{ text func(string) string }

// pair renders both sides of a change. What is long is cut down to the lines
// that differ.
func (r renderer) pair(n node) (before, after string) {
	before = r.side(n.before, n.beforeSensitive, nil)
	after = r.side(n.after, n.afterSensitive, n.unknown)
	if isTrue(n.beforeSensitive) != isTrue(n.afterSensitive) {
		// The value is the same secret whether or not one side says so.
		if before != "" {
			before = sensitive
		}
		if after != "" {
			after = sensitive
		}
	}
	if after == unknown && strings.Contains(before, "\n") {
		return hint(n.before), after
	}
	before, after = onlyChangedLines(before, after)
	return cut(before), cut(after)
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
		b.WriteString("null")
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
	var parts []string
	length, plain := 0, true
	for i, e := range v {
		var part strings.Builder
		r.write(&part, e, element(marks, i), element(unknowns, i), depth+1)
		parts = append(parts, part.String())
		length += part.Len() + len(", ")
		plain = plain && !strings.Contains(part.String(), "\n")
	}
	if plain && length < 80 {
		b.WriteString("[" + strings.Join(parts, ", ") + "]")
		return
	}
	b.WriteString("[\n")
	for _, part := range parts {
		indent(b, depth+1)
		b.WriteString(part + ",\n")
	}
	indent(b, depth)
	b.WriteByte(']')
}

// string writes JSON documents and texts of several lines so that their lines
// can be compared.
func (r renderer) string(b *strings.Builder, s string, depth int) {
	clean := r.text(s)
	if document, ok := jsonDocument(s); ok && clean == s {
		b.WriteString("jsonencode(")
		r.write(b, document, nil, nil, depth)
		b.WriteByte(')')
		return
	}
	s = clean
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

// jsonDocument decodes a string that holds a JSON object or array, such as an
// IAM policy.
func jsonDocument(s string) (any, bool) {
	trimmed := strings.TrimSpace(s)
	if len(trimmed) < 2 || trimmed[0] != '{' && trimmed[0] != '[' {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(trimmed))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil, false
	}
	return v, true
}

func indent(b *strings.Builder, depth int) {
	for range depth {
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

// contextLines is how many unchanged lines are kept around the changed ones.
const contextLines = 3

// onlyChangedLines leaves out what two texts have in common at their beginnings
// and ends, but for a little context.
func onlyChangedLines(a, b string) (string, string) {
	if !strings.Contains(a, "\n") || !strings.Contains(b, "\n") {
		return a, b
	}
	la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
	shorter := min(len(la), len(lb))
	head := 0
	for head < shorter && la[head] == lb[head] {
		head++
	}
	tail := 0
	for tail < shorter-head && la[len(la)-1-tail] == lb[len(lb)-1-tail] {
		tail++
	}
	return middle(la, head-contextLines, tail-contextLines), middle(lb, head-contextLines, tail-contextLines)
}

// middle keeps the first and the last line: they say what kind of value it is.
func middle(lines []string, head, tail int) string {
	head, tail = max(head, 0), max(tail, 0)
	var out []string
	switch head {
	case 0:
	case 1:
		out = append(out, lines[0])
	default:
		out = append(out, lines[0], left(head-1))
	}
	out = append(out, lines[head:len(lines)-tail]...)
	switch tail {
	case 0:
	case 1:
		out = append(out, lines[len(lines)-1])
	default:
		out = append(out, left(tail-1), lines[len(lines)-1])
	}
	return strings.Join(out, "\n")
}

func left(n int) string { return "# (" + count(n, "unchanged line") + ")" }

// cut bounds a rendered value.
func cut(s string) string {
	if len(s) <= maxValue {
		return s
	}
	end := maxValue
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d more bytes)", s[:end], len(s)-end)
}
