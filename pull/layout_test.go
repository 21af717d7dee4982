package pull

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Git may pack refs at any time: one that is no file any more is there all the same.
func TestAPackedRefIsARef(t *testing.T) {
	t.Parallel()
	u, m := newUpstream(t), newMirror(t, Limits{})
	sha := u.commit("main", nil, entry{path: "a", content: "1"})
	if err := m.Fetch(t.Context(), u.remote(), sha); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("git", "--git-dir="+m.dir, "pack-refs", "--all").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if m.never(keepRef(sha)) {
		t.Error("its ref is taken for none")
	}
}

// What a mirror begins with is what git takes for a bare repository.
func TestAnEmptyMirrorIsABareRepository(t *testing.T) {
	t.Parallel()
	m := newMirror(t, Limits{})
	for _, args := range [][]string{{"rev-parse", "--is-bare-repository"}, {"fsck", "--strict"}} {
		out, err := exec.Command("git", append([]string{"--git-dir=" + m.dir}, args...)...).CombinedOutput()
		if err != nil || args[0] == "rev-parse" && strings.TrimSpace(string(out)) != "true" {
			t.Errorf("git %s: %v\n%s", args[0], err, out)
		}
	}
}

// Source code of private repositories lies in a mirror: its owner alone reads it.
func TestAnEmptyMirrorIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(newMirror(t, Limits{}).dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
