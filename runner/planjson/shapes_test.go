package planjson

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// This test binary is a provider, too, when terraform starts it: one whose resources
// have every shape that a schema can have.

const shapesName = "registry.terraform.io/acme/shapes"

func TestMain(m *testing.M) {
	if os.Getenv("TF_PLUGIN_MAGIC_COOKIE") == "" {
		os.Exit(m.Run())
	}
	if err := tf6server.Serve(shapesName, func() tfprotov6.ProviderServer { return shapes{} }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// type of an attribute that is optional
func optional(name string, t tftypes.Type) *tfprotov6.SchemaAttribute {
	return &tfprotov6.SchemaAttribute{Name: name, Type: t, Optional: true}
}

func hidden(name string, t tftypes.Type) *tfprotov6.SchemaAttribute {
	return &tfprotov6.SchemaAttribute{Name: name, Type: t, Optional: true, Sensitive: true}
}

func computed(name string, t tftypes.Type) *tfprotov6.SchemaAttribute {
	return &tfprotov6.SchemaAttribute{Name: name, Type: t, Computed: true}
}

func within(name string, nesting tfprotov6.SchemaObjectNestingMode, attributes ...*tfprotov6.SchemaAttribute) *tfprotov6.SchemaAttribute {
	return &tfprotov6.SchemaAttribute{Name: name, Optional: true, NestedType: &tfprotov6.SchemaObject{Nesting: nesting, Attributes: attributes}}
}

func inBlock(name string, nesting tfprotov6.SchemaNestedBlockNestingMode, blocks []*tfprotov6.SchemaNestedBlock, attributes ...*tfprotov6.SchemaAttribute) *tfprotov6.SchemaNestedBlock {
	return &tfprotov6.SchemaNestedBlock{TypeName: name, Nesting: nesting, Block: &tfprotov6.SchemaBlock{Attributes: attributes, BlockTypes: blocks}}
}

var (
	text   = tftypes.String
	texts  = tftypes.List{ElementType: text}
	pair   = tftypes.Object{AttributeTypes: map[string]tftypes.Type{"a": text, "n": tftypes.Number}}
	common = []*tfprotov6.SchemaAttribute{optional("value", text), hidden("secret", text), computed("made", text)}

	thing = &tfprotov6.Schema{Version: 3, Block: &tfprotov6.SchemaBlock{
		Attributes: []*tfprotov6.SchemaAttribute{
			computed("id", text), computed("made_list", texts), computed("made_object", pair),
			optional("name", text), optional("force", text), optional("number", tftypes.Number), optional("flag", tftypes.Bool),
			optional("list", texts), optional("set", tftypes.Set{ElementType: text}), optional("map", tftypes.Map{ElementType: text}),
			optional("objects", tftypes.List{ElementType: pair}), optional("object_set", tftypes.Set{ElementType: pair}),
			optional("tuple", tftypes.Tuple{ElementTypes: []tftypes.Type{text, tftypes.Number}}),
			optional("any", tftypes.DynamicPseudoType), hidden("password", text), hidden("secrets", texts),
			{Name: "once", Type: text, Optional: true, WriteOnly: true},
			within("one", tfprotov6.SchemaObjectNestingModeSingle, common...),
			within("many", tfprotov6.SchemaObjectNestingModeList, append(common, within("deep", tfprotov6.SchemaObjectNestingModeMap, common...))...),
			within("unordered", tfprotov6.SchemaObjectNestingModeSet, optional("value", text), hidden("secret", text)),
			within("open_set", tfprotov6.SchemaObjectNestingModeSet, optional("value", text)),
			within("keyed", tfprotov6.SchemaObjectNestingModeMap, optional("value", text), within("inner", tfprotov6.SchemaObjectNestingModeSingle, hidden("secret", text))),
		},
		BlockTypes: []*tfprotov6.SchemaNestedBlock{
			inBlock("single", tfprotov6.SchemaNestedBlockNestingModeSingle, nil, common...),
			inBlock("group", tfprotov6.SchemaNestedBlockNestingModeGroup, nil, optional("value", text), hidden("secret", text)),
			inBlock("rule", tfprotov6.SchemaNestedBlockNestingModeList, []*tfprotov6.SchemaNestedBlock{
				inBlock("part", tfprotov6.SchemaNestedBlockNestingModeSet, nil, optional("value", text), hidden("secret", text)),
			}, optional("value", text), computed("made", text)),
			inBlock("loose", tfprotov6.SchemaNestedBlockNestingModeList, nil, optional("value", tftypes.DynamicPseudoType), hidden("secret", text)),
			inBlock("set_block", tfprotov6.SchemaNestedBlockNestingModeSet, nil, optional("value", text)),
			inBlock("label", tfprotov6.SchemaNestedBlockNestingModeMap, nil, optional("value", text), hidden("secret", text)),
		},
	}}
	found = &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{Attributes: []*tfprotov6.SchemaAttribute{
		optional("ask", text), computed("answer", text), {Name: "token", Type: text, Computed: true, Sensitive: true},
	}}}
)

// shapes is the provider. What it is not asked for, it does not have.
type shapes struct{ tfprotov6.ProviderServer }

func (shapes) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{
		Provider:          &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{}},
		ResourceSchemas:   map[string]*tfprotov6.Schema{"shapes_thing": thing},
		DataSourceSchemas: map[string]*tfprotov6.Schema{"shapes_found": found},
		Functions: map[string]*tfprotov6.Function{"twice": {
			Parameters: []*tfprotov6.FunctionParameter{{Name: "s", Type: text}}, Return: &tfprotov6.FunctionReturn{Type: text},
		}},
	}, nil
}

func (shapes) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{}, nil
}

func (shapes) GetFunctions(context.Context, *tfprotov6.GetFunctionsRequest) (*tfprotov6.GetFunctionsResponse, error) {
	return &tfprotov6.GetFunctionsResponse{}, nil
}

func (shapes) CallFunction(_ context.Context, r *tfprotov6.CallFunctionRequest) (*tfprotov6.CallFunctionResponse, error) {
	v, err := r.Arguments[0].Unmarshal(text)
	if err != nil {
		return nil, err
	}
	var s string
	if err := v.As(&s); err != nil {
		return nil, err
	}
	out, err := tfprotov6.NewDynamicValue(text, tftypes.NewValue(text, s+s))
	return &tfprotov6.CallFunctionResponse{Result: &out}, err
}

func (shapes) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (shapes) ValidateProviderConfig(_ context.Context, r *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: r.Config}, nil
}

func (shapes) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (shapes) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (shapes) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (shapes) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (shapes) ReadDataSource(_ context.Context, r *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	out, err := altered(r.Config, found, func(at string, v tftypes.Value) tftypes.Value {
		switch at {
		case "answer", "token":
			return tftypes.NewValue(text, "the "+at+" to everything")
		}
		return v
	})
	return &tfprotov6.ReadDataSourceResponse{State: out}, err
}

func (shapes) UpgradeResourceState(_ context.Context, r *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	v, err := r.RawState.Unmarshal(typeOf(thing))
	if err != nil {
		return nil, err
	}
	out, err := tfprotov6.NewDynamicValue(typeOf(thing), v)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &out}, err
}

// ReadResource finds another name where there is a file that says so, and nothing where
// there is one that says that.
func (shapes) ReadResource(_ context.Context, r *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	if _, err := os.Stat("gone"); err == nil {
		out, err := tfprotov6.NewDynamicValue(typeOf(thing), tftypes.NewValue(typeOf(thing), nil))
		return &tfprotov6.ReadResourceResponse{NewState: &out}, err
	}
	drifted, _ := os.ReadFile("drifted")
	out, err := altered(r.CurrentState, thing, func(at string, v tftypes.Value) tftypes.Value {
		if (at == "name" || at == "password") && len(drifted) > 0 {
			return tftypes.NewValue(text, strings.TrimSpace(string(drifted)))
		}
		return v
	})
	return &tfprotov6.ReadResourceResponse{NewState: out}, err
}

func (shapes) ImportResourceState(_ context.Context, r *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	attributes := map[string]tftypes.Value{}
	for name, t := range typeOf(thing).(tftypes.Object).AttributeTypes {
		switch t := t.(type) {
		case tftypes.List:
			attributes[name] = tftypes.NewValue(t, nil)
			if name == "rule" {
				attributes[name] = tftypes.NewValue(t, []tftypes.Value{})
			}
		default:
			attributes[name] = tftypes.NewValue(t, nil)
		}
	}
	kind := typeOf(thing).(tftypes.Object).AttributeTypes
	attributes["id"] = tftypes.NewValue(text, r.ID)
	attributes["name"] = tftypes.NewValue(text, "imported")
	attributes["set_block"] = tftypes.NewValue(kind["set_block"], []tftypes.Value{})
	attributes["label"] = tftypes.NewValue(kind["label"], map[string]tftypes.Value{})
	attributes["loose"] = tftypes.NewValue(tftypes.Tuple{}, []tftypes.Value{})
	group := kind["group"]
	attributes["group"] = tftypes.NewValue(group, map[string]tftypes.Value{"value": tftypes.NewValue(text, nil), "secret": tftypes.NewValue(text, nil)})
	out, err := tfprotov6.NewDynamicValue(typeOf(thing), tftypes.NewValue(typeOf(thing), attributes))
	return &tfprotov6.ImportResourceStateResponse{ImportedResources: []*tfprotov6.ImportedResource{{TypeName: r.TypeName, State: &out}}}, err
}

// PlanResourceChange knows nothing that it makes before the apply, and replaces for force.
func (shapes) PlanResourceChange(_ context.Context, r *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	prior, err := r.PriorState.Unmarshal(typeOf(thing))
	if err != nil {
		return nil, err
	}
	proposed, err := r.ProposedNewState.Unmarshal(typeOf(thing))
	if err != nil || proposed.IsNull() {
		return &tfprotov6.PlanResourceChangeResponse{PlannedState: r.ProposedNewState}, err
	}
	var replace []*tftypes.AttributePath
	if !prior.IsNull() && !attributeOf(prior, "force").Equal(attributeOf(proposed, "force")) {
		replace = append(replace, tftypes.NewAttributePath().WithAttributeName("force"), tftypes.NewAttributePath().WithAttributeName("id"))
	}
	fresh := prior.IsNull() || len(replace) > 0
	out, err := altered(r.ProposedNewState, thing, func(at string, v tftypes.Value) tftypes.Value {
		made := at == "id" || strings.HasPrefix(at, "made") || strings.HasSuffix(at, ".made")
		switch {
		case at == "once":
			return tftypes.NewValue(text, nil)
		case made && v.IsKnown() && (v.IsNull() || fresh):
			return tftypes.NewValue(v.Type(), tftypes.UnknownValue)
		}
		return v
	})
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: out, RequiresReplace: replace}, err
}

func (shapes) ApplyResourceChange(_ context.Context, r *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	planned, err := r.PlannedState.Unmarshal(typeOf(thing))
	if err != nil {
		return nil, err
	}
	prior, err := r.PriorState.Unmarshal(typeOf(thing))
	if err != nil {
		return nil, err
	}
	if planned.IsNull() && attributeOf(prior, "name").Equal(tftypes.NewValue(text, "stays")) {
		return &tfprotov6.ApplyResourceChangeResponse{NewState: r.PriorState, Diagnostics: []*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError, Summary: "it fails"}}}, nil
	}
	if planned.IsNull() {
		return &tfprotov6.ApplyResourceChangeResponse{NewState: r.PlannedState}, nil
	}
	if name := attributeOf(planned, "name"); name.Equal(tftypes.NewValue(text, "fails")) {
		return &tfprotov6.ApplyResourceChangeResponse{NewState: r.PriorState, Diagnostics: []*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError, Summary: "it fails"}}}, nil
	}
	out, err := altered(r.PlannedState, thing, func(at string, v tftypes.Value) tftypes.Value {
		switch {
		case v.IsKnown():
			return v
		case v.Type().Is(texts):
			return tftypes.NewValue(texts, []tftypes.Value{tftypes.NewValue(text, "made")})
		case v.Type().Is(pair):
			return tftypes.NewValue(pair, map[string]tftypes.Value{"a": tftypes.NewValue(text, "made"), "n": tftypes.NewValue(tftypes.Number, 1.5)})
		}
		return tftypes.NewValue(text, "made-"+at)
	})
	return &tfprotov6.ApplyResourceChangeResponse{NewState: out}, err
}

func attributeOf(v tftypes.Value, name string) tftypes.Value {
	var object map[string]tftypes.Value
	_ = v.As(&object)
	return object[name]
}

// altered is a value with some parts of it exchanged; at has their names with dots
// between them.
func altered(from *tfprotov6.DynamicValue, s *tfprotov6.Schema, with func(at string, v tftypes.Value) tftypes.Value) (*tfprotov6.DynamicValue, error) {
	v, err := from.Unmarshal(typeOf(s))
	if err != nil {
		return nil, err
	}
	v, err = tftypes.Transform(v, func(p *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		var names []string
		for _, s := range p.Steps() {
			if n, is := s.(tftypes.AttributeName); is {
				names = append(names, string(n))
			}
		}
		return with(strings.Join(names, "."), v), nil
	})
	if err != nil {
		return nil, err
	}
	out, err := tfprotov6.NewDynamicValue(typeOf(s), v)
	return &out, err
}

// typeOf is the type of values. Blocks with a part of any type can be of different types.
func typeOf(s *tfprotov6.Schema) tftypes.Type {
	t := s.ValueType().(tftypes.Object)
	if _, there := t.AttributeTypes["loose"]; there {
		t.AttributeTypes["loose"] = tftypes.DynamicPseudoType
	}
	return t
}
