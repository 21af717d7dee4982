package backendtest

import (
	_ "embed"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Fake is what a job document names as its terraform version to get the
// program of FakeTerraform.
const Fake = "fake"

// FakeSource is the source of a job that has the program of FakeTerraform: the
// plan files that it makes are of this.
var FakeSource = map[string]string{"app/main.tf": ""}

//go:embed testdata/terraform.sh
var fakeTerraform string

// FakeTerraform writes a program that behaves like terraform as far as a runner
// can see, and whose plan and apply end only when they are told to. Signals says
// how.
func FakeTerraform(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "terraform")
	plan, err := os.ReadFile(planFile(t, map[string]string{"main.tf": FakeSource["app/main.tf"]}, "http", map[string]any{}))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(fakeTerraform, "PLAN", base64.StdEncoding.EncodeToString(plan), 1)
	syscall.ForkLock.RLock() // a child that holds it open for writing keeps it from being run (ETXTBSY)
	err = os.WriteFile(path, []byte(text), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Signals is a directory through which a test and one step of the fake
// terraform talk.
type Signals struct{ dir string }

// NewSignals makes those of a plan, and of what comes before and after it.
func NewSignals(t testing.TB) Signals {
	t.Helper()
	s := Signals{Shared(t)}
	for _, dir := range []Signals{s.Apply(), s.Init()} {
		if err := os.Mkdir(dir.dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Flag is the flag of the job document that a fake plan needs.
func (s Signals) Flag() string { return "-var=signals=" + s.dir }

// Apply are the signals of the apply of the plan that has s.
func (s Signals) Apply() Signals { return Signals{filepath.Join(s.dir, "apply")} }

// Init are the signals of every init, if the job document has BackendConfig.
func (s Signals) Init() Signals { return Signals{filepath.Join(s.dir, "init")} }

// BackendConfig is the backend configuration of the job document that a fake
// init needs to be held up.
func (s Signals) BackendConfig() map[string]string {
	return map[string]string{"signals": s.Init().dir}
}

// Hold makes an init last until it is told to end. Call it before it begins.
func (s Signals) Hold(t testing.TB) { s.touch(t, "hold") }

// Runs is how often the step began.
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

// Interrupted tells whether the step got an interrupt.
func (s Signals) Interrupted() bool {
	_, err := os.Stat(filepath.Join(s.dir, "interrupted"))
	return err == nil
}

// Stubborn makes the step ignore interrupts. Call it before it begins.
func (s Signals) Stubborn(t testing.TB) { s.touch(t, "stubborn") }

// Make makes the plan leave a file in the project's directory, which its apply prints.
func (s Signals) Make(t testing.TB) { s.touch(t, "make") }

// Go lets the step end well.
func (s Signals) Go(t testing.TB) { s.touch(t, "go") }

func (s Signals) touch(t testing.TB, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
