package planjson

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// schema is what a provider says of one type of resource, in the form of terraform
// providers schema -json.
type schema struct {
	Version uint64 `json:"version"`
	Block   block  `json:"block"`

	implied cty.Type
}

type block struct {
	Attributes map[string]attribute `json:"attributes,omitempty"`
	Blocks     map[string]nested    `json:"block_types,omitempty"`

	secrets bool // there is a sensitive attribute in it
}

type attribute struct {
	Type      json.RawMessage `json:"type,omitempty"`
	Nested    *object         `json:"nested_type,omitempty"`
	Sensitive bool            `json:"sensitive,omitempty"`
}

// object is the type of an attribute that has attributes.
type object struct {
	Attributes map[string]attribute `json:"attributes,omitempty"`
	Nesting    string               `json:"nesting_mode"`

	secrets bool
}

// nested is a type of blocks in a block.
type nested struct {
	Nesting string `json:"nesting_mode"`
	Block   block  `json:"block"`
}

// prepare works out the type of the values, and where sensitive parts may be.
func (s *schema) prepare() (err error) {
	s.implied, err = s.Block.prepare(0)
	return err
}

func (b *block) prepare(depth int) (cty.Type, error) {
	if depth > maxNesting {
		return cty.NilType, errNested
	}
	types := map[string]cty.Type{}
	for name, a := range b.Attributes {
		t, secrets, err := a.prepare(depth)
		if err != nil {
			return cty.NilType, fmt.Errorf("%s: %w", name, err)
		}
		types[name], b.secrets = t, b.secrets || secrets
	}
	for name, n := range b.Blocks {
		t, err := n.Block.prepare(depth + 1)
		if err != nil {
			return cty.NilType, fmt.Errorf("%s: %w", name, err)
		}
		if types[name], err = n.around(t); err != nil {
			return cty.NilType, fmt.Errorf("%s: %w", name, err)
		}
		b.Blocks[name], b.secrets = n, b.secrets || n.Block.secrets
	}
	return cty.Object(types), nil
}

// around is the type of all blocks of a type together. Those with a part of any type can
// be of different types.
func (n nested) around(t cty.Type) (cty.Type, error) {
	several := n.Nesting == "list" || n.Nesting == "map"
	if several && t.HasDynamicTypes() {
		return cty.DynamicPseudoType, nil
	}
	if n.Nesting == "group" {
		return t, nil
	}
	return around(n.Nesting, t)
}

func around(nesting string, t cty.Type) (cty.Type, error) {
	switch nesting {
	case "single":
		return t, nil
	case "list":
		return cty.List(t), nil
	case "set":
		return cty.Set(t), nil
	case "map":
		return cty.Map(t), nil
	}
	return cty.NilType, fmt.Errorf("the nesting %.100q is not known here", nesting)
}

func (a attribute) prepare(depth int) (t cty.Type, secrets bool, err error) {
	if a.Nested != nil {
		t, err = a.Nested.prepare(depth + 1)
		return t, a.Sensitive || a.Nested.secrets, err
	}
	t, err = ctyjson.UnmarshalType(a.Type)
	return t.WithoutOptionalAttributesDeep(), a.Sensitive, err
}

func (o *object) prepare(depth int) (cty.Type, error) {
	if depth > maxNesting {
		return cty.NilType, errNested
	}
	types := map[string]cty.Type{}
	for name, a := range o.Attributes {
		t, secrets, err := a.prepare(depth)
		if err != nil {
			return cty.NilType, fmt.Errorf("%s: %w", name, err)
		}
		types[name], o.secrets = t, o.secrets || secrets
	}
	return around(o.Nesting, cty.Object(types))
}

// paths are those of what a schema says is sensitive in a value.
func (b block) paths(v cty.Value, at cty.Path) (out []cty.Path) {
	if !b.secrets || v.IsNull() || !v.IsKnown() {
		return nil
	}
	out = secretAttributes(b.Attributes, v, at)
	for name, n := range b.Blocks {
		inside := v.GetAttr(name)
		if !n.Block.secrets || inside.IsNull() || !inside.IsKnown() {
			continue
		}
		if n.Nesting == "single" || n.Nesting == "group" {
			out = append(out, n.Block.paths(inside, step(at, cty.GetAttrStep{Name: name}))...)
			continue
		}
		for it := inside.ElementIterator(); it.Next(); {
			k, e := it.Element()
			out = append(out, n.Block.paths(e, step(at, cty.GetAttrStep{Name: name}, cty.IndexStep{Key: k}))...)
		}
	}
	return out
}

// secretAttributes are the paths of the sensitive ones of attributes, v being the object
// that has them.
func secretAttributes(attributes map[string]attribute, v cty.Value, at cty.Path) (out []cty.Path) {
	for name, a := range attributes {
		here := step(at, cty.GetAttrStep{Name: name})
		switch {
		case a.Sensitive:
			out = append(out, here)
		case a.Nested != nil:
			out = append(out, a.Nested.paths(v.GetAttr(name), here)...)
		}
	}
	return out
}

func (o object) paths(v cty.Value, at cty.Path) (out []cty.Path) {
	if !o.secrets || v.IsNull() || !v.IsKnown() {
		return nil
	}
	if o.Nesting == "single" {
		return secretAttributes(o.Attributes, v, at)
	}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if e.IsNull() || !e.IsKnown() {
			continue
		}
		out = append(out, secretAttributes(o.Attributes, e, step(at, cty.IndexStep{Key: k}))...)
	}
	return out
}

// step is a path that goes on from another one.
func step(at cty.Path, further ...cty.PathStep) cty.Path { return slices.Concat(at, further) }
