package deploy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// body is the template with its short functions (!Sub) in the long form
// (Fn::Sub).
type body struct {
	Parameters map[string]map[string]any
	Rules      map[string]any
	Resources  map[string]resource
	Outputs    map[string]map[string]any
}

type resource struct {
	Type           string
	Condition      string
	DeletionPolicy string
	Properties     map[string]any
}

func parsed(t testing.TB) body {
	t.Helper()
	file, err := parser.ParseBytes([]byte(template), 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plain(t, file.Docs[0].Body))
	if err != nil {
		t.Fatal(err)
	}
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func plain(t testing.TB, n ast.Node) any {
	switch n := n.(type) {
	case *ast.TagNode:
		name := strings.TrimPrefix(n.Start.Value, "!")
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		return map[string]any{name: plain(t, n.Value)}
	case *ast.MappingNode:
		m := map[string]any{}
		for _, v := range n.Values {
			m[key(t, v.Key)] = plain(t, v.Value)
		}
		return m
	case *ast.MappingValueNode:
		return map[string]any{key(t, n.Key): plain(t, n.Value)}
	case *ast.SequenceNode:
		l := []any{}
		for _, v := range n.Values {
			l = append(l, plain(t, v))
		}
		return l
	default:
		var v any
		if err := yaml.NodeToValue(n, &v); err != nil {
			t.Fatalf("%s: %v", n.GetPath(), err)
		}
		return v
	}
}

func key(t testing.TB, n ast.Node) string {
	k, ok := plain(t, n).(string)
	if !ok {
		t.Fatalf("key %s is not a string", n)
	}
	return k
}

// ofType lists the names of resources of a type.
func (b body) ofType(kind string) (names []string) {
	for name, r := range b.Resources {
		if r.Type == kind {
			names = append(names, name)
		}
	}
	return names
}

// at walks maps by names and lists by index; nil where nothing is.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// list is a value or a list of values, as a list.
func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

// machine is the state machine.
type machine struct {
	StartAt        string
	TimeoutSeconds int
	States         map[string]state
}

type state struct {
	Type               string
	Resource           string
	Next, Default      string
	End                bool
	TimeoutSeconds     int
	TimeoutSecondsPath string
	Parameters         map[string]any
	Retry              []map[string]any
	Catch              []struct{ Next string }
	Choices            []struct{ Next string }
}

func parsedMachine(t testing.TB) machine {
	t.Helper()
	var m machine
	if err := json.Unmarshal([]byte(stateMachine), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// after lists the states that a state leads to.
func (s state) after() (names []string) {
	for _, name := range []string{s.Next, s.Default} {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, c := range s.Catch {
		names = append(names, c.Next)
	}
	for _, c := range s.Choices {
		names = append(names, c.Next)
	}
	return names
}
