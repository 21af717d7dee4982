package project

import (
	"cmp"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/lockkeeper/lockkeeper/project/depth"
)

// isPathText tells that a text is a relative path: it says so itself.
func isPathText(text string) bool {
	return (strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../")) && !strings.ContainsAny(text, "\n\x00")
}

// isPath tells that an expression is a path that is followed wherever it goes.
func isPath(p pathExpr) bool {
	return p.base == fromModule || p.base == fromRoot || (p.base == fromText && isPathText(p.text))
}

// pathText notes a text that is a relative path. Whoever gets it takes it from their own directory, or from where terraform runs.
func (c *collector) pathText(text string, dynamic bool, line int) {
	if dynamic {
		text = path.Dir(text + "x")
	}
	c.add(hereRef, text, line)
	c.add(thereRef, text, line)
}

// words notes the relative paths inside of a longer text, such as the command of a program:
// words that begin with ./ or ../ and end where a shell would end them.
func (c *collector) words(text string, line int) {
	const ends = " \t\r\n'\"`;|&<>(){}[]=,:"
	if !strings.Contains(text, "./") || !strings.ContainsAny(text, ends) {
		return // the text as a whole is looked at anyway
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(ends, r) }) {
		word, _, dynamic := strings.Cut(word, computed)
		if isPathText(word) {
			c.pathText(word, dynamic, line)
		}
	}
}

// textOf joins the parts of a template.
func textOf(parts []hclsyntax.Expression) string {
	var b strings.Builder
	for _, part := range parts {
		text, ok := literal(part)
		if !ok {
			text = computed
		}
		b.WriteString(text)
	}
	return b.String()
}

// computed stands in a text for what is not constant.
const computed = "\x00"

// sortCalls puts calls in a fixed order.
func (c *collector) sortCalls() {
	for _, x := range c.Calls {
		slices.Sort(x.Paths)
		slices.Sort(x.Others)
	}
	slices.SortFunc(c.Calls, func(a, b call) int {
		return cmp.Or(strings.Compare(a.Module, b.Module), slices.Compare(a.Paths, b.Paths), slices.Compare(a.Others, b.Others))
	})
}

// argument notes an argument of a call of a local module; the module may take a path from its own directory.
func (c *collector) argument(call *call, name string, expr hclsyntax.Expression, line int) {
	if expr == nil || !isPath(constantPath(expr)) {
		call.Others = append(call.Others, name)
	} else {
		call.Paths = append(call.Paths, name)
	}
	if expr == nil {
		return
	}
	if p := constantPath(expr); (p.base == fromModule || p.base == fromRoot) && p.text == "" { // the module may look into all of it
		p.whole = true
		c.found(p, line)
	}
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		t, ok := n.(*hclsyntax.TemplateExpr)
		if !ok {
			return nil
		}
		if p := pathFrom(fromText, t.Parts); isPathText(p.text) {
			text := p.text
			if p.dynamic {
				text = path.Dir(text + "x")
			}
			c.add(hereRef, path.Join(call.Module, text), line)
		}
		return nil
	})
}

// local notes a local value that is a path or a constant text, from which paths are made elsewhere.
func (c *collector) local(name string, expr hclsyntax.Expression) {
	if expr == nil {
		return
	}
	p := constantPath(expr)
	if p.base == unknownBase || p.dynamic {
		return
	}
	kind := rootRef
	if p.base == fromModule {
		kind = pathRef
	}
	if c.Locals == nil {
		c.Locals = map[string]ref{}
	}
	c.Locals[name] = ref{Kind: kind, Path: p.text}
}

// unknown notes a function that reads files, and what its path begins with.
func (c *collector) unknown(function string, expr hclsyntax.Expression, line int) {
	u := unknownPath{Call: function + "(…)", Line: line}
	first, rest := expr, []hclsyntax.Expression(nil)
	if t, ok := expr.(*hclsyntax.TemplateExpr); ok && len(t.Parts) > 0 {
		first, rest = t.Parts[0], t.Parts[1:]
	}
	if w, ok := first.(*hclsyntax.TemplateWrapExpr); ok {
		first = w.Wrapped
	}
	if t, ok := first.(*hclsyntax.ScopeTraversalExpr); ok && len(t.Traversal) >= 2 {
		if attr, ok := t.Traversal[1].(hcl.TraverseAttr); ok {
			root := t.Traversal.RootName()
			u.Call = function + "(" + root + "." + attr.Name + ")"
			if len(rest) > 0 {
				u.Call = function + "(\"${" + root + "." + attr.Name + "}…\")"
			}
			switch {
			case len(t.Traversal) > 2:
			case root == "local":
				u.Local = attr.Name
			case root == "var":
				u.Var = attr.Name
			}
		}
	}
	p := pathFrom(fromText, rest)
	if u.Rest = p.text; p.dynamic {
		u.Rest = path.Dir(u.Rest + "x")
	}
	c.Unknown = append(c.Unknown, u)
}

// unknownModule notes a call whose source is not constant, as OpenTofu takes it: nobody knows which directory it calls.
func (c *collector) unknownModule(name string, line int) {
	c.Unknown = append(c.Unknown, unknownPath{Call: "module." + name + ".source", Line: line})
}

// values reads a file of variables' values; what is a path in it is for any module.
func (c *collector) values(name string, data []byte) {
	if strings.HasSuffix(name, ".json") {
		var doc map[string]any
		if json.Unmarshal(data, &doc) != nil {
			return // terraform says it
		}
		for variable, value := range doc {
			c.jsonComputes("var."+variable, value)
			if c.jsonPaths(value) {
				c.Paths = append(c.Paths, variable)
			}
		}
		return
	}
	if depth.Exceeded(data, hclsyntax.LexConfig) {
		return
	}
	file, _ := hclsyntax.ParseConfig(data, "", hcl.InitialPos)
	if file == nil {
		return
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return
	}
	for variable, attr := range body.Attributes {
		c.computes("var."+variable, attr.Expr, 0)
		if isPath(constantPath(attr.Expr)) {
			c.Paths = append(c.Paths, variable)
		}
	}
	c.expressions(body, 0)
}

// jsonPaths notes the paths in a value, and tells that it is one.
func (c *collector) jsonPaths(value any) bool {
	switch v := value.(type) {
	case string:
		if isPathText(v) {
			c.pathText(v, false, c.lineOf(v))
			return true
		}
	case []any:
		for _, item := range v {
			c.jsonPaths(item)
		}
	case map[string]any:
		for _, item := range v {
			c.jsonPaths(item)
		}
	}
	return false
}
