package backendtest

import (
	_ "embed"
	"os"
	"path/filepath"
	"testing"
)

// Fake is what a job document names as its terraform version to get the
// program of FakeTerraform.
const Fake = "fake"

//go:embed testdata/terraform.sh
var fakeTerraform []byte

// FakeTerraform writes a program that behaves like terraform as far as a runner
// can see, and whose plan ends only when it is told to. Signals says how.
func FakeTerraform(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "terraform")
	if err := os.WriteFile(path, fakeTerraform, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// Signals is a directory through which a test and the fake terraform talk.
// Flag names it to the fake.
type Signals struct{ dir string }

// NewSignals makes one.
func NewSignals(t testing.TB) Signals { return Signals{t.TempDir()} }

// Flag is the flag of the job document that a fake plan needs.
func (s Signals) Flag() string { return "-var=signals=" + s.dir }

// Runs is how often a plan began.
func (s Signals) Runs() int {
	content, _ := os.ReadFile(filepath.Join(s.dir, "running"))
	n := 0
	for _, c := range content {
		if c == '\n' {
			n++
		}
	}
	return n
}

// Interrupted tells whether the plan got an interrupt.
func (s Signals) Interrupted() bool {
	_, err := os.Stat(filepath.Join(s.dir, "interrupted"))
	return err == nil
}

// Stubborn makes the plan ignore interrupts. Call it before the plan begins.
func (s Signals) Stubborn(t testing.TB) { s.touch(t, "stubborn") }

// Go lets the plan end well.
func (s Signals) Go(t testing.TB) { s.touch(t, "go") }

func (s Signals) touch(t testing.TB, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
