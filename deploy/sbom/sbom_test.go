package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAProgramNamesItsModules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lockkeeper-runner")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, "../../runner/lockkeeper-runner").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c, err := program(file, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if c.PURL != "pkg:golang/github.com/lockkeeper/lockkeeper@v1.2.3" || c.Version != "v1.2.3" || len(c.Hashes[0].Content) != 64 {
		t.Errorf("%+v", c)
	}
	for _, name := range []string{"std", "github.com/klauspost/compress"} {
		i := slices.IndexFunc(c.Components, func(m component) bool { return m.Name == name })
		if i < 0 {
			t.Errorf("%s is not among %+v", name, c.Components)
			continue
		}
		if m := c.Components[i]; m.Version == "" || !strings.HasPrefix(m.PURL, "pkg:golang/"+name+"@") {
			t.Errorf("%+v", m)
		}
	}
	if _, err := program("main.go", ""); err == nil {
		t.Error("a text is no program")
	}
}

func TestPackages(t *testing.T) {
	got, err := packages("git\t1:2.39.5-0+deb12u2\tamd64\nlibstdc++6\t12.2.0-14\tamd64\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []component{
		{Type: "library", Name: "git", Version: "1:2.39.5-0+deb12u2", PURL: "pkg:deb/debian/git@1%3A2.39.5-0%2Bdeb12u2?arch=amd64"},
		{Type: "library", Name: "libstdc++6", Version: "12.2.0-14", PURL: "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := packages("git 1\n"); err == nil {
		t.Error("a line without a version is taken")
	}
}

func TestNamesOfModules(t *testing.T) {
	for path, want := range map[string]string{
		"github.com/BurntSushi/toml": "pkg:golang/github.com/burntsushi/toml@v2.0.0%2Bincompatible",
		"gopkg.in/yaml.v3":           "pkg:golang/gopkg.in/yaml.v3@v2.0.0%2Bincompatible",
	} {
		if got := goPURL(path, "v2.0.0+incompatible"); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}
