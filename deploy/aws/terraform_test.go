package deploy

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func TestTheTerraformModulePassesEveryParameter(t *testing.T) {
	variables, parameters := map[string]bool{}, map[string]string{}
	parser := hclparse.NewParser()
	for _, name := range []string{"main.tf", "variables.tf", "outputs.tf"} {
		file, diags := parser.ParseHCLFile("terraform/" + name)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, b := range file.Body.(*hclsyntax.Body).Blocks {
			switch b.Type {
			case "variable":
				variables[b.Labels[0]] = true
			case "resource":
				parameters = passed(t, b)
			}
		}
	}
	want := slices.Sorted(maps.Keys(parsed(t).Parameters))
	if got := slices.Sorted(maps.Keys(parameters)); !slices.Equal(got, want) {
		t.Errorf("the module passes %v, the template takes %v", got, want)
	}
	used := slices.Sorted(maps.Values(parameters))
	if declared := slices.Sorted(maps.Keys(variables)); !slices.Equal(used, declared) {
		t.Errorf("the module uses the variables %v and declares %v", used, declared)
	}
}

// Whoever copies the example gives all that has no default, and nothing else that
// is not there.
func TestTheExampleOfTheTerraformModule(t *testing.T) {
	text, _, _ := strings.Cut(after(t, read(t, "deploy/aws/terraform/README.md"), "```hcl\n"), "```")
	example, diags := hclparse.NewParser().ParseHCL([]byte(text), "README.md")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	passed := example.Body.(*hclsyntax.Body).Blocks[0].Body.Attributes
	file, diags := hclparse.NewParser().ParseHCLFile("terraform/variables.tf")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	known := map[string]bool{"source": true}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		known[b.Labels[0]] = true
		if b.Body.Attributes["default"] == nil && passed[b.Labels[0]] == nil {
			t.Errorf("the example does not give %s", b.Labels[0])
		}
	}
	for name := range passed {
		if !known[name] {
			t.Errorf("the example gives %s, which the module does not take", name)
		}
	}
}

// passed are the parameters of the stack, with the variable of each.
func passed(t *testing.T, stack *hclsyntax.Block) map[string]string {
	pairs, diags := hcl.ExprMap(stack.Body.Attributes["parameters"].Expr)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	found := map[string]string{}
	for _, p := range pairs {
		uses := p.Value.Variables()
		if len(uses) != 1 || uses[0].RootName() != "var" {
			t.Fatalf("%s: want exactly one variable", p.Value.Range())
		}
		found[hcl.ExprAsKeyword(p.Key)] = uses[0][1].(hcl.TraverseAttr).Name
	}
	return found
}

func TestTheTerraformModuleIsFormatted(t *testing.T) {
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not on the PATH")
	}
	cmd := exec.CommandContext(t.Context(), terraform, "fmt", "-check", "-diff", "terraform")
	cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1")
	if out, err := cmd.Output(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
