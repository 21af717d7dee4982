package planjson

import (
	"cmp"
	"slices"

	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// tree of modules, each by its address with what it has. The order of modules is that in
// which they came, and of those in the root module that of their addresses.
type moduleTree struct {
	resources map[string][]resource
	children  map[string][]string
}

func newModuleTree() moduleTree {
	return moduleTree{map[string][]resource{}, map[string][]string{}}
}

// add adds a resource to a module, and the modules on the way to it.
func (t moduleTree) add(modules []call, r ...resource) {
	for i := range modules {
		parent, child := moduleText(modules[:i]), moduleText(modules[:i+1])
		if !slices.Contains(t.children[parent], child) {
			t.children[parent] = append(t.children[parent], child)
		}
	}
	at := moduleText(modules)
	t.resources[at] = append(t.resources[at], r...)
}

// at is a module with those in it.
func (t moduleTree) at(text string) module {
	m := module{Address: text, Resources: t.resources[text]}
	for _, child := range t.children[text] {
		m.ChildModules = append(m.ChildModules, t.at(child))
	}
	return m
}

// planned is planned_values: what there will be.
func planned(all []instance, outputs []outputChange) (values, error) {
	t := newModuleTree()
	for _, i := range all {
		if i.action.words != "delete" && i.deposed == "" {
			t.add(i.address.modules, i.planned())
		}
	}
	for _, resources := range t.resources {
		slices.SortFunc(resources, func(a, b resource) int { return cmp.Compare(a.Address, b.Address) })
	}
	slices.Sort(t.children[""])
	out := values{RootModule: t.at(""), Outputs: map[string]output{}}
	for _, o := range outputs {
		if o.action.words == "delete" {
			continue
		}
		is := output{Sensitive: o.secret}
		if o.after.IsWhollyKnown() {
			value, _ := plain(o.after)
			t, err := ctyjson.MarshalType(o.after.Type())
			if err != nil {
				return out, err
			}
			is.Value, is.Type = raw(value), t
		}
		out.Outputs[o.name] = is
	}
	return out, nil
}

func (i instance) planned() resource {
	after, _ := plain(i.after)
	object, _ := after.(map[string]any)
	a := i.address
	return resource{
		Address: a.text, Mode: a.mode, Type: a.kind, Name: a.name, Index: a.key,
		ProviderName: i.provider, SchemaVersion: i.schema.Version,
		Values: object, SensitiveValues: raw(sensitive(i.after, i.secretAfter)),
	}
}
