package variables

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Declared is what a root module says of a variable, as far as a plan's JSON shows it.
type Declared struct {
	Default   cty.Value // of the variable's type; cty.NilVal when there is none
	Sensitive bool
}

// Declarations are the variables of a root module that consists of these files. What is
// not certain is an error.
func Declarations(configuration []File) (map[string]Declared, error) {
	all, err := attributesOf(configuration)
	if err != nil {
		return nil, err
	}
	out := map[string]Declared{}
	for name, attributes := range all {
		d, err := shown(attributes)
		if err != nil {
			return nil, fmt.Errorf("reading the variable %.100q: %w", name, err)
		}
		out[name] = d
	}
	return out, nil
}

func shown(attributes hcl.Attributes) (d Declared, err error) {
	if a, there := attributes["sensitive"]; there {
		v, err := valueOf(a.Expr)
		if err == nil {
			v, err = convert.Convert(v, cty.Bool)
		}
		if err != nil {
			return d, err
		}
		d.Sensitive = !v.IsNull() && v.True()
	}
	a, there := attributes["default"]
	if !there {
		return d, nil
	}
	if d.Default, err = valueOf(a.Expr); err != nil {
		return d, err
	}
	t, there := attributes["type"]
	if !there {
		return d, nil
	}
	is, defaults, diags := typeexpr.TypeConstraintWithDefaults(t.Expr)
	if diags.HasErrors() {
		return d, diags
	}
	if defaults != nil && !d.Default.IsNull() {
		d.Default = defaults.Apply(d.Default)
	}
	d.Default, err = convert.Convert(d.Default, is)
	return d, err
}
