package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const jsonContent = "/content/application~1json/schema"

// request says what is wrong with a request to o.
func (s *Spec) request(o *operation, query url.Values, body []byte) []string {
	wrong := o.query(query)
	doc, ok := o.doc["requestBody"].(object)
	if !ok {
		return wrong
	}
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || string(trimmed) == "null" {
		if required, _ := doc["required"].(bool); required {
			wrong = append(wrong, "a body is required")
		}
		return wrong
	}
	wrong = append(wrong, s.validate(o.pointer+"/requestBody"+jsonContent, body)...)
	return append(wrong, undocumented(jsonSchema(doc), body)...)
}

// query checks parameters by name, enum and type of value.
func (o *operation) query(query url.Values) []string {
	documented := object{}
	for _, p := range o.params {
		if p["in"] == "query" {
			documented[p["name"].(string)] = p["schema"]
		}
	}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		schema, ok := documented[name].(object)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("the query parameter %s is not documented", name))
			continue
		}
		for _, value := range query[name] {
			if !scalarFits(schema, value) {
				wrong = append(wrong, fmt.Sprintf("the query parameter %s has the undocumented value %q", name, value))
			}
		}
	}
	return wrong
}

func scalarFits(schema object, value string) bool {
	if allowed, ok := schema["enum"].([]any); ok {
		return slices.Contains(allowed, any(value))
	}
	var err error
	switch schema["type"] {
	case "integer":
		_, err = strconv.ParseInt(value, 10, 64)
	case "boolean":
		_, err = strconv.ParseBool(value)
	}
	return err == nil
}

// undocumented names the keys of a request body that GitHub would ignore in
// silence: most often a slip of the pen.
func undocumented(schema object, body []byte) []string {
	properties, ok := schema["properties"].(object)
	if open, _ := schema["additionalProperties"].(bool); !ok || open {
		return nil
	}
	var sent object
	if json.Unmarshal(body, &sent) != nil {
		return nil // validate has said so
	}
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(sent)) {
		if _, ok := properties[key]; !ok {
			wrong = append(wrong, fmt.Sprintf("/%s: the property is not documented", key))
		}
	}
	return wrong
}

// generalStatus: any operation may answer so, although the description names
// them for some only (seen in recordings of the real API).
var generalStatus = map[int]bool{
	304: true, 400: true, 401: true, 403: true, 404: true, 422: true, 429: true,
	500: true, 502: true, 503: true,
}

// response says what is wrong with an answer of o. accept is the request's
// Accept header: with it a client may ask for a diff or a raw file.
func (s *Spec) response(o *operation, accept string, code int, header http.Header, body []byte) []string {
	if code == http.StatusNotModified {
		return noBody(body)
	}
	listed, ok := o.doc["responses"].(object)[strconv.Itoa(code)].(object)
	switch {
	case !ok && !generalStatus[code]:
		return []string{"the status is not documented"}
	case !ok && code >= 500 && !isJSON(header):
		return nil // GitHub's proxies answer with a page
	case !ok:
		return append(s.validate("#/components/schemas/basic-error", body), s.errorMessage(header, body)...)
	}
	pointer := o.pointer + "/responses/" + strconv.Itoa(code)
	if ref, ok := listed["$ref"].(string); ok {
		pointer = ref
	}
	switch {
	case jsonSchema(s.resolve(listed)) == nil:
		return noBody(body)
	case !isJSON(header) && asksForOther(accept):
		return nil
	}
	wrong := s.validate(pointer+jsonContent, body)
	if code >= 400 {
		return append(wrong, s.errorMessage(header, body)...)
	}
	return append(wrong, contentType(header)...)
}

func noBody(body []byte) []string {
	if len(bytes.TrimSpace(body)) > 0 {
		return []string{"a body where none is documented"}
	}
	return nil
}

// errorMessage: every error of the API has a message, though the schema of
// errors requires nothing at all.
func (s *Spec) errorMessage(header http.Header, body []byte) []string {
	var answer struct{ Message string }
	if json.Unmarshal(body, &answer) == nil && answer.Message == "" {
		return append(contentType(header), "/message: an error must say what is wrong")
	}
	return contentType(header)
}

func contentType(header http.Header) []string {
	if got := header.Get("Content-Type"); !strings.EqualFold(got, "application/json; charset=utf-8") {
		return []string{fmt.Sprintf("the content type is %q, want application/json; charset=utf-8", got)}
	}
	return nil
}

func isJSON(header http.Header) bool {
	return strings.HasPrefix(strings.ToLower(header.Get("Content-Type")), "application/json")
}

// asksForOther: media types that GitHub answers with something other than JSON
// (docs.github.com/rest, "Media types").
func asksForOther(accept string) bool {
	return slices.ContainsFunc([]string{"diff", "patch", "sha", "raw", "html"}, func(kind string) bool {
		return strings.Contains(accept, "github."+kind) || strings.Contains(accept, "github.v3."+kind)
	})
}

// jsonSchema is the schema of a request's or response's JSON content, nil if none.
func jsonSchema(doc object) object {
	content, _ := doc["content"].(object)
	media, _ := content["application/json"].(object)
	schema, _ := media["schema"].(object)
	return schema
}

// webhook says what is wrong with the payload of an event.
func (s *Spec) webhook(event string, payload []byte) []string {
	var head struct{ Action string }
	if err := json.Unmarshal(payload, &head); err != nil {
		return []string{"the payload is not a JSON object: " + err.Error()}
	}
	key := strings.ReplaceAll(event, "_", "-")
	if head.Action != "" {
		key += "-" + strings.ReplaceAll(head.Action, "_", "-")
	}
	if _, ok := s.doc["x-webhooks"].(object)[key]; !ok {
		return []string{"no such event and action in webhooks.txt: " + key}
	}
	return s.validate("#/x-webhooks/"+key+"/post/requestBody"+jsonContent, payload)
}
