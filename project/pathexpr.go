package project

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// pathExpr is an expression as far as it is constant: a base and the text behind it.
type pathExpr struct {
	base    base
	text    string // relative to the base
	dynamic bool   // more follows that is not constant
	whole   bool   // and may lead into directories below
}

type base uint8

const (
	unknownBase base = iota // the beginning is not constant
	fromText                // text alone; Terraform takes it from the directory it runs in
	fromModule              // ${path.module}
	fromRoot                // ${path.root} or ${path.cwd}, which are the same for every job
)

// constantPath is an expression as a path, as far as it is constant.
func constantPath(expr hclsyntax.Expression) pathExpr { return pathOf(parts(expr)) }

// pathOf is constantPath of the parts of an expression.
func pathOf(ps []hclsyntax.Expression) pathExpr {
	if len(ps) == 0 {
		return pathExpr{}
	}
	if base := pathBase(ps[0]); base != fromText {
		return pathFrom(base, ps[1:])
	}
	return pathFrom(fromText, ps)
}

// parts are the pieces of an expression that puts a text together: those of a template, and of the
// functions that do the same.
func parts(expr hclsyntax.Expression) []hclsyntax.Expression {
	switch e := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return parts(e.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return parts(e.Wrapped)
	case *hclsyntax.TemplateExpr:
		var out []hclsyntax.Expression
		for _, part := range e.Parts {
			out = append(out, parts(part)...)
		}
		return out
	case *hclsyntax.FunctionCallExpr:
		if out, ok := partsOfCall(e); ok {
			return out
		}
	}
	return []hclsyntax.Expression{expr}
}

// partsOfCall are those of abspath, dirname, format and join (Terraform language, Functions), as far as they
// can be told apart.
func partsOfCall(call *hclsyntax.FunctionCallExpr) ([]hclsyntax.Expression, bool) {
	if len(call.Args) == 0 || call.ExpandFinal {
		return nil, false
	}
	switch first := call.Args[0]; functionName(call) {
	case "abspath":
		return parts(first), true
	case "dirname":
		return append(parts(first), text("/..")), true
	case "format":
		return partsOfFormat(first, call.Args[1:])
	case "join":
		if separator, ok := constantText(first); ok && len(call.Args) == 2 {
			if list, ok := call.Args[1].(*hclsyntax.TupleConsExpr); ok {
				var out []hclsyntax.Expression
				for i, item := range list.Exprs {
					if i > 0 {
						out = append(out, text(separator))
					}
					out = append(out, parts(item)...)
				}
				return out, true
			}
		}
	}
	return nil, false
}

// partsOfFormat fills the verbs of a format that write their argument as it is.
func partsOfFormat(format hclsyntax.Expression, args []hclsyntax.Expression) ([]hclsyntax.Expression, bool) {
	rest, ok := constantText(format)
	if !ok {
		return nil, false
	}
	var out []hclsyntax.Expression
	for {
		before, verb, found := strings.Cut(rest, "%")
		if before != "" {
			out = append(out, text(before))
		}
		switch {
		case !found:
			return out, true
		case strings.HasPrefix(verb, "%"):
			out = append(out, text("%"))
		case len(args) > 0 && (strings.HasPrefix(verb, "s") || strings.HasPrefix(verb, "v") || strings.HasPrefix(verb, "d")):
			out, args = append(out, parts(args[0])...), args[1:]
		default:
			return nil, false
		}
		rest = verb[1:]
	}
}

// constantText is an expression without anything that is not constant.
func constantText(expr hclsyntax.Expression) (string, bool) {
	out := textOf(parts(expr))
	return out, !strings.Contains(out, computed)
}

func text(s string) hclsyntax.Expression { return &hclsyntax.LiteralValueExpr{Val: cty.StringVal(s)} }

// pathFrom joins the constant parts of a template; spaces and quotes end a path inside a longer text, such
// as a command line.
func pathFrom(base base, parts []hclsyntax.Expression) pathExpr {
	const ends = " \t\n'\";|&<>"
	p := pathExpr{base: base}
	for i, part := range parts {
		text, ok := literal(part)
		if !ok {
			rest := textOf(parts[i+1:])
			at := strings.IndexAny(rest+"/", ends+"/") // of ${x}.json nobody expects that x has a directory in it
			p.dynamic, p.whole = true, at < len(rest) && rest[at] == '/' || at == 0 && (p.text == "" || strings.HasSuffix(p.text, "/"))
			break
		}
		p.text += text
	}
	if base != fromText {
		if end := strings.IndexAny(p.text, ends); end >= 0 {
			p.text, p.dynamic, p.whole = p.text[:end], false, false
		}
		if p.text != "" && !strings.HasPrefix(p.text, "/") {
			p.text, p.dynamic, p.whole = "", false, false // ${path.module}-zip is a name, not a path
		}
		p.text = strings.TrimLeft(p.text, "/") // behind the base, so that .. still leads out of it
	}
	return p
}

// pathBase tells which directory an expression stands for; fromText is "none, but constant".
func pathBase(expr hclsyntax.Expression) base {
	if _, ok := literal(expr); ok {
		return fromText
	}
	traversal, ok := expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok || len(traversal.Traversal) != 2 || traversal.Traversal.RootName() != "path" {
		return unknownBase
	}
	attr, ok := traversal.Traversal[1].(hcl.TraverseAttr)
	switch {
	case !ok:
		return unknownBase
	case attr.Name == "module":
		return fromModule
	case attr.Name == "root" || attr.Name == "cwd":
		return fromRoot
	}
	return unknownBase
}

func literal(expr hclsyntax.Expression) (string, bool) {
	l, ok := expr.(*hclsyntax.LiteralValueExpr)
	if !ok || l.Val.IsNull() || l.Val.Type() != cty.String {
		return "", false
	}
	return l.Val.AsString(), true
}
