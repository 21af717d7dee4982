package project

import (
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

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

// expressions notes the paths below node: arguments of the functions that read files, every template
// in which a path begins with ${path.module} or the like, whatever it is used for, and every text that is a relative path.
func (c *collector) expressions(node hclsyntax.Node, before int) {
	told := map[hclsyntax.Expression]bool{} // parts of a template that was looked at as a whole
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.FunctionCallExpr:
			c.call(n, before)
		case *hclsyntax.ScopeTraversalExpr:
			if base := pathBase(n); base != unknownBase && !told[n] {
				c.found(pathExpr{base: base}, before+n.SrcRange.Start.Line)
			}
		case *hclsyntax.TemplateExpr:
			for i, part := range n.Parts {
				if base := pathBase(part); base != fromText && base != unknownBase {
					told[part] = true
					c.found(pathFrom(base, n.Parts[i+1:]), before+n.SrcRange.Start.Line)
				}
			}
			if p := pathFrom(fromText, n.Parts); isPathText(p.text) {
				c.pathText(p.text, p.dynamic, before+n.SrcRange.Start.Line)
			}
			c.words(textOf(n.Parts), before+n.SrcRange.Start.Line)
		}
		return nil
	})
}

// call notes what file(...) and its kin read (Terraform language, Filesystem functions).
func (c *collector) call(call *hclsyntax.FunctionCallExpr, before int) {
	name := strings.TrimPrefix(call.Name, "core::")
	if len(call.Args) == 0 || (!strings.HasPrefix(name, "file") && name != "templatefile") {
		return
	}
	p := constantPath(call.Args[0])
	if c.inTemplate && p.base != fromText {
		p.base = unknownBase
	}
	if name == "templatefile" {
		c.usesTemplate(p, before+call.NameRange.Start.Line)
	}
	if p.base == unknownBase {
		c.unknown(name, call.Args[0], before+call.NameRange.Start.Line)
		return
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

func constantPath(expr hclsyntax.Expression) pathExpr {
	switch e := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return constantPath(e.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return constantPath(e.Wrapped)
	case *hclsyntax.TemplateExpr:
		if len(e.Parts) == 0 {
			return pathExpr{}
		}
		if base := pathBase(e.Parts[0]); base != fromText {
			return pathFrom(base, e.Parts[1:])
		}
		return pathFrom(fromText, e.Parts)
	}
	if base := pathBase(expr); base != fromText {
		return pathExpr{base: base}
	}
	return pathFrom(fromText, []hclsyntax.Expression{expr})
}

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
