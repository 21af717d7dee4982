//go:build long

package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// archiveModule is the provider archive, as the Go module proxy has it.
const (
	archiveModule = "github.com/terraform-providers/terraform-provider-archive"
	archiveNumber = "1.3.0"
	archiveSum    = "h1:8WzDXMwTdTd4Z7KAUjnYwopk1DgGJ/DLH0xowJ8h+/8="
)

// archiveMirror is a mirror that has the provider archive.
func archiveMirror(t *testing.T) string {
	t.Helper()
	work, mirror := t.TempDir(), t.TempDir()
	command := func(dir, name string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return out
	}
	if err := os.WriteFile(filepath.Join(work, "go.mod"), []byte("module x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var module struct{ Dir, Sum string }
	if err := json.Unmarshal(command(work, "go", "mod", "download", "-json", archiveModule+"@v"+archiveNumber), &module); err != nil || module.Sum != archiveSum {
		t.Fatalf("the module is %+v, %v", module, err)
	}
	source := filepath.Join(work, "source")
	command(work, "cp", "-r", module.Dir, source)
	command(work, "chmod", "-R", "u+w", source)
	at := filepath.Join(mirror, "registry.terraform.io/hashicorp/archive", archiveNumber, platform)
	err := errors.Join(os.RemoveAll(filepath.Join(source, "vendor")), os.MkdirAll(at, 0o755), os.Chmod(mirror, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	command(source, "go", "build", "-o", filepath.Join(at, "terraform-provider-archive_v"+archiveNumber+"_x4"), ".")
	return mirror
}

// Report 10, with the provider that everybody meets it with.
func TestReport10ArchiveFile(t *testing.T) {
	mirror := archiveMirror(t)
	config := filepath.Join(t.TempDir(), "terraform.rc")
	text := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	layouts(t, func(t *testing.T, newSetup func(map[string]string) *setup) {
		s := newSetup(map[string]string{"app/src/index.js": "exports.handler = 1", "app/main.tf": `
terraform {
  backend "local" {}
  required_providers {
    archive = {
      source = "hashicorp/archive"
    }
  }
}
variable "ledger" {}
data "archive_file" "code" {
  type        = "zip"
  source_dir  = "${path.module}/src"
  output_path = "${path.module}/../build/lambda.zip"
}
resource "terraform_data" "lambda" {
  input = filebase64sha256(data.archive_file.code.output_path)
  provisioner "local-exec" {
    command = "wc -c < ../build/lambda.zip > ${var.ledger}"
  }
}
`})
		s.options.CLIConfig, s.options.Read = config, append(s.options.Read, mirror)
		a := makesAndPlans(t, s, ":")
		if m := a.plan.Made; m == nil || m.Files != 1 || m.Names[0] != "build/lambda.zip" || m.Missed != 0 {
			t.Fatalf("%+v", m)
		}
		r := a.run(t)
		if r.Outcome != run.OutcomeSucceeded || strings.TrimSpace(a.made(t)) == "" {
			t.Errorf("made %q: %+v", a.made(t), r.Problem)
		}
	})
}
