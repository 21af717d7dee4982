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
	declared, used := map[string]bool{}, map[string]bool{}
	passes := map[string][]string{}
	parser := hclparse.NewParser()
	for _, name := range []string{"main.tf", "variables.tf", "outputs.tf"} {
		file, diags := parser.ParseHCLFile("terraform/" + name)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for _, b := range file.Body.(*hclsyntax.Body).Blocks {
			switch b.Type {
			case "variable":
				declared[b.Labels[0]] = true
			case "resource":
				passes[b.Labels[1]] = passed(t, b)
				for _, a := range b.Body.Attributes {
					for _, v := range a.Expr.Variables() {
						if v.RootName() == "var" {
							used[v[1].(hcl.TraverseAttr).Name] = true
						}
					}
				}
			}
		}
	}
	for name, template := range map[string]string{"base": base, "engine": engine, "environment": environment} {
		if want := slices.Sorted(maps.Keys(parsedOne(t, template).Parameters)); !slices.Equal(passes[name], want) {
			t.Errorf("%s: the module passes %v, the template takes %v", name, passes[name], want)
		}
	}
	if !maps.Equal(used, declared) {
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

// passed are the names of the parameters of a stack, sorted.
func passed(t *testing.T, stack *hclsyntax.Block) (names []string) {
	pairs, diags := hcl.ExprMap(stack.Body.Attributes["parameters"].Expr)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, p := range pairs {
		names = append(names, hcl.ExprAsKeyword(p.Key))
	}
	slices.Sort(names)
	return names
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
