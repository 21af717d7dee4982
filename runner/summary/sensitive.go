package summary

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Bounds of what Sensitive returns.
const (
	maxSensitive      = 2000
	maxSensitiveBytes = 64 << 10
)

// Sensitive lists the strings that a plan's JSON, of size bytes, marks as
// sensitive anywhere: in changes, outputs, variables and states.
//
// Masking by path is not enough. A provider that copies an input into a
// computed attribute takes the value along but not the mark, as terraform_data
// does with input and output; Terraform itself then prints it.
func Sensitive(r io.Reader, size int64) ([]string, error) {
	c := collector{found: map[string]bool{}, states: size <= defaultValuesBytes}
	if err := readParts(r, c.part); err != nil {
		return nil, fmt.Errorf("looking for sensitive values in the plan's JSON: %w", err)
	}
	for name, v := range c.variables {
		if c.config.RootModule.Variables[name].Sensitive {
			c.all(v.Value)
		}
	}
	return slices.Sorted(maps.Keys(c.found)), nil
}

type collector struct {
	found     map[string]bool
	states    bool // small enough to look into planned and prior values
	variables map[string]struct {
		Value any `json:"value"`
	}
	config struct {
		RootModule struct {
			Variables map[string]struct {
				Sensitive bool `json:"sensitive"`
			} `json:"variables"`
		} `json:"root_module"`
	}
}

// stateValues is planned_values, and values in prior_state.
type stateValues struct {
	Outputs map[string]struct {
		Sensitive bool `json:"sensitive"`
		Value     any  `json:"value"`
	} `json:"outputs"`
	RootModule stateModule `json:"root_module"`
}

type stateModule struct {
	Resources []struct {
		Values          any `json:"values"`
		SensitiveValues any `json:"sensitive_values"`
	} `json:"resources"`
	ChildModules []stateModule `json:"child_modules"`
}

func (c *collector) part(d *json.Decoder, key string) error {
	switch key {
	case "resource_changes", "resource_drift":
		return elements(d, func(d *json.Decoder) error {
			var rc resourceChange
			if err := d.Decode(&rc); err != nil {
				return err
			}
			return c.change(rc.Change)
		})
	case "output_changes":
		var outputs map[string]change
		if err := d.Decode(&outputs); err != nil {
			return err
		}
		for _, o := range outputs {
			if err := c.change(o); err != nil {
				return err
			}
		}
		return nil
	case "variables":
		return d.Decode(&c.variables)
	case "configuration":
		return d.Decode(&c.config)
	case "planned_values":
		var v stateValues
		return c.state(d, &v, &v)
	case "prior_state":
		var s struct {
			Values stateValues `json:"values"`
		}
		return c.state(d, &s, &s.Values)
	}
	return d.Decode(&skipped{})
}

func (c *collector) change(ch change) error {
	n, err := decode(ch)
	if err != nil {
		return err
	}
	c.marked(n.before, n.beforeSensitive)
	c.marked(n.after, n.afterSensitive)
	return nil
}

// state decodes into one value and looks at a part of it.
func (c *collector) state(d *json.Decoder, into any, values *stateValues) error {
	if !c.states {
		return d.Decode(&skipped{})
	}
	if err := d.Decode(into); err != nil {
		return err
	}
	for _, o := range values.Outputs {
		if o.Sensitive {
			c.all(o.Value)
		}
	}
	c.module(values.RootModule)
	return nil
}

func (c *collector) module(m stateModule) {
	for _, r := range m.Resources {
		c.marked(r.Values, r.SensitiveValues)
	}
	for _, child := range m.ChildModules {
		c.module(child)
	}
}

// marked collects the parts of a value that the marks name.
func (c *collector) marked(v, marks any) {
	switch marks := marks.(type) {
	case bool:
		if marks {
			c.all(v)
		}
	case map[string]any:
		for k, m := range marks {
			c.marked(child(v, k), m)
		}
	case []any:
		for i, m := range marks {
			c.marked(element(v, i), m)
		}
	}
}

// shortestNumber is the length in bytes below which no number is hidden: a few digits are
// everywhere, and many of them would leave no room for secrets.
const shortestNumber = 4

// all collects every string in a value.
func (c *collector) all(v any) {
	switch v := v.(type) {
	case string:
		if len(v) <= maxSensitiveBytes && len(c.found) < maxSensitive {
			c.found[v] = true
		}
	case json.Number:
		if len(v) >= shortestNumber {
			c.all(v.String())
		}
	case map[string]any:
		for _, e := range v {
			c.all(e)
		}
	case []any:
		for _, e := range v {
			c.all(e)
		}
	}
}
