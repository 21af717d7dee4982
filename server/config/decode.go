package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// decoder fills a struct from a YAML tree and goes on after a mistake, which
// the library's own decoder does not: a person should see all of them at once.
type decoder struct {
	file     string
	lines    map[string]int // by key, for those that are in the file
	broken   []string       // keys whose value has been complained about
	problems Problems
}

func (d *decoder) note(line int, key, format string, args ...any) {
	d.broken = append(d.broken, key)
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

func (d *decoder) decode(text []byte, into *Config) {
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	var at yaml.Error
	switch {
	case errors.As(err, &at) && at.GetToken() != nil:
		d.note(at.GetToken().Position.Line, "", "is not valid YAML: %s", at.GetMessage())
	case err != nil:
		d.note(0, "", "is not valid YAML: %v", err)
	case len(file.Docs) > 1:
		d.note(0, "", "holds more than one YAML document; write one")
	case len(file.Docs) == 1 && file.Docs[0].Body != nil:
		d.value("", file.Docs[0].Body, reflect.ValueOf(into).Elem())
	}
}

// value decodes one node. A key without a value (null) keeps its default.
func (d *decoder) value(key string, node ast.Node, into reflect.Value) {
	if node.Type() == ast.NullType {
		return
	}
	switch {
	case into.Type() == reflect.TypeFor[Repository]() && !isMapping(node):
		d.scalar(key, node, into.FieldByName("Name")) // a name alone is an entry with nothing else
	case into.Type() == reflect.TypeFor[time.Duration](), into.Type() == reflect.TypeFor[Size](), into.Type() == reflect.TypeFor[Period]():
		d.unit(key, node, into)
	case into.Kind() == reflect.Struct, into.Kind() == reflect.Map:
		d.mapping(key, node, into)
	case into.Kind() == reflect.Slice:
		d.list(key, node, into)
	default:
		d.scalar(key, node, into)
	}
}

func (d *decoder) mapping(key string, node ast.Node, into reflect.Value) {
	pairs, isMapping := node.(ast.MapNode)
	if !isMapping {
		d.wrong(key, node, "keys with values")
		return
	}
	if into.Kind() == reflect.Map {
		into.Set(reflect.MakeMap(into.Type()))
	}
	seen := map[string]bool{}
	for iter := pairs.MapRange(); iter.Next(); {
		line := iter.Key().GetToken().Position.Line
		name, isPlain := plainText(iter.Key())
		path := join(key, name)
		switch {
		case !isPlain:
			d.note(line, key, "has a key that is not plain text; write it out")
			continue
		case seen[name]:
			d.note(line, path, "is given twice")
			continue
		}
		seen[name] = true
		d.lines[path] = line
		d.entry(path, name, iter.Value(), into)
	}
}

func (d *decoder) entry(path, name string, node ast.Node, into reflect.Value) {
	if into.Kind() == reflect.Map {
		element := reflect.New(into.Type().Elem()).Elem()
		if e, ok := element.Addr().Interface().(interface{ setDefaults() }); ok {
			e.setDefaults()
		}
		d.value(path, node, element)
		into.SetMapIndex(reflect.ValueOf(name), element)
		return
	}
	for i := range into.NumField() {
		if yamlName(into.Type().Field(i)) == name {
			d.value(path, node, into.Field(i))
			return
		}
	}
	known := yamlNames(into.Type())
	if meant := closest(name, known); meant != "" {
		d.note(d.lines[path], path, "is not a key here; did you mean %s?", meant)
		return
	}
	d.note(d.lines[path], path, "is not a key here; known are %s", strings.Join(known, ", "))
}

// closest is the known word that differs from what was typed by a slip or two; empty
// for none.
func closest(typed string, known []string) (word string) {
	best := max(1, min(len(typed), 60)/4) + 1
	for _, k := range known {
		if d := levenshtein.Distance(strings.ToLower(typed[:min(len(typed), 60)]), k, nil); d < best {
			word, best = k, d
		}
	}
	return word
}

func (d *decoder) list(key string, node ast.Node, into reflect.Value) {
	sequence, isSequence := node.(*ast.SequenceNode)
	if !isSequence {
		d.wrong(key, node, "a list")
		return
	}
	items := reflect.MakeSlice(into.Type(), len(sequence.Values), len(sequence.Values))
	for i, item := range sequence.Values {
		path := fmt.Sprintf("%s[%d]", key, i)
		d.lines[path] = item.GetToken().Position.Line
		d.value(path, item, items.Index(i))
	}
	into.Set(items)
}

func (d *decoder) scalar(key string, node ast.Node, into reflect.Value) {
	switch into.Kind() {
	case reflect.String:
		text, isText := plainText(node)
		if !isText {
			d.wrong(key, node, wantText(key))
			return
		}
		into.SetString(text)
	case reflect.Bool:
		b, isBool := node.(*ast.BoolNode)
		if !isBool {
			d.wrong(key, node, "true or false")
			return
		}
		into.SetBool(b.Value)
	default:
		var n int64
		if node.Type() != ast.IntegerType || yaml.NodeToValue(node, &n) != nil || into.OverflowInt(n) {
			d.wrong(key, node, "a whole number")
			return
		}
		into.SetInt(n)
	}
}

const exampleAddress = "an address such as 127.0.0.1:8080"

// wantText is what a key takes that is text. Quotes alone make no address of a port.
func wantText(key string) string {
	if key == "listen" {
		return exampleAddress
	}
	return "text; put quotes around it"
}

func (d *decoder) unit(key string, node ast.Node, into reflect.Value) {
	text, _ := plainText(node)
	var n int64
	var err error
	var want string
	switch into.Type() {
	case reflect.TypeFor[Size]():
		var size Size
		size, err = parseSize(text)
		n, want = int64(size), "a size in KiB, MiB or GiB such as 50MiB"
	case reflect.TypeFor[Period]():
		var period Period
		period, err = parsePeriod(text)
		n, want = int64(period), "a time in hours or minutes such as 72h, or never"
	default:
		var duration time.Duration
		duration, err = time.ParseDuration(text)
		n, want = int64(duration), "a time in hours, minutes or seconds such as 30m"
	}
	if err != nil {
		d.wrong(key, node, want)
	}
	into.SetInt(n)
}

// wrong complains about a type. It does not repeat the value: it may be a
// secret that was put in the wrong place.
func (d *decoder) wrong(key string, node ast.Node, want string) {
	d.note(node.GetToken().Position.Line, key, "must be %s", want)
}

func plainText(node ast.Node) (text string, ok bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func isMapping(node ast.Node) bool {
	_, is := node.(ast.MapNode)
	return is
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func yamlName(f reflect.StructField) string {
	if name := f.Tag.Get("yaml"); name != "-" {
		return name
	}
	return ""
}

func yamlNames(t reflect.Type) []string {
	var out []string
	for f := range t.Fields() {
		if name := yamlName(f); name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
