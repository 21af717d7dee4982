package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

const resource = "gh.json"

func newCompiler(doc object) (*jsonschema.Compiler, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(resource, doc); err != nil {
		return nil, fmt.Errorf("adding gh.json.gz to the schema compiler: %w", err)
	}
	return c, nil
}

// toJSONSchema rewrites OpenAPI 3.0 schemas into JSON Schema 2020-12, in place.
// Within a schema the two differ, as far as GitHub goes, in `nullable` only
// (OpenAPI 3.0.3, Schema Object, Fixed Fields).
func toJSONSchema(v any) {
	switch v := v.(type) {
	case object:
		for _, child := range v {
			toJSONSchema(child)
		}
		if nullable, _ := v["nullable"].(bool); nullable {
			delete(v, "nullable")
			allowNull(v)
		}
	case []any:
		for _, child := range v {
			toJSONSchema(child)
		}
	}
}

// allowNull widens a schema by the value null.
func allowNull(schema object) {
	if t, ok := schema["type"].(string); ok {
		schema["type"] = []any{t, "null"}
		if values, ok := schema["enum"].([]any); ok {
			schema["enum"] = append(values, nil)
		}
	}
	for _, key := range []string{"allOf", "oneOf", "anyOf"} {
		branches, ok := schema[key]
		if !ok {
			continue
		}
		delete(schema, key)
		schema["anyOf"] = []any{object{key: branches}, object{"type": "null"}}
		return
	}
}

// validate checks a JSON document against the schema at a JSON pointer and
// says every difference.
func (s *Spec) validate(pointer string, body []byte) []string {
	schema, err := s.schema(pointer)
	if err != nil {
		return []string{err.Error()}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{"the body is not one JSON document: " + err.Error()}
	}
	var invalid *jsonschema.ValidationError
	if errors.As(schema.Validate(value), &invalid) {
		return differences(invalid)
	}
	return nil
}

func (s *Spec) schema(pointer string) (*jsonschema.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if schema, ok := s.compiled[pointer]; ok {
		return schema, nil
	}
	schema, err := s.compiler.Compile(resource + pointer)
	if err != nil {
		return nil, fmt.Errorf("compiling the schema %s: %w", pointer, err)
	}
	s.compiled[pointer] = schema
	return schema, nil
}

// differences lists the innermost causes, each with the place it is about.
func differences(e *jsonschema.ValidationError) []string {
	if len(e.Causes) == 0 {
		what := e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
		return []string{"/" + strings.Join(e.InstanceLocation, "/") + ": " + what}
	}
	var all []string
	for _, cause := range e.Causes {
		all = append(all, differences(cause)...)
	}
	return all
}
