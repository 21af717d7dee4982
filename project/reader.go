package project

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

// reader walks a YAML tree and notes every mistake instead of stopping at the first, which is
// why it does not use the library's decoder.
type reader struct {
	file     string
	problems Problems
	lines    map[string]int // key path -> line, for mistakes found later
}

// readKey reads the value of one key.
type readKey func(value ast.Node, key string)

// check says what is wrong with a value, as the end of the sentence that begins with the value; "" is fine.
type check func(string) string

// mapping reads a mapping whose keys are all in known.
func (r *reader) mapping(n ast.Node, key string, known map[string]readKey) {
	values, ok := n.(ast.MapNode)
	if !ok {
		r.note(lineOf(n), key, "must be a mapping of keys to values, not %s", kindOf(n))
		return
	}
	seen := map[string]int{}
	for it := values.MapRange(); it.Next(); {
		k := it.Key()
		name := k.String()
		if s, ok := k.(*ast.StringNode); ok {
			name = s.Value
		}
		path, line := join(key, clip(name)), lineOf(k)
		read, ok := known[name]
		switch {
		case !ok:
			r.note(line, path, "is not a key; %s", hint(name, slices.Sorted(maps.Keys(known))))
			continue
		case seen[name] > 0:
			r.note(line, path, "is given twice, first on line %d", seen[name])
			continue
		}
		seen[name] = line
		r.lines[path] = line
		if _, empty := it.Value().(*ast.NullNode); empty || it.Value() == nil {
			r.note(line, path, "has no value; give one or remove the key")
			continue
		}
		read(it.Value(), path)
	}
}

// require notes keys that must be there but are not.
func (r *reader) require(n ast.Node, key string, names ...string) {
	if _, ok := n.(ast.MapNode); !ok {
		return
	}
	for _, name := range names {
		if _, ok := r.lines[join(key, name)]; !ok {
			r.note(lineOf(n), join(key, name), "is missing")
		}
	}
}

// items calls read for each item of a list.
func (r *reader) items(n ast.Node, key string, limit int, read readKey) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.note(lineOf(n), key, "must be a list, not %s", kindOf(n))
		return
	}
	if len(list.Values) > limit {
		r.note(lineOf(n), key, "has %d items; at most %d are read", len(list.Values), limit)
		return
	}
	for i, item := range list.Values {
		path := fmt.Sprintf("%s[%d]", key, i)
		r.lines[path] = lineOf(item)
		read(item, path)
	}
}

// text reads one string that ok accepts into to.
func (r *reader) text(to *string, ok check) readKey {
	return func(n ast.Node, key string) {
		value, isScalar := scalarOf(n)
		_, isText := textOf(n)
		switch wrong := ok(value); {
		case !isScalar:
			r.note(lineOf(n), key, "must be text, not %s", kindOf(n))
		case wrong != "":
			r.note(lineOf(n), key, "%s %s", quote(value), wrong)
		case !isText:
			r.note(lineOf(n), key, "must be text, not %s; write it in quotes: %s", kindOf(n), quote(value))
		default:
			*to = value
		}
	}
}

// texts reads a list of different strings that ok accepts.
func (r *reader) texts(to *[]string, ok check) readKey {
	return func(n ast.Node, key string) {
		r.items(n, key, maxListItems, func(item ast.Node, key string) {
			var value string
			before := len(r.problems)
			r.text(&value, ok)(item, key)
			switch {
			case len(r.problems) > before:
			case slices.Contains(*to, value):
				r.note(lineOf(item), key, "%s is in the list twice", quote(value))
			default:
				*to = append(*to, value)
			}
		})
	}
}

// scalars reads a mapping of free names to strings, numbers or booleans, kept as text.
func (r *reader) scalars(to *map[string]string, name, value check) readKey {
	return func(n ast.Node, key string) {
		values, ok := n.(ast.MapNode)
		if !ok {
			r.note(lineOf(n), key, "must be a mapping of keys to values, not %s", kindOf(n))
			return
		}
		got := map[string]string{}
		for it := values.MapRange(); it.Next(); {
			k, _ := textOf(it.Key())
			path, line := join(key, clip(k)), lineOf(it.Key())
			v, isScalar := scalarOf(it.Value())
			_, twice := got[k]
			switch {
			case name(k) != "":
				r.note(line, path, "the key %s %s", quote(k), name(k))
			case twice:
				r.note(line, path, "is given twice")
			case !isScalar:
				r.note(line, path, "must be text, a number or true/false, not %s", kindOf(it.Value()))
			case value(v) != "":
				r.note(line, path, "%s %s", quote(v), value(v))
			default:
				got[k] = v
			}
		}
		if len(got) > 0 {
			*to = got
		}
	}
}

func textOf(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func scalarOf(n ast.Node) (string, bool) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return textOf(n)
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "a mapping"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.NullNode, nil:
		return "nothing"
	}
	return "this kind of YAML value"
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// clip keeps a quoted value from filling a comment.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func quote(s string) string { return fmt.Sprintf("%q", clip(s)) }

// unreadableLine returns the first line that is too long or not UTF-8, or 0.
func unreadableLine(data []byte) int {
	number := 0
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		if len(line) > maxLineBytes || !utf8.Valid(line) || bytes.ContainsRune(line, 0) {
			return number
		}
	}
	return 0
}
