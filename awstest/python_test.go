package awstest

import (
	"archive/zip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lockkeeper/lockkeeper/longtest"
)

// withoutMoto makes a machine whose Python has no moto, and whose packages are
// those of a directory, which is returned.
func withoutMoto(t *testing.T, script string) (packages string) {
	t.Helper()
	if os.Getenv("LOCKKEEPER_SKIP_AWS") == "1" {
		t.Skip("LOCKKEEPER_SKIP_AWS=1")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on the PATH")
	}
	bin, packages := t.TempDir(), t.TempDir()
	program := "#!/bin/sh\n[ \"$1\" = -c ] && exit 1\n" + script + "\nexec " + python + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"PATH": bin + ":" + os.Getenv("PATH"), "XDG_CACHE_HOME": t.TempDir(),
		"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": packages, "PIP_CONFIG_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	return packages
}

// wheel puts a Python package into a directory (the format is PEP 427).
func wheel(t *testing.T, dir, name, version string, files map[string]string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%s-py3-none-any.whl", name, version)))
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	files[info+"METADATA"] = fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	files[info+"WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
	files[info+"RECORD"] = ""
	for name, content := range files {
		entry, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// The tests of several packages need it at the same time.
func TestMotoIsInstalledWhereItIsMissing(t *testing.T) {
	longtest.Only(t)
	packages := withoutMoto(t, "")
	wheel(t, packages, "moto", motoVersion, map[string]string{"moto/__init__.py": "__version__ = '" + motoVersion + "'\n", "moto/server.py": "", "flask/__init__.py": ""})
	wheel(t, packages, "boto3", "1.0", map[string]string{"boto3/__init__.py": ""})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			python, err := interpreter(t.Context())
			if err != nil || !hasMoto(t.Context(), python) {
				t.Errorf("%q, %v", python, err)
			}
		})
	}
	all.Wait()
}

func TestWhyThereIsNoMotoIsOneSentence(t *testing.T) {
	for _, row := range []struct{ name, script, want string }{
		{"nothing to install", "", "installing moto: exit status 1: ERROR: No matching distribution found for moto[batch,server,stepfunctions]==" + motoVersion},
		{"no virtual environments", "echo one; echo two; exit 1", "making a virtual environment, for which Debian has the package python3-venv: exit status 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.script == "" {
				longtest.Only(t)
			}
			withoutMoto(t, row.script)
			if _, err := interpreter(t.Context()); err == nil || err.Error() != row.want || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}
