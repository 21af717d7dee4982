package pull

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lockkeeper/lockkeeper/project"
)

// The files of a submodule are among those of a work tree where it is checked out, and where
// it is not, the submodule is known.
func TestAWorkTreeHasTheSubmodulesThatAreCheckedOut(t *testing.T) {
	h := newHost(t, "acme/infra", "acme/mod", "acme/leaf")
	leaf := h.repos["acme/leaf"].commit("main", nil, entry{path: "leaf.tf", content: "leaf"})
	mod := h.repos["acme/mod"].commit("main", nil, entry{path: ".gitmodules", content: submodule("leaf", "../leaf.git")},
		entry{path: "leaf", content: leaf, mode: "160000"}, entry{path: "main.tf", content: "m"})
	h.repos["acme/infra"].commit("main", nil, entry{path: ".gitmodules", content: submodule("vendor/mod", "../mod.git")},
		entry{path: "vendor/mod", content: mod, mode: "160000"}, entry{path: "live/main.tf", content: "x"})
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, environment()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("clone", "--quiet", h.repos["acme/infra"].url, ".")
	for _, step := range []struct {
		do             []string
		files, lacking []string
	}{
		{nil, []string{".gitmodules", "live/main.tf"}, []string{"vendor/mod"}},
		{[]string{"submodule", "--quiet", "update", "--init"}, []string{".gitmodules", "live/main.tf", "vendor/mod/.gitmodules", "vendor/mod/main.tf", "vendor/mod/new.tf"}, []string{"vendor/mod/leaf"}},
		{[]string{"submodule", "--quiet", "update", "--init", "--recursive"},
			[]string{".gitmodules", "live/main.tf", "vendor/mod/.gitmodules", "vendor/mod/leaf/leaf.tf", "vendor/mod/main.tf", "vendor/mod/new.tf"}, nil},
	} {
		if step.do != nil {
			git(step.do...)
			if err := os.WriteFile(filepath.Join(dir, "vendor/mod/new.tf"), []byte("new"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tree := WorkTree{Dir: dir}
		files, err := tree.Files(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		submodules := map[string]string{"vendor/mod/main.tf": "vendor/mod", "vendor/mod/new.tf": "vendor/mod", "vendor/mod/.gitmodules": "vendor/mod", "vendor/mod/leaf/leaf.tf": "vendor/mod/leaf"}
		for _, f := range files {
			names = append(names, f.Path)
			if f.Submodule != submodules[f.Path] {
				t.Errorf("%s is of the submodule %q", f.Path, f.Submodule)
			}
		}
		lacking, err := tree.Submodules(t.Context())
		if err != nil || !slices.Equal(names, step.files) || !slices.Equal(lacking, step.lacking) {
			t.Errorf("after %v there are %q, lacking %q, %v", step.do, names, lacking, err)
		}
		read := map[string]string{}
		if err := tree.Read(t.Context(), files, func(f project.File, content []byte) error { read[f.Path] = string(content); return nil }); err != nil {
			t.Fatal(err)
		}
		if step.lacking == nil && read["vendor/mod/leaf/leaf.tf"] != "leaf" {
			t.Errorf("read %q", read)
		}
	}
}
