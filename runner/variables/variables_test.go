package variables

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/msgpack"
)

func encoded(t *testing.T, v cty.Value) []byte {
	t.Helper()
	out, err := msgpack.Marshal(v, cty.DynamicPseudoType)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func text(s string) cty.Value { return cty.StringVal(s) }

func TestDiffer(t *testing.T) {
	configuration := []File{
		{"main.tf", []byte("variable \"a\" {}\nvariable \"list\" {\n  type = list(string)\n}\nvariable \"d\" {\n  default = 1\n}\nvariable \"e\" {\n  ephemeral = true\n}\nresource \"x\" \"y\" {\n  z = var.a\n}\n")},
		{"more.tf.json", []byte(`{"variable": {"j": {"type": "number"}}}`)},
		{"override.tf", []byte("variable \"a\" {\n  type = any\n}\n")},
	}
	auto := func(content string) []File { return []File{{"terraform.tfvars", []byte(content)}} }
	tuple := cty.TupleVal([]cty.Value{text("x")})
	for name, c := range map[string]struct {
		given   Given
		plan    map[string]cty.Value
		another bool // environment
		want    string
	}{
		"nothing":                     {Given{}, nil, false, ""},
		"from a file":                 {Given{Auto: auto("a = \"x\"\nundeclared = 1\n")}, map[string]cty.Value{"a": text("x")}, false, ""},
		"an expression of a type":     {Given{Environment: []string{"TF_VAR_list=[\"x\"]", "TF_VAR_j=7", "PATH=/"}}, map[string]cty.Value{"list": tuple, "j": text("7")}, false, ""},
		"a type of an override":       {Given{Flags: []Flag{{Var: "a=1"}}}, map[string]cty.Value{"a": cty.NumberIntVal(1)}, false, ""},
		"files win over environment":  {Given{Environment: []string{"TF_VAR_j=7"}, Auto: auto("j = 8")}, map[string]cty.Value{"j": cty.NumberIntVal(8)}, false, ""},
		"flags win in their order":    {Given{Auto: auto("j = 8"), Flags: []Flag{{Var: "j=1"}, {File: &File{"x.tfvars", []byte("j = 2")}}, {Var: "j=a=b"}}}, map[string]cty.Value{"j": text("a=b")}, false, ""},
		"auto files by their names":   {Given{Auto: []File{{"b.auto.tfvars", []byte("j = 2")}, {"a.auto.tfvars.json", []byte(`{"j": 1}`)}, {"terraform.tfvars.json", []byte(`{"j": 0}`)}}}, map[string]cty.Value{"j": cty.NumberIntVal(2)}, false, ""},
		"null":                        {Given{Auto: auto("a = null")}, map[string]cty.Value{"a": cty.NullVal(cty.DynamicPseudoType)}, false, ""},
		"an ephemeral one":            {Given{Auto: auto("e = \"x\"")}, nil, false, ""},
		"a default, recorded":         {Given{}, map[string]cty.Value{"d": cty.NumberIntVal(1)}, false, ""},
		"of another environment":      {Given{Environment: []string{"TF_VAR_j=7"}}, map[string]cty.Value{"j": text("8")}, true, ""},
		"another value":               {Given{Auto: auto("a = \"x\"")}, map[string]cty.Value{"a": text("y")}, false, `another value of the variable "a"`},
		"another type":                {Given{Auto: auto("a = 1")}, map[string]cty.Value{"a": text("1")}, false, `another value of the variable "a"`},
		"another of the environment":  {Given{Environment: []string{"TF_VAR_j=7"}}, map[string]cty.Value{"j": text("8")}, false, `another value of the variable "j"`},
		"a value that nothing gave":   {Given{}, map[string]cty.Value{"d": cty.NumberIntVal(2)}, false, `"d", which nothing gave it`},
		"a value less":                {Given{Auto: auto("a = 1")}, nil, false, `lacks the value of the variable "a"`},
		"a file's, elsewhere":         {Given{Auto: auto("a = 1")}, nil, true, `lacks the value of the variable "a"`},
		"one that is not declared":    {Given{}, map[string]cty.Value{"x": text("y")}, false, `a variable "x", which the configuration does not have`},
		"an ephemeral one, recorded":  {Given{Auto: auto("e = \"x\"")}, map[string]cty.Value{"e": text("x")}, false, `"e", which is ephemeral`},
		"elsewhere, an ephemeral one": {Given{}, map[string]cty.Value{"e": text("x")}, true, `"e", which is ephemeral`},
	} {
		t.Run(name, func(t *testing.T) {
			c.given.Configuration = configuration
			values, err := Evaluate(c.given)
			if err != nil {
				t.Fatal(err)
			}
			of := map[string][]byte{}
			for name, v := range c.plan {
				of[name] = encoded(t, v)
			}
			got := values.Differ(of, !c.another)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What a plan cannot have been made of is an error, and nothing ends the runner.
func TestEvaluateRefuses(t *testing.T) {
	for name, g := range map[string]Given{
		"a broken file":       {Configuration: []File{{"main.tf", []byte("variable \"a\" {")}}},
		"a broken value":      {Configuration: []File{{"main.tf", []byte("variable \"a\" {\n  type = any\n}")}}, Flags: []Flag{{Var: "a=["}}},
		"a reference":         {Configuration: []File{{"main.tf", []byte("variable \"a\" {}")}}, Auto: []File{{"terraform.tfvars", []byte("a = var.b")}}},
		"no JSON":             {Auto: []File{{"terraform.tfvars.json", []byte("{")}}},
		"nested too deep":     {Auto: []File{{"terraform.tfvars", []byte("a = " + strings.Repeat("[", 20_000))}}},
		"JSON of that kind":   {Auto: []File{{"terraform.tfvars.json", []byte(strings.Repeat("[", 20_000))}}},
		"a value of that one": {Configuration: []File{{"main.tf", []byte("variable \"a\" {\n  type = any\n}")}}, Environment: []string{"TF_VAR_a=" + strings.Repeat("(", 20_000)}},
	} {
		if _, err := Evaluate(g); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
