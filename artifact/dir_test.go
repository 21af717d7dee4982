package artifact

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func openDir(tb testing.TB) (*Dir, string) {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "new", "artifacts")
	d, err := OpenDir(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.Close() })
	return d, name
}

func put(t *testing.T, d *Dir, key, content string) Ref {
	t.Helper()
	ref, err := d.Put(t.Context(), key, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func read(t *testing.T, d *Dir, ref Ref) string {
	t.Helper()
	content, err := d.ReadAll(t.Context(), ref, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestDirSurvivesReopening(t *testing.T) {
	d, name := openDir(t)
	ref := put(t, d, "a/b", "value")
	again, err := OpenDir(name)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if read(t, again, ref) != "value" {
		t.Error("other bytes came back")
	}
}

// A link in the directory, put there by someone else, leads nowhere.
func TestDirFollowsNoLinkToTheOutside(t *testing.T) {
	d, name := openDir(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "x"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(name, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(t.Context(), Ref{Key: "link/x", SHA256: strings.Repeat("0", 64), Size: 6}); err == nil {
		t.Error("a file outside was opened")
	}
	if _, err := d.Put(t.Context(), "link/y", strings.NewReader("x")); err == nil {
		t.Error("a file was put outside")
	}
	if err := d.Delete(t.Context(), "link/x"); err == nil {
		t.Error("a file outside was deleted")
	}
	if _, err := d.Sweep(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(outside, "x")); err != nil {
		t.Error("the sweep reached outside")
	}
}

func TestDirSweepsWhatCrashedWritersLeft(t *testing.T) {
	d, name := openDir(t)
	left := filepath.Join(name, incoming, "half")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, d, "a/b/c", "value")
	if removed, err := d.Sweep(t.Context(), time.Now().Add(time.Hour)); removed != 1 || err != nil {
		t.Errorf("removed %d artifacts, %v", removed, err)
	}
	var rest []string
	err := filepath.WalkDir(name, func(path string, _ fs.DirEntry, err error) error {
		rest = append(rest, path)
		return err
	})
	if err != nil || len(rest) != 2 { // the directory itself and the one for incoming files
		t.Errorf("left over: %v, %v", rest, err)
	}
}

func TestDirLeavesNoTemporaryFiles(t *testing.T) {
	d, name := openDir(t)
	put(t, d, "k", "value")
	_, _ = d.Put(t.Context(), "k", io.MultiReader(strings.NewReader("x"), iotest.ErrReader(errors.New("broken pipe"))))
	entries, err := os.ReadDir(filepath.Join(name, incoming))
	if err != nil || len(entries) != 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}

func TestDirIsPrivate(t *testing.T) {
	d, name := openDir(t)
	put(t, d, "a/b", "value")
	for path, want := range map[string]fs.FileMode{"": 0o700, "a": 0o700, "a/b": 0o600} {
		info, err := os.Stat(filepath.Join(name, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q has mode %v, want %v; %v", path, info.Mode().Perm(), want, err)
		}
	}
}
