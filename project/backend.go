package project

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// backend is one backend or cloud block of a file. Nested settings have dotted names. The fields are
// exported for gob.
type backend struct {
	Type    string            // "cloud" for a cloud block
	Values  map[string]string // constant ones that are not null
	Unknown []string          // names of the others
	Line    int               // of the block
	File    string            // that it is in; known once a directory's files are merged
}

// hclBackend reads a block of Terraform's native syntax.
func hclBackend(block *hclsyntax.Block) backend {
	b := backend{Type: block.Type, Values: map[string]string{}, Line: block.TypeRange.Start.Line}
	if block.Type == "backend" && len(block.Labels) == 1 {
		b.Type = block.Labels[0]
	}
	b.body("", block.Body)
	slices.Sort(b.Unknown) // attributes come from a map
	return b
}

func (b *backend) body(prefix string, body *hclsyntax.Body) {
	for name, attr := range body.Attributes {
		b.expression(prefix+name, attr.Expr)
	}
	for _, inner := range body.Blocks {
		b.body(prefix+inner.Type+".", inner.Body)
	}
}

// expression notes a value that is written down as it is. Nothing is evaluated: an expression of a pull
// request can take as long as it likes.
func (b *backend) expression(name string, expr hclsyntax.Expression) {
	if object, ok := expr.(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range object.Items {
			if key := objectKey(item.KeyExpr); key != "" {
				b.expression(name+"."+key, item.ValueExpr)
				continue
			}
			b.Unknown = append(b.Unknown, name)
		}
		return
	}
	text, ok := constant(expr)
	switch {
	case ok:
		b.Values[name] = text
	case !isNull(expr):
		b.Unknown = append(b.Unknown, name)
	}
}

// objectKey is a key that is a word or a constant; else "".
func objectKey(expr hclsyntax.Expression) string {
	key, ok := expr.(*hclsyntax.ObjectConsKeyExpr)
	if !ok || key.ForceNonLiteral {
		return ""
	}
	if word := hcl.ExprAsKeyword(key.Wrapped); word != "" {
		return word
	}
	text, _ := constant(key.Wrapped)
	return text
}

func isNull(expr hclsyntax.Expression) bool {
	l, ok := expr.(*hclsyntax.LiteralValueExpr)
	return ok && l.Val.IsNull()
}

// constant is a string, number or bool that stands in the text, as a string.
func constant(expr hclsyntax.Expression) (string, bool) {
	switch e := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return constant(e.Expression)
	case *hclsyntax.LiteralValueExpr:
		if e.Val.IsNull() {
			return "", false
		}
		text, err := convert.Convert(e.Val, cty.String)
		if err != nil {
			return "", false
		}
		return text.AsString(), true
	case *hclsyntax.TemplateExpr:
		var whole strings.Builder
		for _, part := range e.Parts {
			text, ok := literal(part)
			if !ok {
				return "", false
			}
			whole.WriteString(text)
		}
		return whole.String(), true
	}
	return "", false
}

// jsonBackend reads a block of the JSON syntax, where every string is a template.
func jsonBackend(kind string, body map[string]any) backend {
	b := backend{Type: kind, Values: map[string]string{}}
	for name, value := range body {
		b.json(name, value)
	}
	slices.Sort(b.Unknown)
	return b
}

func (b *backend) json(name string, value any) {
	switch v := value.(type) {
	case nil:
	case string:
		if strings.Contains(v, "${") || strings.Contains(v, "%{") {
			b.Unknown = append(b.Unknown, name)
			return
		}
		b.Values[name] = v
	case bool:
		b.Values[name] = fmt.Sprint(v)
	case float64:
		text, _ := json.Marshal(v) // a finite number always marshals, and JSON has no other
		b.Values[name] = string(text)
	case map[string]any:
		for inner, x := range v {
			b.json(name+"."+inner, x)
		}
	case []any:
		if one, ok := single(v); ok { // a nested block may stand in a list
			b.json(name, one)
			return
		}
		b.Unknown = append(b.Unknown, name)
	}
}

func single(list []any) (map[string]any, bool) {
	if len(list) != 1 {
		return nil, false
	}
	one, ok := list[0].(map[string]any)
	return one, ok
}
