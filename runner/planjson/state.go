package planjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// The state in a plan file, in version 4 of its form.

type state struct {
	Version          int                    `json:"version"`
	TerraformVersion string                 `json:"terraform_version"`
	Serial           uint64                 `json:"serial"`
	Lineage          string                 `json:"lineage"`
	Outputs          map[string]stateOutput `json:"outputs"`
	Resources        []stateResource        `json:"resources"`
	Checks           []stateCheck           `json:"check_results"`
}

type stateOutput struct {
	Value     json.RawMessage `json:"value"`
	Type      json.RawMessage `json:"type"`
	Sensitive bool            `json:"sensitive"`
}

type stateResource struct {
	Module    string        `json:"module"`
	Mode      string        `json:"mode"`
	Type      string        `json:"type"`
	Name      string        `json:"name"`
	Each      string        `json:"each"`
	Provider  string        `json:"provider"`
	Instances []stateObject `json:"instances"`
}

type stateObject struct {
	IndexKey            json.RawMessage `json:"index_key"`
	Status              string          `json:"status"`
	Deposed             string          `json:"deposed"`
	SchemaVersion       uint64          `json:"schema_version"`
	Attributes          json.RawMessage `json:"attributes"`
	Sensitive           [][]stateStep   `json:"sensitive_attributes"`
	Private             string          `json:"private"`
	Dependencies        []string        `json:"dependencies"`
	CreateBeforeDestroy bool            `json:"create_before_destroy"`
}

type stateStep struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

type stateCheck struct {
	Kind    string `json:"object_kind"`
	Address string `json:"config_addr"`
	Status  string `json:"status"`
	Objects []struct {
		Address  string   `json:"object_addr"`
		Status   string   `json:"status"`
		Messages []string `json:"failure_messages"`
	} `json:"objects"`
}

// readState makes prior_state; nil when nothing is in it.
func readState(from []byte, schemas *Schemas) (*priorState, error) {
	var s state
	d := json.NewDecoder(bytes.NewReader(from))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || s.Version != 4 {
		return nil, errFormat
	}
	if len(s.Outputs) == 0 && len(s.Resources) == 0 {
		return nil, nil
	}
	out := &priorState{FormatVersion: "1.0", TerraformVersion: s.TerraformVersion, Values: values{Outputs: map[string]output{}}}
	for name, o := range s.Outputs {
		is, err := o.json()
		if err != nil {
			return nil, fmt.Errorf("the output %.100q: %w", name, err)
		}
		out.Values.Outputs[name] = is
	}
	var err error
	if out.Values.RootModule, err = s.modules(schemas); err != nil {
		return nil, err
	}
	for _, c := range s.Checks {
		is, err := c.json()
		if err != nil {
			return nil, err
		}
		out.Checks = append(out.Checks, is)
	}
	sortChecks(out.Checks)
	return out, nil
}

func (o stateOutput) json() (output, error) {
	t, err := ctyjson.UnmarshalType(o.Type)
	if err != nil {
		return output{}, err
	}
	v, err := unmarshal(o.Value, t)
	if err != nil {
		return output{}, err
	}
	value, _ := plain(v) // a state has nothing that is unknown
	of, err := ctyjson.MarshalType(v.Type())
	return output{Sensitive: o.Sensitive, Type: of, Value: raw(value)}, err
}

// unmarshal reads a value of a type.
func unmarshal(from []byte, t cty.Type) (cty.Value, error) {
	if len(from) > maxValue {
		return cty.NilVal, fmt.Errorf("a value in the state has %d bytes", len(from))
	}
	if depthOf(from) > maxNesting {
		return cty.NilVal, errNested
	}
	v, err := ctyjson.Unmarshal(from, t)
	if err != nil {
		return cty.NilVal, err
	}
	return v, bounded(v)
}

// depthOf is how deep brackets are in a JSON text, or more.
func depthOf(text []byte) (deepest int) {
	depth, inside := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}

// modules are all resources, by the modules that they are in.
func (s state) modules(schemas *Schemas) (module, error) {
	type placed struct {
		address address // without a key
		of      stateResource
	}
	var all []placed
	for _, r := range s.Resources {
		modules, err := parseModule(r.Module)
		if err != nil {
			return module{}, err
		}
		if r.Mode != "managed" && r.Mode != "data" {
			return module{}, fmt.Errorf("the mode %.100q is not known here", r.Mode)
		}
		all = append(all, placed{address{modules: modules, mode: r.Mode, kind: r.Type, name: r.Name}, r})
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.address.module(), b.address.module()), compareNames(a.address, b.address))
	})
	t := newModuleTree()
	for i, r := range all {
		if i > 0 && r.address.module() == all[i-1].address.module() && compareNames(r.address, all[i-1].address) == 0 {
			return module{}, errors.New("the state has a resource twice")
		}
		resources, err := r.of.json(r.address, schemas)
		if err != nil {
			return module{}, fmt.Errorf("the resource %.100q in the state: %w", r.of.Type+"."+r.of.Name, err)
		}
		t.add(r.address.modules, resources...)
	}
	for _, children := range t.children {
		slices.Sort(children)
	}
	return t.at(""), nil
}

// json are the objects of a resource: those that are current before those that are
// deposed, of each instance.
func (r stateResource) json(at address, schemas *Schemas) (out []resource, err error) {
	provider, err := providerOf(r.Provider)
	if err != nil {
		return nil, err
	}
	schema, err := schemas.of(provider, r.Mode, r.Type)
	if err != nil {
		return nil, err
	}
	for _, o := range r.Instances {
		is, err := o.json(schema)
		if err != nil {
			return nil, err
		}
		is.Address = r.Type + "." + r.Name + keyText(is.Index)
		if r.Mode == "data" {
			is.Address = "data." + is.Address
		}
		if m := at.module(); m != "" {
			is.Address = m + "." + is.Address
		}
		is.Mode, is.Type, is.Name, is.ProviderName = r.Mode, r.Type, r.Name, provider
		out = append(out, is)
	}
	slices.SortFunc(out, func(a, b resource) int {
		return cmp.Or(compareKeys(a.Index, b.Index), cmp.Compare(a.DeposedKey, b.DeposedKey))
	})
	return out, nil
}

func (o stateObject) json(s *schema) (out resource, err error) {
	if out.Index, err = o.key(); err != nil {
		return out, err
	}
	if o.Status != "" && o.Status != "tainted" {
		return out, fmt.Errorf("the status %.100q is not known here", o.Status)
	}
	out.Tainted, out.DeposedKey, out.DependsOn = o.Status == "tainted", o.Deposed, o.Dependencies
	if o.Deposed == "" {
		if o.SchemaVersion != s.Version {
			return out, fmt.Errorf("it has version %d of the schema, the provider has %d", o.SchemaVersion, s.Version)
		}
		out.SchemaVersion = o.SchemaVersion
	}
	v, err := unmarshal(o.Attributes, s.implied)
	if err != nil {
		return out, err
	}
	object, _ := plain(v)
	out.Values, _ = object.(map[string]any)
	paths := s.Block.paths(v, nil)
	for _, steps := range o.Sensitive {
		p, err := statePath(steps)
		if err != nil {
			return out, err
		}
		paths = append(paths, p)
	}
	out.SensitiveValues = raw(sensitive(v, paths))
	return out, nil
}

func (o stateObject) key() (key, error) {
	if len(o.IndexKey) == 0 || string(o.IndexKey) == "null" {
		return nil, nil
	}
	var text string
	if err := json.Unmarshal(o.IndexKey, &text); err == nil {
		return text, nil
	}
	var n int
	err := json.Unmarshal(o.IndexKey, &n)
	return n, err
}

func statePath(steps []stateStep) (cty.Path, error) {
	path := cty.Path{}
	for _, s := range steps {
		switch s.Type {
		case "get_attr":
			var name string
			if err := json.Unmarshal(s.Value, &name); err != nil {
				return nil, err
			}
			path = append(path, cty.GetAttrStep{Name: name})
		case "index":
			k, err := unmarshal(s.Value, cty.DynamicPseudoType)
			if err != nil {
				return nil, err
			}
			path = append(path, cty.IndexStep{Key: k})
		default:
			return nil, fmt.Errorf("a step %.100q of a path is not known here", s.Type)
		}
	}
	return path, nil
}

func (s stateCheck) json() (c checked, err error) {
	kind, known := kindsInState[s.Kind]
	c.Status = s.Status
	if !known || !slices.Contains(statuses, s.Status) {
		return c, errFormat
	}
	for _, o := range s.Objects {
		is := checkedOne{Status: o.Status}
		if !slices.Contains(statuses, o.Status) {
			return c, errFormat
		}
		for _, message := range o.Messages {
			is.Problems = append(is.Problems, problem{message})
		}
		if err := c.add(kind, o.Address, is); err != nil {
			return c, err
		}
	}
	return c, c.at(kind, s.Address)
}
