package local_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
	"github.com/lockkeeper/lockkeeper/run"
)

// The test binary is the engine of a server that is killed, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		engineProcess(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	}
	// The race detector makes each process wait for a second when it ends.
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	if err := backendtest.BuildRunner(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestContract(t *testing.T) {
	backendtest.Run(t, func(t *testing.T) backendtest.Harness { return newFixture(t).harness() })
}

// fixture is the directory of a server.
type fixture struct {
	options   local.Options
	artifacts *artifact.Dir
}

type binary = toolchain.Binary

// binaries knows a real terraform and the fake one.
type binaries struct{ real, fake string }

func (b binaries) Binary(_ context.Context, wanted string) (toolchain.Binary, error) {
	if wanted == backendtest.Fake {
		return toolchain.Binary{Path: b.fake, Product: "Fake", Version: "1"}, nil
	}
	return toolchain.Binary{Path: b.real, Product: "Terraform", Version: "1"}, nil
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	real, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	f := &fixture{options: local.Options{
		Dir: filepath.Join(base, "jobs"), Artifacts: filepath.Join(base, "artifacts"),
		Executable: []string{backendtest.Runner()},
		Terraform:  binaries{real: real, fake: backendtest.FakeTerraform(t)},
		Parallel:   1, Grace: time.Second, ApplyGrace: time.Second,
		Pass: []string{"GORACE"}, Secrets: secretsOf, Directories: shared,
	}}
	if !filepath.IsAbs(os.Args[0]) {
		t.Fatalf("the test binary has no absolute path: %s", os.Args[0])
	}
	if f.artifacts, err = artifact.OpenDir(f.options.Artifacts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.artifacts.Close() })
	return f
}

func (f *fixture) open(t testing.TB) run.Backend {
	t.Helper()
	e, err := local.New(t.Context(), f.options)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (f *fixture) harness() backendtest.Harness {
	return backendtest.Harness{
		Open: f.open, Artifacts: f.artifacts, Environment: f.environment,
		Tamper: func(t testing.TB, ref run.Artifact) {
			name := filepath.Join(f.options.Artifacts, ref.Key)
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			content = bytes.Clone(content)
			content[len(content)/2] ^= 1
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		KillRunner: func(t testing.TB, id string) {
			if err := syscall.Kill(pidIn(filepath.Join(f.options.Dir, id, "alive")), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// shared is what every environment gives to its jobs.
func shared(run.JobEnvironment) local.Directories {
	return local.Directories{Write: []string{backendtest.SharedDir()}}
}

// environment is one whose secrets the engine finds itself.
func (f *fixture) environment(testing.TB) run.JobEnvironment {
	return run.JobEnvironment{Name: "secret"}
}

// secretsOf is what a server's config gives to a run.
func secretsOf(_ context.Context, env run.JobEnvironment, kind run.Kind) (map[string]string, error) {
	if env.Name != "secret" {
		return nil, nil
	}
	if kind.Traits().Changes {
		return map[string]string{"APPLY_TOKEN": backendtest.ApplyToken}, nil
	}
	return map[string]string{"PLAN_TOKEN": backendtest.PlanToken}, nil
}

// pidIn is the process that a runner noted in its alive file, 0 for none.
func pidIn(name string) int {
	content, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(content)))
	return pid
}
