package project

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/lockkeeper/lockkeeper/project/depth"
)

// facts is what one Terraform file says about other files. It depends on nothing but the
// bytes of the file, so it is kept per blob. The fields are exported for gob, which saves them.
type facts struct {
	Refs  []ref
	Root  bool // has a backend or cloud block, so its directory is a root module
	Makes bool // has a resource, data or module block, so there is something to plan
	// Backends are the backend and cloud blocks, in the order of the file.
	Backends []backend
	Disk     []moduleCall // calls of modules that lie on the machine on which terraform runs
	Unknown  []unknownPath
	// Names are texts that may be names of files or directories: clean, each once, in order; from the directory of the file, or
	// from the root module's.
	Names  []string
	Locals map[string]ref // locals that are a path by themselves
	Paths  []string       // names of variables that have such a path: as a default, or in a file of values
	Calls  []call         // of local modules, and what they pass
	// Elsewhere says that a module is called that is not of the repository; Computed are the paths that it may get.
	Elsewhere bool
	Computed  []computedPath
	// Templates are those that are rendered, which may read files themselves.
	Templates []templateRef
	Link      string // of a symbolic link, where it leads; all else is then empty
	Skipped   bool   // nothing in it can be a reference, so it was not parsed
	Line      int    // of the first mistake
	Mistake   string // the first reason why the file could not be read in full; "" is fine
}

// ref is one reference by a constant path, or by the constant beginning of a path.
type ref struct {
	Kind refKind
	Path string // clean, relative to the directory that Kind says; absolute when it leaves the repository for sure
	Line int
	// Whole says that what is read may lie in a directory below Path, one with Terraform files of its own included.
	Whole bool
}

type refKind uint8

const (
	moduleRef refKind = iota // a local module call; from the directory of the file
	pathRef                  // a file or a directory; from the directory of the file
	rootRef                  // a file or a directory; from the root module's directory, where terraform runs
	hereRef                  // text that looks like a path, which counts if it leads to something; from the directory of the file
	thereRef                 // the same; from the root module's directory
)

// unknownPath is a function that reads files and whose path does not begin with a constant.
type unknownPath struct {
	Call       string // for people, such as file(var.policy)
	Local, Var string // what the path begins with, when that is local.x or var.x
	Rest       string // the constant text behind it
	Line       int
}

// call is one call of a local module.
type call struct {
	Module string   // as its source says, clean
	Paths  []string // names of variables that get a path that is followed
	Others []string // names of variables that get something else
}

// maxTerraformBytes is the longest Terraform file that is searched for references.
const maxTerraformBytes = 4 << 20

// readFacts extracts the facts of a file. all parses files too in which nothing can be a reference,
// for the sake of finding mistakes.
func readFacts(name string, data []byte, all bool) facts {
	if len(data) > maxTerraformBytes {
		return facts{Mistake: fmt.Sprintf("is %d bytes long; at most %d are searched for references", len(data), maxTerraformBytes)}
	}
	c := &collector{data: data}
	switch {
	case isValues(name):
		c.values(name, data)
	case !all && !mayRefer(data):
		return facts{Skipped: true}
	case strings.HasSuffix(name, ".json"):
		c.json(data)
	default:
		c.hcl(data)
	}
	c.sort()
	return c.facts
}

// sort puts what was found in a fixed order, each path once: HCL is walked through maps.
func (c *collector) sort() {
	slices.SortFunc(c.Refs, func(a, b ref) int {
		return cmp.Or(int(a.Kind)-int(b.Kind), strings.Compare(a.Path, b.Path), wholeFirst(a, b), a.Line-b.Line)
	})
	slices.SortFunc(c.Unknown, func(a, b unknownPath) int {
		return cmp.Or(a.Line-b.Line, strings.Compare(a.Call, b.Call), strings.Compare(a.Rest, b.Rest))
	})
	slices.SortFunc(c.Computed, func(a, b computedPath) int { return cmp.Or(a.Line-b.Line, strings.Compare(a.Call, b.Call)) })
	c.sortCalls()
	slices.Sort(c.Paths)
	slices.Sort(c.Names)
	c.Names = slices.Compact(c.Names)
	c.Refs = slices.CompactFunc(c.Refs, func(a, b ref) bool { return a.Kind == b.Kind && a.Path == b.Path })
	slices.SortFunc(c.Templates, func(a, b templateRef) int {
		return cmp.Or(int(a.Ref.Kind)-int(b.Ref.Kind), strings.Compare(a.Ref.Path, b.Ref.Path), a.Ref.Line-b.Ref.Line)
	})
}

// wholeFirst orders two references to one path: the one that says more is kept.
func wholeFirst(a, b ref) int {
	switch {
	case a.Whole == b.Whole:
		return 0
	case a.Whole:
		return -1
	}
	return 1
}

// mayRefer is a cheap test that is true for every file with a reference or a backend; \u is there because
// an escape can hide a dot. A source put together from pieces, "${"."}/x", gets past it: the
// job then misses that module and terraform says so, nothing is planned wrongly.
func mayRefer(data []byte) bool {
	for _, word := range [...]string{"./", `.."`, "dirname", "module", "path", "file", "backend", "cloud", "resource", "data", `\u`, `\U`} {
		if bytes.Contains(data, []byte(word)) {
			return true
		}
	}
	return false
}

// collector gathers the facts of one file.
type collector struct {
	facts
	data       []byte
	inTemplate bool // where no path.module is
}

func (c *collector) add(kind refKind, p string, line int) {
	c.Refs = append(c.Refs, ref{Kind: kind, Path: path.Clean(p), Line: line})
}

func (c *collector) mistake(line int, message string) {
	if c.Mistake == "" || line < c.Line || (line == c.Line && message < c.Mistake) {
		c.Line, c.Mistake = line, message
	}
}

// module notes a module's source if it is a local path: Terraform takes a source for one if it
// begins with ./ or ../ (Terraform language, Module sources, Local paths).
func (c *collector) module(source string, dynamic bool, line int) {
	switch {
	case !strings.HasPrefix(source, "./") && !strings.HasPrefix(source, "../"):
	case dynamic:
		c.add(pathRef, path.Dir(source+"x"), line)
	default:
		c.add(moduleRef, source, line)
	}
}

// json reads Terraform's JSON syntax: blocks are nested objects and every string may be a template.
func (c *collector) json(data []byte) {
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		var syntax *json.SyntaxError
		line := 1
		if errors.As(err, &syntax) {
			line += bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		}
		c.mistake(line, "is not valid JSON: "+err.Error())
		return
	}
	switch doc.(type) {
	case map[string]any, []any:
		eachBody(doc, 0, c.jsonBody)
	default:
		c.mistake(1, "is not a JSON object")
	}
}

// jsonBody reads a file's object, or one of several that it has in a list.
func (c *collector) jsonBody(doc map[string]any) {
	eachNamed(doc["module"], "", func(name string, body map[string]any) {
		source, ok := body["source"].(string)
		if !ok {
			return
		}
		line := c.lineOf(source)
		c.disk(name, source, line)
		dynamic := strings.Contains(source, "${") || strings.Contains(source, "%{")
		if dynamic && (isLocalSource(source) || strings.HasPrefix(source, "${") || strings.HasPrefix(source, "%{")) {
			c.unknownModule(name, line)
		}
		c.module(source, dynamic, line)
		delete(body, "source") // is no argument
		for variable, value := range body {
			c.jsonComputes("module."+name+"."+variable, value)
		}
		if !isLocalSource(source) {
			c.Elsewhere = true
			return
		}
		call := call{Module: path.Clean(source)}
		for variable, value := range body {
			var expr hclsyntax.Expression
			text, ok := value.(string)
			if ok {
				expr = jsonExpression(text)
			}
			c.argument(&call, variable, expr, c.lineOf(text))
		}
		c.Calls = append(c.Calls, call)
	})
	eachBody(doc["terraform"], 0, c.jsonSettings)
	c.Makes = c.Makes || doc["resource"] != nil || doc["data"] != nil || doc["module"] != nil
	c.jsonVariables(doc)
	c.jsonTemplates(doc)
}

// jsonVariables notes the locals and variables that are a path, as hclVariables does.
func (c *collector) jsonVariables(doc map[string]any) {
	eachBody(doc["locals"], 0, func(body map[string]any) {
		for name, value := range body {
			c.jsonComputes("local."+name, value)
			if text, ok := value.(string); ok {
				c.local(name, jsonExpression(text))
			}
		}
	})
	eachNamed(doc["variable"], "", func(name string, body map[string]any) {
		c.jsonComputes("var."+name, body["default"])
		if text, ok := body["default"].(string); ok && isPathText(text) {
			c.Paths = append(c.Paths, name)
		}
	})
}

// jsonExpression is a string of the JSON syntax, which is a template; nil for one that is none.
func jsonExpression(text string) hclsyntax.Expression {
	if depth.Exceeded([]byte(text), hclsyntax.LexTemplate) {
		return nil
	}
	expr, diags := hclsyntax.ParseTemplate([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil
	}
	return expr
}

// jsonSettings reads a terraform block.
func (c *collector) jsonSettings(body map[string]any) {
	if body["backend"] != nil || body["cloud"] != nil {
		c.Root = true
	}
	eachBody(body["backend"], 0, func(types map[string]any) {
		for kind, inner := range types {
			eachBody(inner, 0, func(body map[string]any) { c.Backends = append(c.Backends, jsonBackend(kind, body)) })
		}
	})
	eachBody(body["cloud"], 0, func(body map[string]any) { c.Backends = append(c.Backends, jsonBackend("cloud", body)) })
}

// eachBody calls f for each block body below value, which stands under labels labels. JSON syntax allows
// an object or a list of objects at each level.
func eachBody(value any, labels int, f func(map[string]any)) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			eachBody(item, labels, f)
		}
	case map[string]any:
		if labels == 0 {
			f(v)
			return
		}
		for _, item := range v {
			eachBody(item, labels-1, f)
		}
	}
}

// eachNamed is eachBody for blocks with one label, which f gets, too.
func eachNamed(value any, name string, f func(name string, body map[string]any)) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			eachNamed(item, name, f)
		}
	case map[string]any:
		if name != "" {
			f(name, v)
			return
		}
		for label, item := range v {
			eachNamed(item, label, f)
		}
	}
}

func (c *collector) jsonTemplates(value any) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			c.jsonTemplates(item)
		}
	case map[string]any:
		for _, item := range v {
			c.jsonTemplates(item)
		}
	case string:
		switch {
		case strings.Contains(v, "${"), strings.Contains(v, "%{"):
			c.template(v, c.lineOf(v))
		case isPathText(v):
			c.pathText(v, false, c.lineOf(v))
			c.words(v, c.lineOf(v))
		default:
			c.name(v, false)
			c.words(v, c.lineOf(v))
		}
	}
}

// lineOf finds a JSON string again; encoding/json does not say where it was. The first place with the same
// text is good enough to lead a person there.
func (c *collector) lineOf(s string) int {
	quoted, _ := json.Marshal(s)
	i := bytes.Index(c.data, quoted)
	if i < 0 {
		return 1
	}
	return 1 + bytes.Count(c.data[:i], []byte("\n"))
}
