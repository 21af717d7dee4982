package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// cameFrom reports whether an object is the one of the backend, as terraform begins a
// plan with it: a newer provider may have brought it into a newer form.
func (o savedObject) cameFrom(was savedObject) bool {
	switch {
	case o.kind != was.kind: // moved to another type of resource
		return true
	case o.SchemaVersion < was.SchemaVersion || o.Status != was.Status:
		return false
	case o.SchemaVersion > was.SchemaVersion, was.Flat != nil && o.Flat == nil:
		return true
	}
	return o.Private == was.Private && bytes.Equal(o.Flat, was.Flat) && tookForm(was.Attributes, o.Attributes)
}

// Bounds of comparing one object: whatever lies in a plan file, programs of the plan may
// have written to keep the runner busy or to fill its memory.
const (
	maxDecoded = 8 << 20   // bytes of its values
	maxSteps   = 5_000_000 // pairs of values in it
)

// tookForm reports whether values are the same, or may be in the form of the present
// provider. What is beyond the bounds is not.
func tookForm(was, is json.RawMessage) bool {
	if bytes.Equal(was, is) {
		return true
	}
	if len(was) > maxDecoded || len(is) > maxDecoded {
		return false
	}
	w, errWas := decoded(was)
	i, errIs := decoded(is)
	c := comparison{left: maxSteps}
	return errWas == nil && errIs == nil && c.became(w, i)
}

func decoded(value json.RawMessage) (out any, err error) {
	if len(value) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	err = d.Decode(&out)
	return out, err
}

// comparison is of two values that may have another form.
type comparison struct{ left int } // pairs that may still be compared

// became reports whether a value may be another one in the form of the present provider.
// Providers take attributes away and add empty ones without a new version of their schema.
func (c *comparison) became(was, is any) bool {
	if c.left--; c.left < 0 {
		return false
	}
	if isHollow(was) && isHollow(is) {
		return true
	}
	switch was := was.(type) {
	case map[string]any:
		is, ok := is.(map[string]any)
		if !ok {
			return false
		}
		for key, value := range is {
			if earlier, there := was[key]; there && !c.became(earlier, value) || !there && !isHollow(value) {
				return false
			}
		}
		return true
	case []any:
		is, ok := is.([]any)
		return ok && len(was) == len(is) && c.listBecame(was, is)
	case nil:
		return is == nil
	}
	switch is.(type) {
	case nil, map[string]any, []any:
		return false
	}
	return fmt.Sprint(was) == fmt.Sprint(is)
}

// maxSet is how many elements are looked for in another order.
const maxSet = 500

// listBecame is became for lists of one length. A set has another order when its
// elements have another form, and only then.
func (c *comparison) listBecame(was, is []any) bool {
	inOrder := true
	for i := range was {
		inOrder = inOrder && c.became(was[i], is[i])
	}
	if inOrder {
		return true
	}
	if len(was) > maxSet || haveOneInCommon(was, is) {
		return false
	}
	left := slices.Clone(is)
	for _, w := range was {
		i := slices.IndexFunc(left, func(l any) bool { return c.became(w, l) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

func haveOneInCommon(a, b []any) bool {
	seen := map[string]bool{}
	for _, v := range a {
		seen[written(v)] = true
	}
	return slices.ContainsFunc(b, func(v any) bool { return seen[written(v)] })
}

// written is a value as text, with its keys in order.
func written(value any) string {
	text, _ := json.Marshal(value) // what was decoded from JSON is JSON
	return string(text)
}

// isHollow reports what says as much as null.
func isHollow(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case []any:
		return len(value) == 0
	case map[string]any:
		for _, v := range value {
			if !isHollow(v) {
				return false
			}
		}
		return true
	}
	return false
}
