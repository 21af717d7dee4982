package artifact_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/lockkeeper/lockkeeper/artifact"
)

func newIdentity(tb testing.TB) string {
	tb.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		tb.Fatal(err)
	}
	return identity.String() + "\n"
}

func parse(tb testing.TB, text string) artifact.Keys {
	tb.Helper()
	keys, err := artifact.ParseKeys(text)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

func newKeys(tb testing.TB) artifact.Keys { return parse(tb, newIdentity(tb)) }

const canary = "canary-7f3a"

// dirs opens one directory with different keys.
func dirs(t *testing.T) (name string, with func(artifact.Keys) *artifact.Dir) {
	t.Helper()
	name = t.TempDir()
	return name, func(keys artifact.Keys) *artifact.Dir {
		d, err := artifact.OpenDir(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		d.Keys = keys
		return d
	}
}

func put(t *testing.T, d *artifact.Dir, content string) artifact.Ref {
	t.Helper()
	ref, err := d.Put(t.Context(), "runs/a/plan", strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestWhatIsPutIsEncrypted(t *testing.T) {
	name, with := dirs(t)
	for keys, want := range map[*artifact.Keys]bool{{}: true, new(newKeys(t)): false} {
		put(t, with(*keys), strings.Repeat(canary, 1000))
		content, err := os.ReadFile(filepath.Join(name, "runs/a/plan"))
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(content, []byte(canary)); got != want {
			t.Errorf("in clear: %t, want %t", got, want)
		}
	}
}

// A key is replaced by putting the new one in front, and removed when what it
// encrypted is gone.
func TestKeysAreRotated(t *testing.T) {
	_, with := dirs(t)
	older, newer := newIdentity(t), newIdentity(t)
	clear := put(t, with(artifact.Keys{}), canary)
	if got, err := with(parse(t, newer)).ReadAll(t.Context(), clear, 100); err != nil || string(got) != canary {
		t.Errorf("what was stored before there was a key: %q, %v", got, err)
	}
	both := parse(t, "# the newer\n"+newer+"\n# the older\n"+older)
	for _, row := range []struct {
		name     string
		by       artifact.Keys
		readable map[string]bool // by the text of the keys
	}{
		{"by the older", parse(t, older), map[string]bool{older: true, newer: false, newer + older: true, "": false}},
		{"by both", both, map[string]bool{older: false, newer: true, newer + older: true, "": false}},
		{"by what only encrypts", parse(t, both.Text(false)), map[string]bool{older: false, newer: true, both.Text(false): false, both.Text(true): true}},
	} {
		ref := put(t, with(row.by), canary)
		for text, want := range row.readable {
			got, err := with(parse(t, text)).ReadAll(t.Context(), ref, 100)
			switch {
			case want && (err != nil || string(got) != canary):
				t.Errorf("%s: not read: %v", row.name, err)
			case !want && !errors.Is(err, artifact.ErrSealed):
				t.Errorf("%s: got %v, want ErrSealed", row.name, err)
			}
		}
	}
}

// Each byte of an encrypted file matters, and so does its length.
func TestAChangedEncryptedFileIsNoticed(t *testing.T) {
	name, with := dirs(t)
	d := with(newKeys(t))
	ref := put(t, d, canary)
	file := filepath.Join(name, "runs/a/plan")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := d.ReadAll(t.Context(), ref, 100)
		if !errors.Is(err, artifact.ErrChanged) && !errors.Is(err, artifact.ErrSealed) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	for i := range whole {
		other := bytes.Clone(whole)
		other[i] ^= 1
		try(fmt.Sprint("bit of byte ", i), other)
		try(fmt.Sprint("cut after ", i), whole[:i])
	}
	try("more of it", append(bytes.Clone(whole), whole...))
	try("a huge header", append([]byte("age-encryption.org/v1\n-> X25519 "), bytes.Repeat([]byte("a"), 8<<20)...))
}

// Whoever holds the key file reads what the server stored without the server.
func TestAgeReadsWhatWasStored(t *testing.T) {
	name, with := dirs(t)
	text := newIdentity(t)
	put(t, with(parse(t, text)), canary)
	f, err := os.Open(filepath.Join(name, "runs/a/plan"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	identities, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(f, identities...)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != canary {
		t.Errorf("%q, %v", got, err)
	}
}

// Content of a repository has one key for equal bytes, and is nobody's secret.
func TestContentIsStoredInClear(t *testing.T) {
	_, with := dirs(t)
	ref, err := with(newKeys(t)).PutContent(t.Context(), "sources", strings.NewReader("source"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := with(artifact.Keys{}).ReadAll(t.Context(), ref, 100); err != nil || string(got) != "source" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestKeysAreRefusedAndNotPrinted(t *testing.T) {
	text := newIdentity(t)
	for name, wrong := range map[string]string{
		"junk": "junk", "a bit changed": text[:len(text)-3] + "QQ\n", "more than sixteen": strings.Repeat(text, 17), "two recipients": "age1x\nage1y\n",
	} {
		keys, err := artifact.ParseKeys(wrong)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		for _, line := range strings.Fields(wrong) {
			if strings.Contains(err.Error(), line) {
				t.Errorf("%s: the error holds the key: %v", name, err)
			}
		}
		if keys.Text(true) != "" {
			t.Errorf("%s: there are keys beside the error", name)
		}
	}
	keys := parse(t, text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb+verb, keys, &keys); strings.Contains(got, "AGE") || strings.Contains(got, "age1") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if keys.Text(false) == "" || strings.Contains(keys.Text(false), "SECRET") {
		t.Errorf("what only encrypts is %q", keys.Text(false))
	}
}
