package project

import (
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/lockkeeper/lockkeeper/project/depth"
)

const deepMessage = "is nested too deep to be searched for references"

// hcl reads Terraform's native syntax. A file with mistakes still yields what the parser understood.
func (c *collector) hcl(data []byte) {
	if depth.Exceeded(data, hclsyntax.LexConfig) {
		c.mistake(0, deepMessage)
		return
	}
	file, diags := hclsyntax.ParseConfig(data, "", hcl.InitialPos)
	c.diagnose(diags, 0)
	if file == nil {
		return
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return
	}
	for _, block := range body.Blocks {
		c.block(block)
	}
	c.expressions(body, 0)
}

// template reads a template inside a JSON string, which stands on the given line.
func (c *collector) template(text string, line int) {
	if depth.Exceeded([]byte(text), hclsyntax.LexTemplate) {
		c.mistake(line, deepMessage)
		return
	}
	expr, diags := hclsyntax.ParseTemplate([]byte(text), "", hcl.InitialPos)
	c.diagnose(diags, line-1)
	if expr != nil {
		c.expressions(expr, line-1)
	}
}

func (c *collector) diagnose(diags hcl.Diagnostics, before int) {
	for _, d := range diags {
		if d.Severity == hcl.DiagError && d.Subject != nil {
			c.mistake(before+d.Subject.Start.Line, d.Summary+": "+d.Detail)
			return
		}
	}
}

func (c *collector) block(block *hclsyntax.Block) {
	switch block.Type {
	case "resource", "data":
		c.Makes = true
		if block.Type == "data" && len(block.Labels) > 0 && block.Labels[0] == "template_file" {
			c.templateFile(block)
		}
	case "module":
		c.Makes = true
		c.moduleCall(block)
	case "locals":
		for name, attr := range block.Body.Attributes {
			c.local(name, attr.Expr)
			c.computes("local."+name, attr.Expr, 0)
		}
	case "variable":
		value, ok := block.Body.Attributes["default"]
		if ok && len(block.Labels) == 1 {
			c.computes("var."+block.Labels[0], value.Expr, 0)
			if isPath(constantPath(value.Expr)) {
				c.Paths = append(c.Paths, block.Labels[0])
			}
		}
	case "terraform":
		for _, inner := range block.Body.Blocks {
			if inner.Type == "backend" || inner.Type == "cloud" {
				c.Root = true
				c.Backends = append(c.Backends, hclBackend(inner))
			}
		}
	}
}

func (c *collector) moduleCall(block *hclsyntax.Block) {
	source, ok := block.Body.Attributes["source"]
	if !ok {
		return
	}
	if len(block.Labels) == 1 {
		c.moduleSource(block.Labels[0], source.Expr, source.SrcRange.Start.Line)
	}
	p := constantPath(source.Expr)
	if p.base != fromText || p.dynamic && isLocalSource(p.text) {
		c.unknownModule(strings.Join(block.Labels, "."), source.SrcRange.Start.Line)
	}
	if p.base != fromText {
		return
	}
	c.module(p.text, p.dynamic, source.SrcRange.Start.Line)
	delete(block.Body.Attributes, "source") // is no argument; nobody looks at it again
	for name, attr := range block.Body.Attributes {
		c.computes("module."+strings.Join(block.Labels, ".")+"."+name, attr.Expr, 0)
	}
	if !isLocalSource(p.text) {
		c.Elsewhere = true
		return
	}
	call := call{Module: path.Clean(p.text)}
	for name, attr := range block.Body.Attributes {
		c.argument(&call, name, attr.Expr, attr.SrcRange.Start.Line)
	}
	c.Calls = append(c.Calls, call)
}

// expressions notes the paths below node: arguments of the functions that read files, every text that
// begins with ${path.module} or the like, whatever it is used for, every one that is a relative path, and
// those that may be the name of something.
func (c *collector) expressions(node hclsyntax.Node, before int) {
	told := map[hclsyntax.Expression]bool{} // parts of a text that was looked at as a whole
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.FunctionCallExpr:
			if c.call(n, before) {
				told[n.Args[0]] = true
			}
			if ps, ok := partsOfCall(n); ok && functionName(n) != "dirname" { // alone it mostly becomes a name
				c.text(n, ps, before+n.NameRange.Start.Line, told)
			}
		case *hclsyntax.ScopeTraversalExpr:
			if base := pathBase(n); base != unknownBase && !told[n] {
				c.found(pathExpr{base: base}, before+n.SrcRange.Start.Line)
			}
		case *hclsyntax.TemplateExpr:
			c.text(n, parts(n), before+n.SrcRange.Start.Line, told)
		}
		return nil
	})
}

// text notes the paths in a text that is put together from parts.
func (c *collector) text(expr hclsyntax.Expression, parts []hclsyntax.Expression, line int, told map[hclsyntax.Expression]bool) {
	for i, part := range parts {
		if base := pathBase(part); base != fromText && base != unknownBase && !told[part] {
			told[part] = true
			c.found(pathFrom(base, parts[i+1:]), line)
		}
	}
	p := pathFrom(fromText, parts)
	if isPathText(p.text) {
		c.pathText(p.text, p.dynamic, line)
	} else {
		c.name(p.text, p.dynamic)
	}
	if rest := unknownRest(parts); !told[expr] && goesUp(rest) && fromLocal(parts[0]) {
		c.unknown("", parts, line)
	}
	c.words(textOf(parts), line)
}

// call notes what file(...) and its kin read (Terraform language, Filesystem functions).
// It tells whether it is one of them.
func (c *collector) call(call *hclsyntax.FunctionCallExpr, before int) bool {
	name := functionName(call)
	if len(call.Args) == 0 || (!strings.HasPrefix(name, "file") && name != "templatefile") {
		return false
	}
	p := constantPath(call.Args[0])
	if c.inTemplate && p.base != fromText {
		p.base = unknownBase
	}
	if name == "templatefile" {
		c.usesTemplate(p, before+call.NameRange.Start.Line)
	}
	if p.base == unknownBase {
		c.unknown(name, parts(call.Args[0]), before+call.NameRange.Start.Line)
		return true
	}
	if name == "fileset" && len(call.Args) > 1 && !p.dynamic {
		if pattern := constantPath(call.Args[1]); pattern.base == fromText {
			dir, rest := doublestar.SplitPattern(pattern.text)
			p.whole = pattern.dynamic || strings.Contains(pattern.text, "/") || strings.Contains(pattern.text, "**")
			if pattern.dynamic && !strings.Contains(pattern.text, "/") || rest == "" {
				dir = "."
			}
			p.text = path.Join(p.text, dir)
		} else {
			p.whole = true
		}
	}
	c.found(p, before+call.NameRange.Start.Line)
	return true
}

// found notes a path expression; of one with a dynamic end, the directory in which the end begins.
func (c *collector) found(p pathExpr, line int) {
	if kind, text, ok := p.ref(); ok {
		c.add(kind, text, line)
		c.Refs[len(c.Refs)-1].Whole = p.whole
	}
}

// ref is where a path expression leads, and from where; of one with a dynamic end, the
// directory in which the end begins.
func (p pathExpr) ref() (kind refKind, text string, ok bool) {
	text = p.text
	if p.dynamic {
		text = path.Dir(text + "x")
	}
	switch p.base {
	case fromModule:
		return pathRef, text, true
	case fromRoot:
		return rootRef, text, true
	case fromText:
		if strings.HasPrefix(text, "~") { // Terraform takes this for the home directory
			text = "/" + text
		}
		return rootRef, text, true
	}
	return 0, "", false
}
