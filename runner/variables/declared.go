package variables

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/msgpack"
)

var blocks = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "variable", LabelNames: []string{"name"}}}}

var arguments = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "type"}, {Name: "default"}, {Name: "ephemeral"}, {Name: "sensitive"}}}

// declarations are the variables of a root module. What a file is wrong in beside
// them, Terraform says.
func declarations(files []File) (map[string]declaration, error) {
	all, err := attributesOf(files)
	if err != nil {
		return nil, err
	}
	out := map[string]declaration{}
	for name, attributes := range all {
		d, err := declared(attributes)
		if err != nil {
			return nil, fmt.Errorf("reading the variable %.100q: %w", name, err)
		}
		out[name] = d
	}
	return out, nil
}

// attributesOf are the arguments of each variable's blocks, those that override others
// merged.
func attributesOf(files []File) (map[string]hcl.Attributes, error) {
	out := map[string]hcl.Attributes{}
	for _, f := range inMergeOrder(files) {
		body, err := parse(f)
		if err != nil {
			return nil, err
		}
		content, _, _ := body.PartialContent(blocks)
		for _, block := range content.Blocks {
			is, _, _ := block.Body.PartialContent(arguments)
			if out[block.Labels[0]] == nil {
				out[block.Labels[0]] = hcl.Attributes{}
			}
			maps.Copy(out[block.Labels[0]], is.Attributes)
		}
	}
	return out, nil
}

func declared(attributes hcl.Attributes) (declaration, error) {
	d := declaration{literal: true}
	if t, there := attributes["type"]; there {
		d.literal = slices.Contains([]string{"string", "number", "bool"}, typeName(t.Expr))
	}
	if a, there := attributes["ephemeral"]; there {
		v, err := valueOf(a.Expr)
		if err != nil {
			return d, err
		}
		d.ephemeral = v.Type() == cty.Bool && !v.IsNull() && v.True() || v.Type() == cty.String && !v.IsNull() && v.AsString() == "true"
	}
	if a, there := attributes["default"]; there {
		v, err := valueOf(a.Expr)
		if err == nil {
			d.fallback, err = msgpack.Marshal(v, cty.DynamicPseudoType)
		}
		if err != nil {
			return d, err
		}
	}
	return d, nil
}

// typeName is a type that is one word, in parentheses or not; the keyword is what a
// JSON string holds, too.
func typeName(expr hcl.Expression) string {
	for {
		inner, is := expr.(*hclsyntax.ParenthesesExpr)
		if !is {
			return hcl.ExprAsKeyword(expr)
		}
		expr = inner.Expression
	}
}

// inMergeOrder puts the files that override others after those.
func inMergeOrder(files []File) []File {
	overrides := func(f File) bool {
		base := strings.TrimSuffix(f.Name, ".json")
		base = strings.TrimSuffix(base, path.Ext(base))
		return base == "override" || strings.HasSuffix(base, "_override")
	}
	return slices.SortedFunc(slices.Values(files), func(a, b File) int {
		if overrides(a) != overrides(b) {
			if overrides(a) {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Name, b.Name)
	})
}
