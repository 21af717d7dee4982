package project

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/lockkeeper/lockkeeper/project/depth"
)

// A template may read files itself: what templatefile is given calls file, fileset and
// their kin from the directory in which terraform runs, and so does the template of a
// template_file. Those that a constant path leads to are read like Terraform files.

// templateRef is a template that a file uses.
type templateRef struct {
	Ref     ref
	Dynamic bool // any file below the path may be the template
}

// Bounds of what is looked into as templates: files below one directory, files of all
// directories together, each as often as it is used, and places in which one is looked for:
// a path from where terraform runs may be of any directory that calls, over any others.
const (
	maxTemplates       = 200
	maxTemplateUses    = 50_000
	maxTemplateLookups = 200_000
)

// tooMuch stands for a template that is not searched.
const tooMuch = "what a template reads that is too large, too deep or one of too many"

func notSearched() *facts { return &facts{Unknown: []unknownPath{{Call: tooMuch, Line: 1}}} }

// templateFacts extracts what a template says about other files.
func templateFacts(data []byte) facts {
	if !bytes.Contains(data, []byte("file")) || !bytes.Contains(data, []byte("{")) {
		return facts{}
	}
	if len(data) > maxTerraformBytes || depth.Exceeded(data, hclsyntax.LexTemplate) {
		return *notSearched()
	}
	c := &collector{data: data, inTemplate: true}
	expr, _ := hclsyntax.ParseTemplate(data, "", hcl.InitialPos) // one with mistakes fails while planning
	if expr == nil {
		return facts{}
	}
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			c.call(call, 0)
		}
		return nil
	})
	for i := range c.Unknown { // var.x is what the template was given as var
		c.Unknown[i].Local, c.Unknown[i].Var = "", ""
	}
	c.sort()
	return c.facts
}

// templateFile notes the files that a data source template_file takes as templates.
func (c *collector) templateFile(block *hclsyntax.Block) {
	attr, ok := block.Body.Attributes["template"]
	if !ok {
		return
	}
	_ = hclsyntax.VisitAll(attr.Expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && strings.TrimPrefix(call.Name, "core::") == "file" && len(call.Args) > 0 {
			c.usesTemplate(constantPath(call.Args[0]), call.NameRange.Start.Line)
		}
		return nil
	})
}

// usesTemplate notes a template by a path that is constant, or begins so.
func (c *collector) usesTemplate(p pathExpr, line int) {
	if kind, text, ok := p.ref(); ok {
		c.Templates = append(c.Templates, templateRef{ref{Kind: kind, Path: path.Clean(text), Line: line}, p.dynamic})
	}
}

// templating finds the templates of a commit.
type templating struct {
	files   []File
	links   linked
	callers map[string][]string // directory -> those whose files call it as a module
	seen    map[usedTemplate]bool
	lookups int                       // places that were looked at
	above   map[string][]string       // directory -> itself and all that reach it by calls
	locals  map[string]map[string]ref // directory -> its constant local values
	out     map[string][]source
}

// usedTemplate is a template of a directory.
type usedTemplate struct{ dir, file string }

// templates returns the templates that the Terraform files of each directory lead to,
// with those that these lead to.
func (ix *Index) templates(ctx context.Context, tree Tree, files []File, links linked, sources []File, found []*facts) (map[string][]source, error) {
	t := templating{files: files, links: links, callers: map[string][]string{}, seen: map[usedTemplate]bool{}, above: map[string][]string{}, locals: map[string]map[string]ref{}, out: map[string][]source{}}
	for i, f := range sources {
		for _, r := range found[i].Refs {
			if to, ok := within(path.Dir(f.Path), r.Path); ok && r.Kind == moduleRef {
				real, _ := links.real(to)
				t.callers[real] = append(t.callers[real], path.Dir(f.Path))
			}
		}
	}
	for dir, callers := range t.callers { // each caller once, however often it calls
		slices.Sort(callers)
		t.callers[dir] = slices.Compact(callers)
	}
	var next []usedTemplate
	use := func(dir string, f *facts) {
		for _, r := range f.Templates {
			next = append(next, t.leadsTo(dir, r)...)
		}
		locals := map[string]ref{}
		if len(f.Unknown) > 0 {
			locals = t.localsOf(dir, sources, found)
		}
		for _, u := range f.Unknown {
			if at, ok := locals[u.Local]; ok && u.Local != "" && strings.HasPrefix(u.Call, "templatefile(") {
				at.Path = path.Clean(path.Join(at.Path, u.Rest))
				next = append(next, t.leadsTo(dir, templateRef{Ref: at})...)
			}
		}
	}
	for i, f := range sources {
		use(path.Dir(f.Path), found[i])
	}
	for len(next) > 0 {
		now := next
		next = nil
		known, err := ix.readTemplates(ctx, tree, t.of(now))
		if err != nil {
			return nil, err
		}
		for _, u := range now {
			f, _ := fileAt(files, u.file)
			if got := known[f.Blob]; len(got.Refs)+len(got.Unknown)+len(got.Templates) > 0 {
				t.out[u.dir] = append(t.out[u.dir], source{u.file, f.Blob, got})
				use(u.dir, got)
			}
		}
	}
	return t.out, nil
}

// localsOf is localsIn, found once for each directory.
func (t *templating) localsOf(dir string, sources []File, found []*facts) map[string]ref {
	if t.locals[dir] == nil {
		t.locals[dir] = localsIn(dir, sources, found)
	}
	return t.locals[dir]
}

// localsIn are the constant local values of a directory.
func localsIn(dir string, sources []File, found []*facts) map[string]ref {
	out := map[string]ref{}
	first, _ := slices.BinarySearchFunc(sources, dir+"/", func(f File, p string) int { return strings.Compare(f.Path, p) })
	if dir == "." {
		first = 0
	}
	for i := first; i < len(sources) && (dir == "." || strings.HasPrefix(sources[i].Path, dir+"/")); i++ {
		if path.Dir(sources[i].Path) == dir {
			for name, r := range found[i].Locals {
				out[name] = r
			}
		}
	}
	return out
}

// leadsTo are the files of a template that a directory uses, each once.
func (t *templating) leadsTo(dir string, r templateRef) (out []usedTemplate) {
	bases := []string{dir}
	if r.Ref.Kind == rootRef && t.lookups < maxTemplateLookups { // from where terraform runs, which may be any directory that calls this one
		bases = t.callersOf(dir)
	}
	if t.lookups += len(bases); t.lookups > maxTemplateLookups {
		t.leaveOut(dir, dir)
		return nil
	}
	for _, base := range bases {
		to, ok := within(base, r.Ref.Path)
		if !ok {
			continue
		}
		real, ok := t.links.real(to)
		if !ok {
			continue
		}
		files := t.at(real, r.Dynamic)
		if len(files) > maxTemplates || len(t.seen)+len(files) > maxTemplateUses {
			t.leaveOut(dir, real)
			continue
		}
		for _, f := range files {
			if u := (usedTemplate{dir, f.Path}); f.Regular() && !t.seen[u] {
				t.seen[u] = true
				out = append(out, u)
			}
		}
	}
	return out
}

// leaveOut notes, once for each, that what a directory uses there is not searched.
func (t *templating) leaveOut(dir, at string) {
	if u := (usedTemplate{dir, at}); !t.seen[u] && len(t.seen) < 2*maxTemplateUses {
		t.seen[u] = true
		t.out[dir] = append(t.out[dir], source{at, "", notSearched()})
	}
}

// callersOf are a directory and all from which calls lead to it.
func (t *templating) callersOf(dir string) []string {
	if known := t.above[dir]; known != nil {
		return known
	}
	all, seen := []string{dir}, map[string]bool{dir: true}
	for i := 0; i < len(all); i++ {
		for _, up := range t.callers[all[i]] {
			if !seen[up] {
				seen[up] = true
				all = append(all, up)
			}
		}
	}
	t.above[dir] = all
	return all
}

// at is the file of that path, or those that may be below it.
func (t *templating) at(p string, dynamic bool) []File {
	if f, ok := fileAt(t.files, p); ok {
		return []File{f}
	}
	switch {
	case !dynamic:
		return nil
	case p == ".":
		return t.files
	}
	return (&Graph{files: t.files}).at(p)
}

// of are the files of templates, one for each content.
func (t *templating) of(used []usedTemplate) (out []File) {
	blobs := map[string]bool{}
	for _, u := range used {
		if f, ok := fileAt(t.files, u.file); ok && !blobs[f.Blob] {
			blobs[f.Blob] = true
			out = append(out, f)
		}
	}
	return out
}

// readTemplates returns what templates say, by blob, and reads those that are new.
func (ix *Index) readTemplates(ctx context.Context, tree Tree, files []File) (map[string]*facts, error) {
	const asTemplate = "t" // behind the blob in the index
	out := map[string]*facts{}
	var missing []File
	ix.mu.RLock()
	for _, f := range files {
		if out[f.Blob] = ix.known[f.Blob+asTemplate]; out[f.Blob] == nil {
			missing = append(missing, f)
		}
	}
	ix.mu.RUnlock()
	if len(missing) == 0 {
		return out, nil
	}
	err := tree.Read(ctx, missing, func(f File, data []byte) error {
		got := templateFacts(data)
		out[f.Blob] = &got
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.known == nil {
		ix.known = map[string]*facts{}
	}
	for _, f := range missing {
		if out[f.Blob] == nil {
			out[f.Blob] = notSearched()
			continue
		}
		ix.known[f.Blob+asTemplate] = out[f.Blob]
	}
	return out, nil
}
