package runner

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
)

func newIdentity(t testing.TB) string {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return identity.String()
}

func parseKeys(t testing.TB, text string) artifact.Keys {
	t.Helper()
	keys, err := artifact.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// hand gives the next runner a file with that text, as an engine does.
func (s *setup) hand(t testing.TB, text string) {
	t.Helper()
	s.files, s.options.KeysFD = nil, 0
	if text == "" {
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s.files, s.options.KeysFD = []*os.File{r}, 3
}

// onDisk is what lies in the directory of artifacts.
func (s *setup) onDisk(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.options.Artifacts, key(s.doc.RunID, s.doc.JobID, name)))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestAPlanIsAppliedOnlyWithItsKey(t *testing.T) {
	t.Parallel()
	own, other := newIdentity(t), newIdentity(t)
	for name, tt := range map[string]struct{ plan, apply, code string }{
		"the same":                    {parseKeys(t, own).Text(false), own, ""},
		"a newer one before it":       {parseKeys(t, own).Text(false), other + "\n" + own, ""},
		"another":                     {parseKeys(t, own).Text(false), other, "plan_sealed"},
		"none":                        {parseKeys(t, own).Text(false), "", "plan_sealed"},
		"the half that only encrypts": {parseKeys(t, own).Text(false), parseKeys(t, own).Text(false), "plan_sealed"},
		"a plan from before the key":  {"", own, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &applying{setup: newSetup(t, map[string]string{"app/main.tf": ledger})}
			dir := a.shared(t)
			a.state, a.ledger = filepath.Join(dir, "terraform.tfstate"), filepath.Join(dir, "ledger")
			a.doc.Project.BackendConfig = map[string]string{"path": a.state}
			a.doc.Flags = []string{"-var=ledger=" + a.ledger}
			a.hand(t, tt.plan)
			a.planAgain(t, a.doc.JobID)
			a.hand(t, tt.apply)
			r := a.run(t)
			if tt.code == "" {
				if r.Outcome != run.OutcomeSucceeded {
					t.Errorf("%+v", r.Problem)
				}
				return
			}
			wantProblem(t, r, tt.code, "")
			a.nothingMade(t)
			if r.Began || len(r.Steps) > 0 || !strings.Contains(r.Problem.Message, "is encrypted with a key that the server does not have, so nothing was applied. Comment `/plan`") {
				t.Errorf("began %t, steps %v: %s", r.Began, r.Steps, r.Problem.Message)
			}
		})
	}
}

// What a job is given to encrypt with is not in what terraform or the kernel
// shows to others, not even in that of an apply, which can read.
func TestTerraformFindsNoKey(t *testing.T) {
	t.Parallel()
	own := newIdentity(t)
	a := plans(t, map[string]string{"app/main.tf": ledger})
	seen := filepath.Join(a.shared(t), "seen")
	a.script(t, `
{ env; tr '\0' '\n' < /proc/$PPID/environ; tr '\0' '\n' < /proc/$PPID/cmdline
  for fd in /proc/self/fd/* /proc/$PPID/fd/*; do echo "$fd $(readlink "$fd")"; done; } > `+seen+` 2>/dev/null
for fd in 3 4 5 6 7 8 9; do { cat <&$fd >> `+seen+`; } 2>/dev/null; done
exec `+a.options.Terraform+` "$@"
`)
	a.hand(t, own)
	if r := a.run(t); r.Outcome != run.OutcomeSucceeded {
		t.Fatalf("%+v", r.Problem)
	}
	content, err := os.ReadFile(seen)
	if err != nil || !bytes.Contains(content, []byte("TF_IN_AUTOMATION")) {
		t.Fatalf("the script did not look: %v\n%s", err, content)
	}
	if bytes.Contains(content, []byte("AGE-SECRET-KEY")) || bytes.Contains(content, []byte("age1")) {
		t.Errorf("terraform sees a key:\n%s", content)
	}
}

// A state that could not be saved holds secrets, and is all that is known of
// what was made.
func TestAStateThatCannotBeWrittenIsKeptEncrypted(t *testing.T) {
	t.Parallel()
	own := newIdentity(t)
	for name, full := range map[string]bool{"stored": false, "the artifacts cannot be written, either": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := plans(t, map[string]string{"app/main.tf": ledger})
			a.script(t, "echo '{\"canary\":4}' > errored.tfstate; exit 1")
			if full {
				if err := os.MkdirAll(filepath.Join(a.options.Artifacts, key(a.doc.RunID, a.doc.JobID, run.ArtifactErroredState), "x"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			a.hand(t, own)
			r := a.run(t)
			wantProblem(t, r, "state_not_saved", "")
			var kept []byte
			if full {
				var err error
				if kept, err = os.ReadFile(filepath.Join(a.options.Dir, run.ArtifactErroredState)); err != nil {
					t.Fatal(err)
				}
			} else {
				kept = a.onDisk(t, run.ArtifactErroredState)
			}
			if bytes.Contains(kept, []byte("canary")) {
				t.Error("it is in clear")
			}
			identity, err := age.ParseX25519Identity(own)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := age.Decrypt(bytes.NewReader(kept), identity)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(plain); err != nil || string(text) != "{\"canary\":4}\n" {
				t.Errorf("%q, %v", text, err)
			}
			if !strings.Contains(r.Problem.Message, "errored.tfstate`, which is encrypted (decrypt it with `age --decrypt` and the server's key)") {
				t.Error(r.Problem.Message)
			}
		})
	}
}
