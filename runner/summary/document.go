package summary

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// maxNesting is how deep a JSON document in a string may be to be read as one.
const maxNesting = 100

// jsonDocument decodes a string that holds a JSON object or array, such as an
// IAM policy. One with two equal keys is none: programs differ in which of them
// counts.
func jsonDocument(s string) (any, bool) {
	trimmed := strings.TrimSpace(s)
	if len(trimmed) < 2 || trimmed[0] != '{' && trimmed[0] != '[' {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(trimmed))
	d.UseNumber()
	v, err := readDocument(d, 0)
	if err != nil {
		return nil, false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	return v, true
}

var errNoDocument = errors.New("no JSON document")

func readDocument(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil || depth > maxNesting {
		return nil, errors.Join(err, errNoDocument)
	}
	switch t {
	case json.Delim('{'):
		return readObject(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readDocument(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	return t, nil
}

func readObject(d *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := key.(string)
		if _, twice := object[name]; twice {
			return nil, errNoDocument
		}
		if object[name], err = readDocument(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}
