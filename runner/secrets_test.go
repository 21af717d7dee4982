package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// T40, T41: a secret in every place that a plan can hold one.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{
		"app/main.tf": `
variable "default" {
  default   = "canary-default"
  sensitive = true
}
variable "given" {
  sensitive = true
}
variable "unmarked" {}
locals {
  local = "canary-${var.given}-local"
}
resource "terraform_data" "attribute" { input = var.default }
resource "terraform_data" "map" { input = { nested = { deep = var.given } } }
resource "terraform_data" "list" { input = ["open", var.given] }
resource "terraform_data" "set" { input = toset([var.given]) }
resource "terraform_data" "local" { input = local.local }
resource "terraform_data" "marked" { input = sensitive("canary-marked") }
resource "terraform_data" "unmarked" { input = "password=${var.unmarked}" }
resource "terraform_data" "encoded" { input = base64encode("user:${var.unmarked}") }
module "child" {
  source   = "./child"
  argument = var.given
}
output "secret" {
  value     = var.default
  sensitive = true
}
output "unmarked" { value = var.unmarked }
output "exposed" { value = nonsensitive(var.given) }
check "message" {
  assert {
    condition     = var.unmarked == ""
    error_message = "It is ${var.unmarked}."
  }
}`,
		"app/child/main.tf": "variable \"argument\" {}\nresource \"terraform_data\" \"c\" {\n  input = var.argument\n}\n",
		"app/x.tfvars":      "given = \"canary-given\"\n",
	})
	s.doc.Project.VarFiles = []string{"x.tfvars"}
	s.env = append(s.env, SecretPrefix+"TF_VAR_unmarked=canary-unmarked")
	r := s.run(t)
	s.summary(t, r)
	result, err := os.ReadFile(filepath.Join(s.options.Dir, ResultFile))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		ResultFile:          string(result),
		run.ArtifactSummary: s.read(t, r.Artifacts[run.ArtifactSummary]),
		run.ArtifactOutput:  s.read(t, r.Artifacts[run.ArtifactOutput]),
	}
	for name, text := range texts {
		for _, leak := range []string{"canary", "Y2FuYXJ5", "NhbmFyeS", "jYW5hcn"} {
			if i := strings.Index(text, leak); i >= 0 {
				t.Errorf("%s shows %q: …%s…", name, leak, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
	// The test can fail: the secrets are in what it looked at.
	raw, err := os.ReadFile(filepath.Join(s.options.Dir, printedFile))
	if err != nil || bytes.Count(raw, []byte("canary")) < 9 {
		t.Errorf("the plan holds %d secrets: %v", bytes.Count(raw, []byte("canary")), err)
	}
}

func TestSecretNames(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "ARM_CLIENT_SECRET", "CLOUDFLARE_API_TOKEN", "TF_VAR_x", "TF_TOKEN_app_terraform_io", "DD_API_KEY"} {
		if err := CheckSecretName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "A=B", "1A", "A-B", "PATH", "HOME", "LD_PRELOAD", "TF_CLI_ARGS", "TF_CLI_ARGS_plan", "TF_DATA_DIR", "TF_LOG", "GODEBUG", "BASH_ENV", "GIT_SSH_COMMAND", "LOCKKEEPER_X"} {
		if CheckSecretName(name) == nil {
			t.Errorf("accepted %q", name)
		}
	}
}
