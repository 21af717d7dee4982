package demo

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/project"
)

func projects(t *testing.T) []project.Project {
	t.Helper()
	config, err := project.Parse(project.ConfigFile, Files()[project.ConfigFile])
	if err != nil {
		t.Fatal(err)
	}
	return config.Projects
}

func TestEveryRootModuleIsAProjectWithAState(t *testing.T) {
	dirs, names := map[string]bool{}, map[string]bool{}
	for _, p := range projects(t) {
		dirs[p.Dir], names[p.Name] = true, true
		for _, file := range p.VarFiles {
			if _, ok := Files()[p.Dir+"/"+file]; !ok {
				t.Errorf("%s: var file %s does not exist", p.Name, file)
			}
		}
		for _, before := range p.After {
			if !names[before] {
				t.Errorf("%s: comes after %s, which is not listed before it", p.Name, before)
			}
		}
	}
	roots := map[string]bool{}
	for name := range Files() {
		if dir, found := strings.CutSuffix(name, "/versions.tf"); found && strings.HasPrefix(name, "live/") {
			roots[dir] = true
		}
	}
	if diff := cmp.Diff(roots, dirs); diff != "" || len(dirs) != 8 {
		t.Errorf("%d projects; root modules and lockkeeper.yml differ (-files +yml)\n%s", len(dirs), diff)
	}
	if diff := cmp.Diff(names, set(maps.Keys(States()))); diff != "" {
		t.Errorf("projects and states differ (-projects +states)\n%s", diff)
	}
}

func TestEnvironmentsShareTheirCode(t *testing.T) {
	files := Files()
	for name, content := range files {
		if dev := strings.HasPrefix(name, "live/dev/") && strings.HasSuffix(name, ".tf"); !dev {
			continue
		}
		prod := strings.Replace(name, "/dev/", "/prod/", 1)
		if diff := cmp.Diff(string(content), string(files[prod])); diff != "" {
			t.Errorf("%s differs from %s:\n%s", name, prod, diff)
		}
	}
}

func TestDotFilesAreEmbedded(t *testing.T) {
	if _, ok := Files()[".gitignore"]; !ok {
		t.Error(".gitignore is missing")
	}
}

func TestChangeChangesEveryFileItCarries(t *testing.T) {
	base := Files()
	for name, content := range FirstChange().Files {
		if string(base[name]) == string(content) {
			t.Errorf("%s is the same as on %s", name, DefaultBranch)
		}
	}
}

func TestCallersCannotChangeTheDemo(t *testing.T) {
	want := bytes.Clone(Files()["README.md"])
	clear(Files()["README.md"])
	if !bytes.Equal(want, Files()["README.md"]) {
		t.Error("a caller's write reached the embedded file")
	}
}

func set(names func(func(string) bool)) map[string]bool {
	all := map[string]bool{}
	for _, name := range slices.Sorted(names) {
		all[name] = true
	}
	return all
}
