package planjson

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

var (
	checkFields  = fields{1: number, 2: content, 3: number, 4: many}
	objectFields = fields{1: content, 2: number, 3: many}
)

// What is checked, by the number in a plan and by the word in a state, in the words of
// the JSON.
var (
	kindsByNumber = []string{"", "resource", "output_value", "check", "var"}
	kindsInState  = map[string]string{"resource": "resource", "output": "output_value", "check": "check", "var": "var"}
	statuses      = []string{"unknown", "pass", "fail", "error"}
)

// readCheck reads the results of what is checked at one place of the configuration.
func readCheck(from []byte) (c checked, err error) {
	m, err := checkFields.parse(from)
	if err != nil {
		return c, err
	}
	kind, err := m.named(1, kindsByNumber)
	if err != nil {
		return c, err
	}
	text, err := m.text(2)
	if err != nil {
		return c, err
	}
	if c.Status, err = m.named(3, statuses); err != nil {
		return c, err
	}
	for _, one := range m.contents[4] {
		o, err := objectFields.parse(one)
		if err != nil {
			return c, err
		}
		var is checkedOne
		if is.Status, err = o.named(2, statuses); err != nil {
			return c, err
		}
		at, err := o.text(1)
		if err != nil {
			return c, err
		}
		for _, message := range o.contents[3] {
			is.Problems = append(is.Problems, problem{strings.ToValidUTF8(string(message), "\uFFFD")})
		}
		if err := c.add(kind, at, is); err != nil {
			return c, err
		}
	}
	return c, c.at(kind, text)
}

// at gives a result its place.
func (c *checked) at(kind, text string) error {
	address, modules, k, err := checkable(kind, text)
	if err != nil {
		return err
	}
	if k != nil || slices.ContainsFunc(modules, func(m call) bool { return m.key != nil }) {
		return fmt.Errorf("%.200q is no place in a configuration", text)
	}
	address["kind"] = kind
	c.Address = address
	slices.SortFunc(c.Instances, func(a, b checkedOne) int { return cmp.Compare(display(a.Address), display(b.Address)) })
	return nil
}

// add adds the result of one object.
func (c *checked) add(kind, text string, is checkedOne) error {
	address, _, k, err := checkable(kind, text)
	if err != nil {
		return err
	}
	is.Address = map[string]any{"to_display": text}
	if m, inModule := address["module"]; inModule {
		is.Address["module"] = m
	}
	if k != nil {
		is.Address["instance_key"] = k
	}
	slices.SortFunc(is.Problems, func(a, b problem) int { return cmp.Compare(a.Message, b.Message) })
	c.Instances = append(c.Instances, is)
	return nil
}

func display(address map[string]any) string { return address["to_display"].(string) }

// sortChecks puts results into the order of what people see of their places.
func sortChecks(all []checked) {
	slices.SortFunc(all, func(a, b checked) int { return cmp.Compare(display(a.Address), display(b.Address)) })
}

// checkable reads the address of something that has conditions.
func checkable(kind, text string) (out map[string]any, modules []call, k key, err error) {
	out = map[string]any{"to_display": text}
	if kind == "resource" {
		a, err := parseAddress(text)
		if err != nil {
			return nil, nil, nil, err
		}
		out["mode"], out["type"], out["name"] = a.mode, a.kind, a.name
		modules, k = a.modules, a.key
	} else {
		steps, err := stepsOf(text)
		if err != nil {
			return nil, nil, nil, err
		}
		word := map[string]string{"output_value": "output", "check": "check", "var": "var"}[kind]
		modules, steps = modulesOf(steps)
		if len(steps) != 2 || steps[0] != (call{name: word}) || steps[1].key != nil {
			return nil, nil, nil, fmt.Errorf("%.200q is no address of a thing that is checked", text)
		}
		out["name"] = steps[1].name
	}
	if len(modules) > 0 {
		out["module"] = moduleText(modules)
	}
	return out, modules, k, nil
}
