package links

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestResolve(t *testing.T) {
	set := Set{
		"a": "b", "b": "c/d", "up": "c/../x", "deep": "one/two", "c/back": "..", "absolute": "/etc", "out": "../x",
		"loop": "loop", "ring": "ring2", "ring2": "ring", "through": "absolute/x", "one/two": "../three/four/five",
		"self": ".", "twice": "deep/../..", "lexically-in": "deep/../../../../x", "nothing": "no/such/file",
	}
	for name, want := range map[string]string{
		"": ".", ".": ".", "plain": "plain", "a": "c/d", "a/x": "c/d/x", "up": "x", "deep/x": "three/four/five/x",
		"deep/..": "three/four", // of where the link leads, not of the link
		"c/back":  ".", "c/back/a": "c/d", "self/self/a": "c/d", "twice": "three", "nothing/x": "no/such/file/x",
	} {
		if got, err := set.Resolve(name); err != nil || got != want {
			t.Errorf("%q leads to %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]error{
		"..": ErrLeaves, "absolute": ErrLeaves, "absolute/x": ErrLeaves, "out": ErrLeaves, "through": ErrLeaves, "lexically-in": ErrLeaves,
		"c/back/..": ErrLeaves, "loop": ErrLoop, "ring/x": ErrLoop,
	} {
		if got, err := set.Resolve(name); !errors.Is(err, want) {
			t.Errorf("%q leads to %q, %v; want %v", name, got, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	set := Set{
		"good": "x/y", "dangling": "nowhere", "loop": "loop", "absolute": "/etc/passwd", "out": "../x", "empty": "", "zero": "a\x00b",
		"long": strings.Repeat("x/", 2049), "by/a/link": "../../good/../../../x", "other": "out/y",
	}
	for name, good := range map[string]bool{
		"good": true, "dangling": true, "loop": true, "absolute": false, "out": false, "empty": false, "zero": false, "long": false,
		"by/a/link": false, "other": false,
	} {
		if err := set.Check(name); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Links that are made on a disk lead where Resolve says: never out, and to the same file.
func TestResolveIsWhatTheSystemDoes(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "b", "c", "..", "."})
	paths := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "parts"), "/") })
	top := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(top, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		tree := filepath.Join(dir, "x", "tree")
		for _, d := range []string{"a/b/c", "b/c", "c"} {
			if err := os.MkdirAll(filepath.Join(tree, d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		set := Set{}
		for _, name := range []string{"l", "a/l", "a/b/l", "m", "b/l"} {
			to := rapid.OneOf(paths, rapid.SampledFrom([]string{"l", "../l", "m/..", "l/l", "a/l/..", "../m/a"})).Draw(t, name)
			if err := os.Symlink(to, filepath.Join(tree, name)); err != nil {
				t.Fatal(err)
			}
			set[name] = to
		}
		for name := range set {
			real, err := filepath.EvalSymlinks(filepath.Join(tree, name))
			got, gotErr := set.Resolve(name)
			if err != nil { // it leads to nothing, and so nowhere
				continue
			}
			rel, _ := filepath.Rel(tree, real)
			outside := rel == ".." || strings.HasPrefix(rel, "../")
			if outside && !errors.Is(gotErr, ErrLeaves) {
				t.Fatalf("%s of %v leads to %s, which was taken for %q, %v", name, set, rel, got, gotErr)
			}
			if !outside && gotErr == nil && filepath.ToSlash(rel) != got {
				t.Fatalf("%s of %v leads to %s, not %s", name, set, rel, got)
			}
		}
	})
}
