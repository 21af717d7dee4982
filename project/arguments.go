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

// name notes a text that says by nothing that it is a path, and may be the name of a file or a
// directory all the same, such as the source_dir of an archive.
func (c *collector) name(text string, dynamic bool) {
	if dynamic {
		text = path.Dir(text + "x")
	}
	const longest = 1024
	if len(text) > longest || strings.ContainsAny(text, "\n\x00") || path.IsAbs(text) {
		return
	}
	if text = path.Clean(text); text != "." && text != ".." && !strings.HasPrefix(text, "../") {
		c.Names = append(c.Names, text)
	}
}

// words notes the relative paths inside of a longer text, such as the command of a program:
// words that begin with ./ or ../ and end where a shell would end them, and names of documents.
func (c *collector) words(text string, line int) {
	const ends = " \t\r\n'\"`;|&<>(){}[]=,:"
	if !strings.Contains(text, ".") || !strings.ContainsAny(text, ends) {
		return // the text as a whole is looked at anyway
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(ends, r) }) {
		word, _, dynamic := strings.Cut(word, computed)
		switch {
		case isPathText(word):
			c.pathText(word, dynamic, line)
		case !dynamic && isDocument(word):
			c.name(word, false)
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
	if p.base != fromText {
		p.text = path.Clean(p.text) // so that what follows is below it
	}
	if c.Locals == nil {
		c.Locals = map[string]ref{}
	}
	c.Locals[name] = ref{Kind: kind, Path: p.text}
}

// unknown notes what reads files, by the name of the function if it is one, and what its path begins with.
func (c *collector) unknown(function string, parts []hclsyntax.Expression, line int) {
	u := unknownPath{Call: function + "(…)", Line: line, Rest: unknownRest(parts)}
	if len(parts) > 0 {
		if root, name, only := variable(parts[0]); name != "" {
			u.Call = root + "." + name
			if len(parts) > 1 {
				u.Call = "\"${" + u.Call + "}…\""
			}
			if function != "" {
				u.Call = function + "(" + u.Call + ")"
			}
			switch {
			case !only:
			case root == "local":
				u.Local = name
			case root == "var":
				u.Var = name
			}
		}
	}
	c.Unknown = append(c.Unknown, u)
}

// unknownRest is the constant text behind the first part, as far as it leads for sure.
func unknownRest(parts []hclsyntax.Expression) string {
	if len(parts) == 0 {
		return ""
	}
	p := pathFrom(fromText, parts[1:])
	if p.dynamic {
		return path.Dir(p.text + "x")
	}
	return p.text
}

// variable takes an expression such as local.x apart. only says that it is no more than that.
func variable(expr hclsyntax.Expression) (root, name string, only bool) {
	t, ok := expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok || len(t.Traversal) < 2 {
		return "", "", false
	}
	attr, ok := t.Traversal[1].(hcl.TraverseAttr)
	if !ok {
		return "", "", false
	}
	return t.Traversal.RootName(), attr.Name, len(t.Traversal) == 2
}

// fromLocal tells an expression that is a local value or a variable, and no part of one.
func fromLocal(expr hclsyntax.Expression) bool {
	root, _, only := variable(expr)
	return only && (root == "local" || root == "var")
}

// goesUp tells that a path has .. in it.
func goesUp(p string) bool { return slices.Contains(strings.Split(p, "/"), "..") }

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
		c.name(v, false)
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
