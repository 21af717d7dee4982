package deploy

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/awstest"
)

// standIn takes what the module gives to the AWS provider's resource
// aws_cloudformation_stack, by the names and types that the provider's
// documentation has, and keeps it.
const standIn = `
variable "name" { type = string }
variable "template_body" { type = string }
variable "capabilities" { type = set(string) }
variable "parameters" { type = map(string) }
resource "terraform_data" "stack" {
  input = { name = var.name, template_body = var.template_body, capabilities = var.capabilities, parameters = var.parameters }
}
output "outputs" {
  value = { ServerPolicy = "arn-of-the-policy", Name = var.name }
}
`

// given is what the stand-in was given.
type given struct {
	Name         string
	Body         string `json:"template_body"`
	Capabilities []string
	Parameters   map[string]string
}

// The provider is fetched from a registry, which tests do not ask. So Terraform
// evaluates the module with a stand-in for its one resource, and what that gets
// makes the stack.
func theTerraformModuleMakesTheStack(t *testing.T, s *stack) {
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not on the PATH")
	}
	out := map[string]string{}
	made := evaluated(t, terraform, laidOut(t, s))
	for i, stack := range Stacks("module", "dev") {
		got := made[i]
		if got.Name != stack.Name || got.Body != stack.Template || !slices.Equal(got.Capabilities, []string{"CAPABILITY_NAMED_IAM"}) {
			t.Fatalf("stack %d is %s with %v and a template of %d bytes", i, got.Name, got.Capabilities, len(got.Body))
		}
		given := parameters(t, s.Emulator)
		given["AssignPublicIp"] = "ENABLED"
		want := stack.Given(given)
		for name, p := range parsedOne(t, stack.Template).Parameters { // the module's defaults are the template's
			if _, has := want[name]; has {
				continue
			}
			text, err := json.Marshal(p["Default"])
			if err != nil {
				t.Fatal(err)
			}
			want[name] = strings.Trim(string(text), `"`)
		}
		if diff := cmp.Diff(want, got.Parameters); diff != "" {
			t.Errorf("parameters of %s (-want +got):\n%s", got.Name, diff)
		}
		maps.Copy(out, s.Deploy(t, got.Name, got.Body, got.Parameters))
	}
	if len(made) != 3 || out["StateMachine"] == "" || out["PlanJobDefinition"] == "" {
		t.Errorf("%d stacks have the outputs %v", len(made), out)
	}
}

// laidOut copies the module with the stand-in, and variables for it.
func laidOut(t *testing.T, s *stack) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "terraform")
	put := func(name, text string, replace ...string) {
		t.Helper()
		for i := 0; i < len(replace); i += 2 {
			if !strings.Contains(text, replace[i]) {
				t.Fatalf("%s lacks %q", name, replace[i])
			}
		}
		text = strings.NewReplacer(replace...).Replace(text)
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	main := read(t, "deploy/aws/terraform/main.tf")
	providers, _, _ := strings.Cut(after(t, main, "  required_providers {\n"), "\n  }\n")
	put("main.tf", main, "  required_providers {\n"+providers+"\n  }\n", "",
		`resource "aws_cloudformation_stack" "base" {`, "module \"base\" {\n  source = \"./stack\"",
		`resource "aws_cloudformation_stack" "engine" {`, "module \"engine\" {\n  source = \"./stack\"",
		`resource "aws_cloudformation_stack" "environment" {`, "module \"environment\" {\n  source = \"./stack\"", "aws_cloudformation_stack.", "module.")
	put("outputs.tf", read(t, "deploy/aws/terraform/outputs.tf"), "aws_cloudformation_stack.", "module.")
	put("variables.tf", read(t, "deploy/aws/terraform/variables.tf"))
	put("stack/main.tf", standIn)
	put("../base.yaml", base)
	put("../engine.yaml", engine)
	put("../environment.yaml", environment)
	subnets, groups := s.Network(t)
	variables, err := json.Marshal(map[string]any{
		"name_prefix": "module", "image_uri": image + "@sha256:" + strings.Repeat("0", 64), "subnet_ids": subnets, "security_group_ids": groups[:1], "assign_public_ip": true,
		"server_principal_arn": "arn:aws:iam::" + awstest.Account + ":role/server",
		"environments": map[string]any{"dev": map[string]any{
			"external_id": "external-id", "function": true,
			"plan_role_arns": []string{"arn:aws:iam::*:role/lockkeeper-plan"}, "apply_role_arns": []string{"arn:aws:iam::*:role/lockkeeper-apply"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	put("terraform.tfvars.json", string(variables))
	return dir
}

// evaluated is what Terraform gives to the stand-ins: those of the base, the engine
// and the environment.
func evaluated(t *testing.T, terraform, dir string) []given {
	t.Helper()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), terraform, args...)
		var said bytes.Buffer
		cmd.Dir, cmd.Stderr = dir, &said
		cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE="+os.DevNull)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("terraform %v: %v\n%s%s", args, err, out, said.String())
		}
		return string(out)
	}
	run("init", "-input=false", "-no-color")
	run("validate", "-no-color")
	run("apply", "-input=false", "-auto-approve", "-no-color")
	if got := run("output", "-raw", "server_policy_arn"); got != "arn-of-the-policy" {
		t.Errorf("server_policy_arn is %q", got)
	}
	if got := run("output", "-json", "environments"); !strings.Contains(got, `"dev":{"Name":"module-environment-dev"`) {
		t.Errorf("environments are %s", got)
	}
	var state struct {
		Values struct {
			RootModule struct {
				ChildModules []struct {
					Address   string
					Resources []struct{ Values struct{ Input given } }
				} `json:"child_modules"`
			} `json:"root_module"`
		}
	}
	if err := json.Unmarshal([]byte(run("show", "-json")), &state); err != nil {
		t.Fatal(err)
	}
	var all []given
	for _, address := range []string{"module.base", "module.engine", `module.environment["dev"]`} {
		for _, m := range state.Values.RootModule.ChildModules {
			if m.Address == address {
				all = append(all, m.Resources[0].Values.Input)
			}
		}
	}
	return all
}
