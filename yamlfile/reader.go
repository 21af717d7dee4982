package yamlfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Reader walks a YAML tree and notes every mistake instead of stopping at the first, which is
// why it does not use the library's decoder.
type Reader struct {
	File     string
	Limits   Limits
	Problems Problems
	Lines    map[string]int // by the path of a key, for mistakes found later

	// Hint goes on after "is not a key; ". It is [Suggest] when nil.
	Hint func(typed string, known []string) string
	// Defaults lets a key without a value be as if it were not there; else it is a mistake.
	Defaults bool
}

// New makes a reader of one file; name is used in messages.
func New(name string, limits Limits) *Reader {
	return &Reader{File: name, Limits: limits, Lines: map[string]int{}}
}

// Read reads the value of one key.
type Read func(value ast.Node, key string)

// Note adds a problem. The line is 0 when the whole file is meant.
func (r *Reader) Note(line int, key, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{File: r.File, Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

// Noted reports whether a key has a problem already.
func (r *Reader) Noted(key string) bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Key == key })
}

// Mapping reads a mapping whose keys are all in known.
func (r *Reader) Mapping(n ast.Node, key string, known map[string]Read) {
	hint := r.Hint
	if hint == nil {
		hint = Suggest
	}
	r.Each(n, key, func(name, path string, line int, value ast.Node) {
		read, ok := known[name]
		switch {
		case !ok:
			r.Note(line, path, "is not a key; %s", hint(name, slices.Sorted(maps.Keys(known))))
		case !isNothing(value):
			read(value, path)
		case !r.Defaults:
			r.Note(line, path, "has no value; give one or remove the key")
		}
	})
}

// Each calls read for each key of a mapping, and notes those that are given twice.
func (r *Reader) Each(n ast.Node, key string, read func(name, path string, line int, value ast.Node)) {
	values, ok := n.(ast.MapNode)
	if !ok {
		r.Note(Line(n), key, "must be a mapping of keys to values, not %s", Kind(n))
		return
	}
	seen := map[string]int{}
	for it := values.MapRange(); it.Next(); {
		name, line := keyName(it.Key()), Line(it.Key())
		path := Join(key, Clip(name))
		if seen[name] > 0 {
			r.Note(line, path, "is given twice, first on line %d", seen[name])
			continue
		}
		seen[name] = line
		r.Lines[path] = line
		read(name, path, line, it.Value())
	}
}

func keyName(n ast.Node) string {
	if text, ok := Text(n); ok {
		return text
	}
	return n.String()
}

// Require notes keys that must be there but are not.
func (r *Reader) Require(n ast.Node, key string, names ...string) {
	if _, ok := n.(ast.MapNode); !ok {
		return
	}
	for _, name := range names {
		if _, ok := r.Lines[Join(key, name)]; !ok {
			r.Note(Line(n), Join(key, name), "is missing")
		}
	}
}

// Items calls read for each item of a list of at most limit.
func (r *Reader) Items(n ast.Node, key string, limit int, read Read) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.Note(Line(n), key, "must be a list, not %s", Kind(n))
		return
	}
	if len(list.Values) > limit {
		r.Note(Line(n), key, "has %d items; at most %d are read", len(list.Values), limit)
		return
	}
	for i, item := range list.Values {
		path := fmt.Sprintf("%s[%d]", key, i)
		r.Lines[path] = Line(item)
		read(item, path)
	}
}

// Text is the value of a node that is text, quoted or not.
func Text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

// Scalar is the value of a node as it is written: text, a number, true or false.
func Scalar(n ast.Node) (string, bool) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return Text(n)
}

// Kind is what a node is, for people.
func Kind(n ast.Node) string {
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

// Line is the 1-based line of a node, or 0.
func Line(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// Join is the path of a key below another.
func Join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// Clip keeps a quoted value from filling a comment.
func Clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func isNothing(n ast.Node) bool {
	_, null := n.(*ast.NullNode)
	return null || n == nil
}
