package project

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// reader reads lockkeeper.yml.
type reader struct{ *yamlfile.Reader }

// check says what is wrong with a value, as the end of the sentence that begins with the value; "" is fine.
type check func(string) string

// text reads one string that ok accepts into to.
func (r *reader) text(to *string, ok check) yamlfile.Read {
	return func(n ast.Node, key string) {
		value, isScalar := yamlfile.Scalar(n)
		_, isText := yamlfile.Text(n)
		switch wrong := ok(value); {
		case !isScalar:
			r.Note(yamlfile.Line(n), key, "must be text, not %s", yamlfile.Kind(n))
		case wrong != "":
			r.Note(yamlfile.Line(n), key, "%s %s", quote(value), wrong)
		case !isText:
			r.Note(yamlfile.Line(n), key, "must be text, not %s; write it in quotes: %s", yamlfile.Kind(n), quote(value))
		default:
			*to = value
		}
	}
}

// texts reads a list of different strings that ok accepts.
func (r *reader) texts(to *[]string, ok check) yamlfile.Read {
	return func(n ast.Node, key string) {
		r.Items(n, key, maxListItems, func(item ast.Node, key string) {
			var value string
			before := len(r.Problems)
			r.text(&value, ok)(item, key)
			switch {
			case len(r.Problems) > before:
			case slices.Contains(*to, value):
				r.Note(yamlfile.Line(item), key, "%s is in the list twice", quote(value))
			default:
				*to = append(*to, value)
			}
		})
	}
}

// scalars reads a mapping of free names to strings, numbers or booleans, which stay text.
func (r *reader) scalars(to *map[string]string, name, value check) yamlfile.Read {
	return func(n ast.Node, key string) {
		got := map[string]string{}
		r.Each(n, key, func(k, path string, line int, node ast.Node) {
			v, isScalar := yamlfile.Scalar(node)
			switch {
			case name(k) != "":
				r.Note(line, path, "the key %s %s", quote(k), name(k))
			case !isScalar:
				r.Note(line, path, "must be text, a number or true/false, not %s", yamlfile.Kind(node))
			case value(v) != "":
				r.Note(line, path, "%s %s", quote(v), value(v))
			default:
				got[k] = v
			}
		})
		if len(got) > 0 {
			*to = got
		}
	}
}

func quote(s string) string { return fmt.Sprintf("%q", yamlfile.Clip(s)) }
