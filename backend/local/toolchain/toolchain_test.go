package toolchain

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// program writes a binary that prints a version.
func program(t *testing.T, name, output string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	script := "#!/bin/sh\ncat <<'END'\n" + output + "\nEND\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindTheTerraformOfThisMachine(t *testing.T) {
	tools, err := Find(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := tools.Default()
	if !filepath.IsAbs(b.Path) || b.Version == "" {
		t.Errorf("found %+v", b)
	}
	if got, err := tools.Binary(t.Context(), ""); err != nil || got != b {
		t.Errorf("the default is %+v, %v", got, err)
	}
}

func TestBinaryForAVersion(t *testing.T) {
	a := program(t, "terraform", "Terraform v1.11.4\non linux_amd64")
	b := program(t, "terraform", "Terraform v1.9.8\non linux_amd64\n\nYour version of Terraform is out of date!")
	c := program(t, "tofu", "OpenTofu v1.10.1\non linux_amd64")
	tools, err := Find(t.Context(), Options{Paths: []string{a, b, c}})
	if err != nil {
		t.Fatal(err)
	}
	for wanted, path := range map[string]string{
		"": a, "1.11.4": a, "v1.11.4": a, "1.11": a, "1.11.x": a, "1.9.8": b, "terraform 1.9": b,
		"tofu 1.10.1": c, "tofu 1.10.x": c, "tofu": c, "tofu:1.10.1": c,
	} {
		got, err := tools.Binary(t.Context(), wanted)
		if err != nil || got.Path != path {
			t.Errorf("%q: got %+v, %v", wanted, got, err)
		}
	}
	for _, wanted := range []string{"1.1", "1.11.40", "1.10.1", "tofu 1.11.4", "latest", "../../bin/sh", "`x`\n@team"} {
		_, err := tools.Binary(t.Context(), wanted)
		var p *run.Problem
		if !errors.As(err, &p) || p.Code != "terraform_version" {
			t.Errorf("%q: %v", wanted, err)
			continue
		}
		if strings.Count(p.Message, "`") != 4 || strings.Contains(p.Message, "\n") {
			t.Errorf("%q is not quoted: %s", wanted, p.Message)
		}
	}
}

// T05: versions with known holes in init are not used.
func TestOldVersionsAreRefused(t *testing.T) {
	for output, acceptable := range map[string]bool{
		"Terraform v1.5.6\non linux_amd64":        false,
		"Terraform v1.5.7\non linux_amd64":        true,
		"Terraform v0.13.0\non linux_amd64":       false,
		"Terraform v1.12.0-beta1\non linux_amd64": true,
		"OpenTofu v1.6.0\non linux_amd64":         true,
		"Terragrunt v0.50.0":                      false,
		"":                                        false,
	} {
		_, err := Find(t.Context(), Options{Paths: []string{program(t, "terraform", output)}})
		if (err == nil) != acceptable {
			t.Errorf("%q: %v", output, err)
		}
	}
}

func TestNothingFoundIsOneSentence(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Find(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "install one of them") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

func TestFetchedTerraformIsKept(t *testing.T) {
	dir := t.TempDir()
	have := program(t, "terraform", "Terraform v"+Pinned+"\non linux_amd64")
	if err := os.Rename(have, filepath.Join(dir, "terraform")); err != nil {
		t.Fatal(err)
	}
	path, err := fetch(t.Context(), dir)
	if err != nil || path != filepath.Join(dir, "terraform") {
		t.Errorf("%s, %v", path, err)
	}
	// A job may run under a user of its own, and has to come here.
	for name, want := range map[string]os.FileMode{dir: 0o711, path: 0o755} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, want %v; %v", name, info.Mode().Perm(), want, err)
		}
	}
}
