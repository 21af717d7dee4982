package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/longtest"
)

// contents is the part of a CycloneDX document that is looked at.
type contents struct {
	Format   string `json:"bomFormat"`
	Spec     string `json:"specVersion"`
	Metadata struct {
		Component  part
		Properties []struct{ Name, Value string }
	}
	Components []part
}

type part struct{ Type, Name, Version, PURL string }

// The same program gives the same document, which names it and its modules.
func TestAProgramNamesItsModules(t *testing.T) {
	longtest.Only(t) // the tool is built first, which takes a minute
	program := filepath.Join(t.TempDir(), "lockkeeper-runner")
	run(t, "go", "build", "-o", program, root+"/runner/lockkeeper-runner")
	var texts []string
	for range 2 {
		dir := t.TempDir()
		run(t, root+"/deploy/sbom/programs.sh", dir, program+"=v1.2.3")
		text, err := os.ReadFile(filepath.Join(dir, "lockkeeper-runner.cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
		t.Errorf("written again: %s", diff)
	}
	var c contents
	if err := json.Unmarshal([]byte(texts[0]), &c); err != nil {
		t.Fatal(err)
	}
	if p := c.Metadata.Component; c.Format != "CycloneDX" || c.Spec != "1.5" || p.Version != "v1.2.3" ||
		!strings.HasPrefix(p.PURL, "pkg:golang/github.com/lockkeeper/lockkeeper@v1.2.3?") {
		t.Errorf("%s %s of %+v", c.Format, c.Spec, p)
	}
	sum := slices.IndexFunc(c.Metadata.Properties, func(p struct{ Name, Value string }) bool {
		return p.Name == "cdx:gomod:binary:hash:SHA-256" && len(p.Value) == 64
	})
	if sum < 0 {
		t.Errorf("no checksum of the program in %+v", c.Metadata.Properties)
	}
	for _, name := range []string{"std", "github.com/klauspost/compress"} {
		i := slices.IndexFunc(c.Components, func(m part) bool { return m.Name == name })
		if i < 0 {
			t.Errorf("%s is not among %+v", name, c.Components)
			continue
		}
		if m := c.Components[i]; m.Version == "" || !strings.HasPrefix(m.PURL, "pkg:golang/"+name+"@") {
			t.Errorf("%+v", m)
		}
	}
	if err := exec.CommandContext(t.Context(), root+"/deploy/sbom/programs.sh", t.TempDir(), "sbom_test.go").Run(); err == nil {
		t.Error("a text is no program")
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func TestPackages(t *testing.T) {
	list := func(text string) (contents, error) {
		cmd := exec.CommandContext(t.Context(), root+"/deploy/sbom/debian.sh")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			return contents{}, err
		}
		var c contents
		return c, json.Unmarshal(out, &c)
	}
	got, err := list("git\t1:2.39.5-0+deb12u2\tamd64\nlibstdc++6\t12.2.0-14\tamd64\n")
	if err != nil || got.Format != "CycloneDX" || got.Spec != "1.5" {
		t.Fatal(got, err)
	}
	want := []part{
		{Type: "library", Name: "git", Version: "1:2.39.5-0+deb12u2", PURL: "pkg:deb/debian/git@1%3A2.39.5-0%2Bdeb12u2?arch=amd64"},
		{Type: "library", Name: "libstdc++6", Version: "12.2.0-14", PURL: "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64"},
	}
	if diff := cmp.Diff(want, got.Components); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "git 1\n", "git\t1\"\tamd64\n", "git\t1\tamd64\ngit\t1\n"} {
		if got, err := list(text); err == nil {
			t.Errorf("%q is taken: %+v", text, got)
		}
	}
}
