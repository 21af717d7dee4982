package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Mutants yields every payload that differs from e in one value: removed from
// its object or array, or set to null. The payload itself becomes null too.
// A mutant's name says what was done and to which value, as a JSON pointer
// (RFC 6901), such as "removed /sender/login". The order is the same each time.
// The consumer may keep the payload. Mutants stops when yield returns false,
// and panics if e is not JSON.
func Mutants(e Example, yield func(name string, payload []byte) bool) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, e.Payload); err != nil {
		panic(fmt.Sprintf("an example of %s is not JSON: %v", e.Event, err))
	}
	mutate(place{}, compact.Bytes(), yield)
}

// place is where a value stands: the payload is before + value + after.
type place struct{ before, after, pointer string }

// part is a member of an object or an element of an array.
type part struct {
	name  string // for the pointer
	label string // the key with its colon; empty in an array
	value json.RawMessage
}

// mutate visits the value at a place and all below it. The result is false
// once the consumer has had enough.
func mutate(at place, value json.RawMessage, yield func(string, []byte) bool) bool {
	if string(value) != "null" && !yield("null "+at.pointer, []byte(at.before+"null"+at.after)) {
		return false
	}
	parts := split(value)
	if parts == nil {
		return true
	}
	opening, closing := string(value[0]), string(value[len(value)-1])
	for i, p := range parts {
		left, right := join(parts[:i]), join(parts[i+1:])
		comma := ""
		if left != "" && right != "" {
			comma = ","
		}
		pointer := at.pointer + "/" + escape.Replace(p.name)
		without := at.before + opening + left + comma + right + closing + at.after
		if !yield("removed "+pointer, []byte(without)) {
			return false
		}
		if left != "" {
			left += ","
		}
		if right != "" {
			right = "," + right
		}
		child := place{at.before + opening + left + p.label, right + closing + at.after, pointer}
		if !mutate(child, p.value, yield) {
			return false
		}
	}
	return true
}

// split takes an object or an array apart; anything else has no parts.
func split(value json.RawMessage) []part {
	var parts []part
	switch value[0] {
	case '{':
		members := map[string]json.RawMessage{}
		decode(value, &members)
		for _, key := range slices.Sorted(maps.Keys(members)) {
			label, _ := json.Marshal(key) // a string always has an encoding
			parts = append(parts, part{key, string(label) + ":", members[key]})
		}
	case '[':
		var elements []json.RawMessage
		decode(value, &elements)
		for i, element := range elements {
			parts = append(parts, part{strconv.Itoa(i), "", element})
		}
	}
	return parts
}

func decode(value json.RawMessage, into any) {
	if err := json.Unmarshal(value, into); err != nil {
		panic(fmt.Sprintf("taking apart what is JSON: %v", err))
	}
}

func join(parts []part) string {
	var all []string
	for _, p := range parts {
		all = append(all, p.label+string(p.value))
	}
	return strings.Join(all, ",")
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")
