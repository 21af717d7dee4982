// Package openapi holds GitHub to its word: it checks HTTP traffic and webhook
// payloads against GitHub's own OpenAPI description.
//
// The sandbox's double is wrapped in a Checker whenever tests run, so that
// neither the double nor Lockkeeper can drift from the real API unnoticed. The
// package knows the description only: nothing of the double and nothing of
// Lockkeeper. What a schema cannot say (order, timing, rights) it does not see.
package openapi

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed gh.json.gz
var compressed []byte

// object is a decoded JSON object.
type object = map[string]any

// Spec is the trimmed description. It is safe for concurrent use; schemas are
// compiled when a message first needs them.
type Spec struct {
	doc        object
	operations []*operation // most specific path first

	mu       sync.Mutex // guards compiler and compiled
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema // by JSON pointer
}

// operation is one method on one path.
type operation struct {
	id      string // such as issues/create-comment
	method  string
	path    *regexp.Regexp
	literal int    // characters of the path that are no parameter
	pointer string // JSON pointer to doc
	doc     object
	params  []object
}

var parsed = sync.OnceValues(parse)

// Load returns the embedded description. The first call takes some 30 ms; later
// ones return the same Spec, with the schemas that were compiled meanwhile.
func Load() (*Spec, error) { return parsed() }

func parse() (*Spec, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("unpacking gh.json.gz: %w", err)
	}
	decoded, err := jsonschema.UnmarshalJSON(unzipped)
	if err != nil {
		return nil, fmt.Errorf("reading gh.json.gz: %w", err)
	}
	toJSONSchema(decoded)
	s := &Spec{doc: decoded.(object), compiled: map[string]*jsonschema.Schema{}}
	if s.compiler, err = newCompiler(s.doc); err != nil {
		return nil, err
	}
	for path, methods := range s.doc["paths"].(object) {
		for method, doc := range methods.(object) {
			s.operations = append(s.operations, s.newOperation(path, method, doc.(object)))
		}
	}
	slices.SortFunc(s.operations, func(a, b *operation) int { return b.literal - a.literal })
	return s, nil
}

func (s *Spec) newOperation(path, method string, doc object) *operation {
	o := &operation{
		id:      doc["operationId"].(string),
		method:  strings.ToUpper(method),
		literal: len(placeholder.ReplaceAllString(path, "")),
		pointer: "#/paths/" + escapePointer.Replace(path) + "/" + method,
		doc:     doc,
	}
	list, _ := doc["parameters"].([]any)
	for _, p := range list {
		o.params = append(o.params, s.resolve(p.(object)))
	}
	o.path = pathPattern(path, o.params)
	return o
}

var (
	placeholder   = regexp.MustCompile(`\{[^}]+\}`)
	escapePointer = strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
)

// pathPattern turns a path template into an expression for the escaped path of
// a URL. A multi-segment parameter (a ref, a file) may hold slashes; the last
// one may be empty with its slash, as GitHub accepts for the root of a tree.
func pathPattern(path string, params []object) *regexp.Regexp {
	pattern := map[string]string{}
	for _, p := range params {
		name := "{" + p["name"].(string) + "}"
		switch multi, _ := p["x-multi-segment"].(bool); {
		case p["in"] != "path":
		case multi:
			pattern[name] = ".*"
		case p["schema"].(object)["type"] == "integer":
			pattern[name] = "[0-9]+"
		}
	}
	var b strings.Builder
	b.WriteByte('^')
	rest := path
	for _, at := range placeholder.FindAllString(path, -1) {
		before, after, _ := strings.Cut(rest, at)
		b.WriteString(regexp.QuoteMeta(before))
		if p, ok := pattern[at]; ok {
			b.WriteString(p)
		} else {
			b.WriteString("[^/]+")
		}
		rest = after
	}
	b.WriteString(regexp.QuoteMeta(rest) + "$")
	return regexp.MustCompile(b.String())
}

// find returns the operation that answers a request, or nil. path is escaped
// as in the URL and begins with a slash.
func (s *Spec) find(method, path string) *operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, o := range s.operations {
		if o.method == method && o.path.MatchString(path) {
			return o
		}
	}
	return nil
}

// resolve follows a reference to a component such as a parameter or a response.
func (s *Spec) resolve(o object) object {
	ref, ok := o["$ref"].(string)
	if !ok {
		return o
	}
	parts := strings.Split(ref, "/") // #/components/KIND/NAME
	return s.doc["components"].(object)[parts[2]].(object)[parts[3]].(object)
}
