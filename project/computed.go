package project

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// What a module from elsewhere reads nobody sees, so the paths that it gets have to be followed where they are written.
// A path leads out of the project's directory by .. alone, or by functions that shorten path.cwd and the like; so names, CIDRs,
// ARNs and URLs, which are put together with / as well, are not taken for paths.

// computedPath is a place where a text is put together that may be a path, and that is not followed.
type computedPath struct {
	Call string // for people, such as module.m.dir or local.up
	Line int
}

// computes notes an expression whose value a module from elsewhere may get, if it puts a path together.
// before are the lines in front of the expression.
func (c *collector) computes(call string, expr hclsyntax.Node, before int) {
	if expr == nil {
		return
	}
	w := &pathMaking{}
	_ = hclsyntax.Walk(expr, w)
	if w.line > 0 {
		c.Computed = append(c.Computed, computedPath{call, before + w.line})
	}
}

// jsonComputes is computes of a value of the JSON syntax.
func (c *collector) jsonComputes(call string, value any) {
	switch v := value.(type) {
	case string:
		if expr := jsonExpression(v); expr != nil {
			c.computes(call, expr, c.lineOf(v)-1)
		}
	case []any:
		for _, item := range v {
			c.jsonComputes(call, item)
		}
	case map[string]any:
		for _, item := range v {
			c.jsonComputes(call, item)
		}
	}
}

// textMaking are functions that put texts together or change them; pathShortening those that leave out a part.
var (
	textMaking     = []string{"format", "formatlist", "join", "replace", "split", "strrev", "substr", "templatestring", "trim", "trimsuffix"}
	pathShortening = []string{"replace", "slice", "substr", "trim", "trimsuffix"}
)

// pathMaking looks for the first place in an expression where a path is put together.
type pathMaking struct {
	line                       int // 0 for none
	elsewhere, texts, shorters int // how many calls are around: of functions whose arguments do not matter, textMaking, pathShortening
}

func (w *pathMaking) Enter(node hclsyntax.Node) hcl.Diagnostics {
	switch n := node.(type) {
	case *hclsyntax.FunctionCallExpr:
		ps, ok := partsOfCall(n)
		w.found(n, ok && climbs(ps, w.texts > 0) || functionName(n) == "dirname")
		w.count(n, 1)
	case *hclsyntax.ScopeTraversalExpr:
		base := pathBase(n)
		w.found(n, w.shorters > 0 && (base == fromModule || base == fromRoot))
	case *hclsyntax.TemplateExpr:
		w.found(n, climbs(parts(n), w.texts > 0))
	}
	return nil
}

func (w *pathMaking) Exit(node hclsyntax.Node) hcl.Diagnostics {
	if n, ok := node.(*hclsyntax.FunctionCallExpr); ok {
		w.count(n, -1)
	}
	return nil
}

// count notes that a call begins or ends. What basename gives is no path, what reads a file is looked at by itself, and what
// only puts a text together was, as a whole.
func (w *pathMaking) count(n *hclsyntax.FunctionCallExpr, by int) {
	name := functionName(n)
	if _, ok := partsOfCall(n); ok && name != "dirname" && w.texts == 0 && w.shorters == 0 {
		w.elsewhere += by
		return
	}
	if name == "basename" || name == "templatefile" || strings.HasPrefix(name, "file") {
		w.elsewhere += by
	}
	if slices.Contains(textMaking, name) {
		w.texts += by
	}
	if slices.Contains(pathShortening, name) {
		w.shorters += by
	}
}

func (w *pathMaking) found(at hclsyntax.Node, is bool) {
	if is && w.elsewhere == 0 && w.line == 0 {
		w.line = at.Range().Start.Line
	}
}

func functionName(n *hclsyntax.FunctionCallExpr) string { return strings.TrimPrefix(n.Name, "core::") }

// climbs tells that a text has a .. with which it may lead where nobody follows it. changed says that a function makes
// another text of it.
func climbs(parts []hclsyntax.Expression, changed bool) bool {
	text := textOf(parts)
	if strings.ContainsAny(text, " \t\n") || strings.Contains(text, "://") || strings.HasPrefix(text, "/") && !changed {
		return false // prose, a program, a URL or a path of the machine
	}
	if !changed {
		switch p := pathOf(parts); {
		case p.base == fromModule || p.base == fromRoot:
			_, text, _ = strings.Cut(strings.TrimPrefix(text, computed), computed)
		case p.base == fromText && isPathText(p.text): // followed up to what is not constant
			_, text, _ = strings.Cut(text, computed)
		}
	}
	return slices.ContainsFunc(strings.Split(text, "/"), func(part string) bool { return strings.TrimLeft(part, computed) == ".." })
}

// computed lists the computed paths that a module from elsewhere may get in p, if it reaches a call of one.
func (g *Graph) computed(p Project, r reach) (out Problems) {
	calls := slices.ContainsFunc(r.modules, func(dir string) bool { n := g.nodes[dir]; return n != nil && n.elsewhere() })
	if !calls {
		return nil
	}
	add := func(file string, f *facts) {
		for _, at := range f.Computed {
			out = append(out, Problem{File: file, Line: at.Line, Message: fmt.Sprintf(
				"the path of %s cannot be followed into a module from elsewhere, so a change of what it reads touches no project; write it as one text that begins with ./, ../ or ${path.module}/, and without .. behind what is not constant", yamlfile.Clip(at.Call))})
		}
	}
	for _, dir := range r.modules {
		if n := g.nodes[dir]; n != nil {
			for _, s := range n.sources {
				add(s.path, s.facts)
			}
		}
	}
	for _, name := range slices.Concat(g.auto[p.Dir], varFiles(p)) {
		if f := g.values[name]; f != nil {
			add(name, f)
		}
	}
	return out
}

// elsewhere tells that a module is called that is not of this repository.
func (n *node) elsewhere() bool {
	return slices.ContainsFunc(n.sources, func(s source) bool { return s.Elsewhere })
}
