package project

import (
	"strings"
	"testing"
)

// A mistake in lockkeeper.yml hid what else is wrong until it was fixed.
func TestCheckSaysAllInOneGo(t *testing.T) {
	const wrong = "resource \"a\" {\n"
	for name, c := range map[string]struct {
		files  map[string]string
		want   []string // beginnings of lines, in order
		unread bool
	}{
		"a key, a directory and a file that is no Terraform": {map[string]string{
			"lockkeeper.yml": "version: 1\nprojects:\n  - {name: a, dir: a, nme: x}\n  - {name: b, dir: gone}\n  - {name: c, dir: ../x}\n", "a/main.tf": wrong,
		}, []string{"lockkeeper.yml:3: projects[0].nme", "lockkeeper.yml:4: projects[1].dir: \"gone\" holds", "lockkeeper.yml:5: projects[2].dir", "a/main.tf:1"}, false},
		"lists with refused values": {map[string]string{
			"lockkeeper.yml": "version: 1\nprojects:\n  - name: a\n    dir: a\n    var_files:\n      - /x\n      - gone\n      - ../../x\n  - name: b\n    dir: a\n    workspace: b\n    var_files:\n      - /x\n      - gone\n", "a/main.tf": "",
		}, []string{"lockkeeper.yml:6: projects[0].var_files[0]", "lockkeeper.yml:8: projects[0].var_files[2]", "lockkeeper.yml:13: projects[1].var_files[0]", "lockkeeper.yml:14: projects[1].var_files[1]: \"gone\" is not there"}, false},
		"with discover": {map[string]string{
			"lockkeeper.yml": "version: 2\ndiscover:\n  include: [live/**]\n", "live/a/main.tf": wrong, "b/main.tf": wrong,
		}, []string{"lockkeeper.yml:1: version", "live/a/main.tf:1"}, false},
		"discover itself": {map[string]string{
			"lockkeeper.yml": "version: 1\ndiscover:\n  include: [/live]\nprojects:\n  - {name: a, dir: gone}\n", "b/main.tf": wrong,
		}, []string{"lockkeeper.yml:3: discover.include[0]", "lockkeeper.yml:5: projects[0].dir"}, true},
		"another name": {map[string]string{
			".lockkeeper.yml": "version: 1\nprojects:\n  - {name: a, dir: a, nme: x}\n", "a/main.tf": wrong,
		}, []string{".lockkeeper.yml: is not read", ".lockkeeper.yml:3: projects[0].nme", "a/main.tf:1"}, false},
		"no YAML": {map[string]string{"lockkeeper.yml": "a: [", "a/main.tf": wrong}, []string{"lockkeeper.yml:1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			tree := newTree(c.files)
			graph, err := (&Index{CheckAll: true}).Graph(t.Context(), tree)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Check(t.Context(), tree, graph)
			if err != nil {
				t.Fatal(err)
			}
			ok := len(got.Mistakes) == len(c.want)
			for i := range c.want {
				ok = ok && strings.HasPrefix(got.Mistakes[i].String(), c.want[i])
			}
			if !ok || got.Unread != c.unread {
				t.Errorf("unread %v:\n%s\nwant %q", got.Unread, got.Mistakes, c.want)
			}
		})
	}
}
