package deploy

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// body is the templates as one, with their short functions (!Sub) in the long form
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

// farBucket is how the templates name the bucket that is of another one.
const farBucket = "arn:${AWS::Partition}:s3:::${NamePrefix}-${AWS::AccountId}-${AWS::Region}"

func parsed(t testing.TB) body {
	t.Helper()
	all := body{Parameters: map[string]map[string]any{}, Rules: map[string]any{}, Resources: map[string]resource{}, Outputs: map[string]map[string]any{}}
	for _, template := range []string{base, engine, environment} {
		b := parsedOne(t, template)
		for name := range b.Resources {
			if _, twice := all.Resources[name]; twice {
				t.Fatalf("two templates have a resource %s", name)
			}
		}
		maps.Copy(all.Parameters, b.Parameters)
		maps.Copy(all.Rules, b.Rules)
		maps.Copy(all.Resources, b.Resources)
		maps.Copy(all.Outputs, b.Outputs)
	}
	return all
}

func parsedOne(t testing.TB, template string) (b body) {
	t.Helper()
	file, err := parser.ParseBytes([]byte(template), 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plain(t, file.Docs[0].Body))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), farBucket, "${Bucket.Arn}")), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// isKey tells the key of the base, there or from another template.
func isKey(v any) bool {
	return at(v, "Fn::ImportValue", "Fn::Sub") == "${NamePrefix}-key" ||
		at(v, "Fn::If", 0) == "OwnKey" && at(v, "Fn::If", 1, "Fn::GetAtt") == "Key.Arn" && at(v, "Fn::If", 2, "Ref") == "KeyArn"
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
