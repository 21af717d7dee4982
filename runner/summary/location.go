package summary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// location is where a value stands. The two ways to it differ where elements of
// a list are at another index than before.
type location struct{ before, after []any }

// inDocument is the step from a string into the JSON document that it holds.
type inDocument struct{}

func (l location) step(before, after any) location {
	return location{append(slices.Clip(l.before), before), append(slices.Clip(l.after), after)}
}

func (l location) key(k string) location { return l.step(k, k) }

func (l location) document() location { return l.step(inDocument{}, inDocument{}) }

// index is an element that was i-th and becomes j-th; -1 is an element that is
// not there on that side and is named by its index on the other.
func (l location) index(i, j int) location {
	if i < 0 {
		i = j
	}
	if j < 0 {
		j = i
	}
	return l.step(number(i), number(j))
}

// touches reports that a path which makes Terraform replace the resource is
// this one, inside it, or around it. Terraform counts elements as they were
// before or as they are after.
func (l location) touches(replace []any) bool {
	return within(l.before, replace) || within(l.after, replace)
}

func within(at, replace []any) bool {
	for i := range min(len(at), len(replace)) {
		if at[i] == (inDocument{}) {
			return true
		}
		if fmt.Sprint(at[i]) != fmt.Sprint(replace[i]) {
			return false
		}
	}
	return true
}

// path writes a path as Terraform does: tags["a b"], ingress[0].port. What is
// in a JSON document is written as if one could reach into it:
// jsondecode(policy).Statement[0].Action.
func (r renderer) path(at []any) string {
	var b bytes.Buffer
	for i, step := range at {
		switch step := step.(type) {
		case inDocument:
			inner := b.String()
			b.Reset()
			fmt.Fprintf(&b, "jsondecode(%s)", inner)
		case json.Number:
			fmt.Fprintf(&b, "[%s]", step)
		case string:
			step = r.text(step)
			switch {
			case !identifier(step):
				fmt.Fprintf(&b, "[%s]", quote(step))
			case i == 0:
				b.WriteString(step)
			default:
				b.WriteString("." + step)
			}
		}
	}
	return b.String()
}
