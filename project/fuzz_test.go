package project

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever a pull request commits as a Terraform file: no panic, clean paths, and nothing skipped that refers.
func FuzzReadFacts(f *testing.F) {
	for _, file := range txtarTree(repository).data {
		f.Add(file, false)
		f.Add(file, true)
	}
	f.Add([]byte(`module "x" { source = "\u002e/y" }`), false)
	f.Add([]byte(`{"locals": {"x": "${fileset(path . module, \"../**\")}"}}`), true)
	f.Add([]byte("locals { x = file(<<E\n../x\nE\n) }"), false)
	f.Fuzz(func(t *testing.T, data []byte, isJSON bool) {
		name := "x.tf"
		if isJSON {
			name += ".json"
		}
		got := readFacts(name, data, false)
		for _, r := range got.Refs {
			if to, ok := within("a/b", r.Path); ok && (to == ".." || strings.HasPrefix(to, "../") || strings.HasPrefix(to, "/")) {
				t.Errorf("%+v leads to %q", r, to)
			}
		}
		if all := readFacts(name, data, true); got.Skipped && (len(all.Refs) > 0 || all.Root) {
			if !strings.Contains(string(data), "${") { // pieces of a source; see mayRefer
				t.Errorf("skipped, but refers to %+v, root %t", all.Refs, all.Root)
			}
		} else if diff := cmp.Diff(all, got); !got.Skipped && diff != "" {
			t.Errorf("read twice, two answers:\n%s", diff)
		}
	})
}

func TestIndexServesManyAtOnce(t *testing.T) {
	ix := new(Index)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			tree := txtarTree(repository + "-- own/main.tf --\nlocals { x = file(\"../" + strings.Repeat("x", i) + "\") }\n")
			g, err := ix.Graph(t.Context(), tree)
			if err != nil {
				t.Error(err)
				return
			}
			if len(g.Reach("infra/app")) != 12 {
				t.Errorf("reach is %v", g.Reach("infra/app"))
			}
			if _, err := Load(t.Context(), tree, g, LoadOptions{}); err != nil {
				t.Error(err)
			}
			if err := ix.Save(t.TempDir() + "/index"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
