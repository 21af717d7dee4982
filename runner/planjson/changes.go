package planjson

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctymsgpack "github.com/zclconf/go-cty/cty/msgpack"
	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of a plan file, by the numbers of their fields (planfile.proto of
// Terraform, version 3 of the format).
var (
	changeFields = fields{
		1: number,  // action
		2: many,    // values
		3: many,    // paths that are sensitive before
		4: many,    // and after
		5: content, // importing
	}
	instanceFields = fields{
		7:  content, // key of a deposed object
		8:  content, // provider
		9:  content, // change
		10: content, // private
		11: many,    // paths that force a replacement
		12: number,  // reason
		13: content, // address
		14: content, // address before
	}
	importingFields = fields{1: content}
	outputFields    = fields{1: content, 2: content, 3: number}
	valueFields     = fields{1: content}
	pathFields      = fields{1: many}
	stepFields      = fields{1: content, 2: content}
)

// action is what happens to an object, and which values the change of it has.
type action struct {
	words         string
	before, after int // where the value is; -1 for none
}

// actions are by their numbers; there is no 4.
var actions = []action{
	{"no-op", 0, 0}, {"create", -1, 0}, {"read", 0, 1}, {"update", 0, 1}, {},
	{"delete", 0, -1}, {"delete create", 0, 1}, {"create delete", 0, 1}, {"forget", 0, -1}, {"create forget", 0, 1},
}

// reasons are by their numbers.
var reasons = []string{
	"none", "replace_because_tainted", "replace_by_request", "replace_because_cannot_update",
	"delete_because_no_resource_config", "delete_because_wrong_repetition", "delete_because_count_index",
	"delete_because_each_key", "delete_because_no_module", "replace_by_triggers", "read_because_config_unknown",
	"read_because_dependency_pending", "delete_because_no_move_target", "read_because_check_nested",
}

// changed is a change with its values.
type changed struct {
	action        action
	before, after cty.Value // null where there is none
	secretBefore  []cty.Path
	secretAfter   []cty.Path
	importing     *importing
}

// readChange reads a change of a value of a type.
func readChange(from []byte, t cty.Type) (c changed, err error) {
	m, err := changeFields.parse(from)
	if err != nil {
		return c, err
	}
	if n := m.numbers[1]; n >= uint64(len(actions)) || actions[n].words == "" {
		return c, fmt.Errorf("it has the action %d, which is not known here", n)
	}
	c.action = actions[m.numbers[1]]
	encoded := m.contents[2]
	if len(encoded) != max(c.action.before, c.action.after)+1 {
		return c, fmt.Errorf("it has %d values for %s", len(encoded), c.action.words)
	}
	for _, side := range []struct {
		at int
		to *cty.Value
	}{{c.action.before, &c.before}, {c.action.after, &c.after}} {
		*side.to = cty.NullVal(t)
		if side.at >= 0 {
			if *side.to, err = readValue(encoded[side.at], t); err != nil {
				return c, err
			}
		}
	}
	if c.secretBefore, err = readPaths(m.contents[3]); err == nil {
		c.secretAfter, err = readPaths(m.contents[4])
	}
	if err == nil && m.has(5) {
		var is message
		if is, err = importingFields.parse(m.bytes(5)); err == nil {
			c.importing = &importing{}
			c.importing.ID, err = is.text(1)
		}
	}
	return c, err
}

func readValue(from []byte, t cty.Type) (cty.Value, error) {
	m, err := valueFields.parse(from)
	if err != nil {
		return cty.NilVal, err
	}
	return decode(m.bytes(1), t)
}

func readPaths(from [][]byte) (out []cty.Path, err error) {
	for _, one := range from {
		p, err := readPath(one)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func readPath(from []byte) (cty.Path, error) {
	m, err := pathFields.parse(from)
	if err != nil {
		return nil, err
	}
	path := cty.Path{}
	for _, one := range m.contents[1] {
		step, err := stepFields.parse(one)
		if err != nil {
			return nil, err
		}
		switch {
		case step.has(1) == step.has(2):
			return nil, errFormat
		case step.has(1):
			name, err := step.text(1)
			if err != nil {
				return nil, err
			}
			path = append(path, cty.GetAttrStep{Name: name})
		default:
			k, err := readKey(step.bytes(2))
			if err != nil {
				return nil, err
			}
			path = append(path, cty.IndexStep{Key: k})
		}
	}
	return path, nil
}

// readKey reads a value that says by itself of which type it is.
func readKey(from []byte) (cty.Value, error) {
	m, err := valueFields.parse(from)
	if err != nil {
		return cty.NilVal, err
	}
	t, err := ctymsgpack.ImpliedType(m.bytes(1))
	if err != nil {
		return cty.NilVal, err
	}
	return decode(m.bytes(1), t)
}

// json is the change as JSON has it, without what is sensitive.
func (c changed) json() change {
	out := change{Actions: strings.Fields(c.action.words), Before: raw(nil), Importing: c.importing, AfterUnknown: raw(map[string]any{})}
	if before, known := plain(c.before); known {
		out.Before = raw(before)
	}
	if after, known := plain(c.after); known {
		out.After = raw(after)
	}
	if !c.after.IsWhollyKnown() {
		out.AfterUnknown = raw(unknown(c.after))
	}
	return out
}

// instance is a change of an object of a resource.
type instance struct {
	changed
	address  address
	earlier  string
	deposed  string
	provider string
	reason   string
	replace  [][]any
	schema   *schema
}

// readInstance reads a change of an object.
func readInstance(from []byte, schemas *Schemas) (i instance, err error) {
	m, err := instanceFields.parse(from)
	if err != nil {
		return i, err
	}
	texts := map[protowire.Number]string{}
	for _, field := range []protowire.Number{7, 8, 13, 14} {
		if texts[field], err = m.text(field); err != nil {
			return i, err
		}
	}
	i.deposed, i.earlier = texts[7], texts[14]
	if i.address, err = parseAddress(texts[13]); err != nil {
		return i, err
	}
	if i.earlier != "" {
		if _, err = parseAddress(i.earlier); err != nil {
			return i, err
		}
	}
	if i.provider, err = providerOf(texts[8]); err != nil {
		return i, err
	}
	if i.reason, err = m.named(12, reasons); err != nil {
		return i, err
	}
	if i.schema, err = schemas.of(i.provider, i.address.mode, i.address.kind); err != nil {
		return i, err
	}
	if i.changed, err = readChange(m.bytes(9), i.schema.implied); err != nil {
		return i, fmt.Errorf("%.200s: %w", i.address.text, err)
	}
	i.replace, err = replacePaths(m.contents[11])
	return i, err
}

// replacePaths are sorted and each is there once, as in a set of paths.
func replacePaths(from [][]byte) (out [][]any, err error) {
	paths, err := readPaths(from)
	if err != nil {
		return nil, err
	}
	for _, p := range cty.NewPathSet(paths...).List() {
		steps, err := pathJSON(p)
		if err != nil {
			return nil, err
		}
		out = append(out, steps)
	}
	return out, nil
}

func pathJSON(p cty.Path) ([]any, error) {
	out := []any{}
	for _, step := range p {
		switch step := step.(type) {
		case cty.GetAttrStep:
			out = append(out, step.Name)
		case cty.IndexStep:
			k, known := plain(step.Key)
			if !known {
				return nil, errFormat
			}
			out = append(out, k)
		}
	}
	return out, nil
}

// json is the change as JSON has it.
func (i instance) json() resourceChange {
	c := i.changed.json()
	c.ReplacePaths = i.replace
	c.BeforeSensitive = raw(sensitive(i.before, append(i.secretBefore, i.schema.Block.paths(i.before, nil)...)))
	c.AfterSensitive = raw(sensitive(i.after, append(i.secretAfter, i.schema.Block.paths(i.after, nil)...)))
	a := i.address
	out := resourceChange{
		Address: a.text, ModuleAddress: a.module(), Mode: a.mode, Type: a.kind, Name: a.name, Index: a.key,
		ProviderName: i.provider, Deposed: i.deposed, Change: c,
	}
	if i.earlier != a.text {
		out.PreviousAddress = i.earlier
	}
	if i.reason != reasons[0] {
		out.ActionReason = i.reason
	}
	return out
}

// instances are changes in their order, without the end of what data sources read, which
// people do not see.
func instances(all []instance) (out []resourceChange) {
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b instance) int {
		return cmp.Or(compareAddresses(a.address, b.address), cmp.Compare(a.deposed, b.deposed))
	})
	for _, i := range sorted {
		if i.address.mode != "data" || i.action.words != "delete" {
			out = append(out, i.json())
		}
	}
	return out
}

// outputChange is a change of an output.
type outputChange struct {
	changed
	name   string
	secret bool
}

func readOutput(from []byte) (o outputChange, err error) {
	m, err := outputFields.parse(from)
	if err != nil {
		return o, err
	}
	if o.name, err = m.text(1); err == nil {
		o.secret, err = m.truth(3)
	}
	if err == nil {
		o.changed, err = readChange(m.bytes(2), cty.DynamicPseudoType)
	}
	if err != nil {
		return o, fmt.Errorf("the output %.100q: %w", o.name, err)
	}
	return o, nil
}

func (o outputChange) json() change {
	c := o.changed.json()
	if o.after.IsWhollyKnown() {
		c.AfterUnknown = raw(false)
	}
	c.BeforeSensitive, c.AfterSensitive = raw(o.secret), raw(o.secret)
	return c
}
