package planjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Differ names the first part of the JSON that Read made which is not as terraform show
// printed it; empty when there is none. It shows no value. Everything is compared except
// for the configuration, of which only the sensitive variables are. In which order paths
// and attributes are listed does not matter.
func Differ(shown, own []byte) (string, error) {
	var want, have map[string]json.RawMessage
	if err := json.Unmarshal(shown, &want); err != nil {
		return "", fmt.Errorf("reading what terraform show printed: %w", err)
	}
	if err := json.Unmarshal(own, &have); err != nil {
		return "", fmt.Errorf("reading what was made of the plan: %w", err)
	}
	names := maps.Clone(want)
	maps.Copy(names, have)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if bytes.Equal(want[name], have[name]) {
			continue
		}
		w, err := inOneForm(name, want[name])
		if err != nil {
			return "", err
		}
		h, err := inOneForm(name, have[name])
		if err != nil {
			return "", err
		}
		if !reflect.DeepEqual(w, h) {
			return name, nil
		}
	}
	return "", nil
}

// inOneForm is one part of the JSON in a form in which equal ones are equal.
func inOneForm(name string, part json.RawMessage) (any, error) {
	if name == "configuration" {
		return sensitiveOf(part)
	}
	if part == nil {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(part))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	switch list, _ := v.([]any); name {
	case "relevant_attributes":
		sorted(list)
	case "resource_changes", "resource_drift":
		for _, e := range list {
			object, _ := e.(map[string]any)
			change, _ := object["change"].(map[string]any)
			paths, _ := change["replace_paths"].([]any)
			sorted(paths)
		}
	}
	return v, nil
}

func sorted(list []any) {
	slices.SortFunc(list, func(a, b any) int { return cmp.Compare(string(raw(a)), string(raw(b))) })
}

// sensitiveOf are the sensitive variables of a configuration.
func sensitiveOf(part json.RawMessage) (any, error) {
	var c configuration
	if part != nil {
		if err := json.Unmarshal(part, &c); err != nil {
			return nil, fmt.Errorf("reading configuration: %w", err)
		}
	}
	out := map[string]bool{}
	for name, v := range c.RootModule.Variables {
		if v.Sensitive {
			out[name] = true
		}
	}
	return out, nil
}
