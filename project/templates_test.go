package project

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A template that calls file, fileset or templatefile reads files that no .tf names: they
// touched nothing, were missing with source: reach, and nobody was told.
func TestTemplatesReadFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files   map[string]string
		reaches string // what a/ reaches besides itself
		unknown string // "file:line call" of what cannot be followed
	}{
		"a constant path, from where terraform runs": {map[string]string{
			"a/main.tf": `locals { x = templatefile("${path.module}/../t/x.tpl", {}) }`, "t/x.tpl": "${file(\"../data/x.json\")}\n", "data/x.json": "{}",
		}, "data/x.json t/x.tpl", ""},
		"a set of files, in a directive": {map[string]string{
			"a/main.tf": `locals { x = templatefile("x.tpl", {}) }`, "a/x.tpl": "%{ for f in fileset(\"../data\", \"*.json\") }${f}%{ endfor }\n", "data/x.json": "{}",
		}, "data", ""},
		"a template in a template": {map[string]string{
			"a/main.tf": `locals { x = templatefile("../t/x.tpl", {}) }`, "t/x.tpl": `${templatefile("../t/y.tpl", {})}`, "t/y.tpl": "\n${file(name)} ${templatefile(\"../t/x.tpl\", {})}",
		}, "t/x.tpl t/y.tpl", "t/y.tpl:2 file(…)"},
		"what it was given is no variable of the module": {map[string]string{
			"a/main.tf": "variable \"x\" { default = \"./x\" }\nlocals { x = templatefile(\"x.tpl\", { var = { x = 1 } }) }", "a/x.tpl": `${file(var.x)}`,
		}, "", "a/x.tpl:1 file(var.x)"},
		"path is a value, too": {map[string]string{
			"a/main.tf": `locals { x = templatefile("x.tpl", { path = { module = "../data" } }) }`, "a/x.tpl": `${file("${path.module}/x")}`,
		}, "", "a/x.tpl:1 file(\"${path.module}…\")"},
		"of a module, from where terraform runs": {map[string]string{
			"a/main.tf": "module \"m\" {\n source = \"../m\"\n}", "m/main.tf": `locals { x = templatefile("${path.module}/x.tpl", {}) }`, "m/x.tpl": `${file("data/x")}`, "a/data/x": "x",
		}, "m", ""},
		"a template of the root in a module": {map[string]string{
			"a/main.tf": "module \"m\" {\n source = \"../m\"\n}", "m/main.tf": `locals { x = templatefile("t/x.tpl", {}) }`, "a/t/x.tpl": `${file("../b/x")}`, "b/x": "x",
		}, "b/x m", ""},
		"by a local value": {map[string]string{
			"a/main.tf": "locals {\n t = \"../t/x.tpl\"\n x = templatefile(local.t, {})\n}", "t/x.tpl": `${file(name)}`,
		}, "t/x.tpl", "t/x.tpl:1 file(…)"},
		"one of a directory": {map[string]string{
			"a/main.tf": `locals { x = templatefile("../t/${terraform.workspace}.tpl", {}) }`, "t/x.tpl": `${file(name)}`, "t/y.tpl": `${file("../b/x")}`, "b/x": "x",
		}, "b/x t", "t/x.tpl:1 file(…)"},
		"template_file": {map[string]string{
			"a/main.tf": "data \"template_file\" \"x\" {\n template = file(\"x.tpl\")\n}", "a/x.tpl": `${file(name)}`,
		}, "", "a/x.tpl:1 file(…)"},
		"a file is no template": {map[string]string{
			"a/main.tf": `locals { x = file("x.tpl") }`, "a/x.tpl": `${file(name)}`,
		}, "", ""},
		"an escape is none": {map[string]string{
			"a/main.tf": `locals { x = templatefile("x.tpl", {}) }`, "a/x.tpl": `$${file(name)}`,
		}, "", ""},
		"too deep": {map[string]string{
			"a/main.tf": `locals { x = templatefile("x.tpl", {}) }`, "a/x.tpl": "file " + strings.Repeat("${(", 2_000),
		}, "", "a/x.tpl:1 " + tooMuch},
		"one of too many": {many(map[string]string{
			"a/main.tf": `locals { x = templatefile("../t/${terraform.workspace}.tpl", {}) }`,
		}), "t", "t:1 " + tooMuch},
		"JSON": {map[string]string{
			"a/main.tf.json": `{"locals": {"x": "${templatefile(\"x.tpl\", {})}"}}`, "a/x.tpl": `${file("../b/x")}`, "b/x": "x",
		}, "b/x", ""},
		"through a link": {map[string]string{
			"a/main.tf": `locals { x = templatefile("x.tpl", {}) }`, "a/x.tpl": "-> ../t/x.tpl", "t/x.tpl": `${file("../b/x")}`, "b/x": "x",
		}, "b/x t/x.tpl", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tree := newTree(c.files)
			index := new(Index)
			for range 2 { // the second one is remembered
				g, err := index.Graph(t.Context(), tree)
				if err != nil {
					t.Fatal(err)
				}
				p := Project{Name: "a", Dir: "a", Workspace: "default"}
				got := slices.DeleteFunc(g.Needs(p), func(dir string) bool { return dir == "a" })
				if strings.Join(got, " ") != c.reaches {
					t.Errorf("it reaches %q, want %q", got, c.reaches)
				}
				unknown := ""
				for _, u := range g.Unfollowed(p, OwnSettings(p)) {
					call, _, _ := strings.Cut(strings.TrimPrefix(u.Message, "the path of "), " cannot be followed")
					unknown += fmt.Sprintf("%s:%d %s", u.File, u.Line, call)
				}
				if unknown != c.unknown {
					t.Errorf("it does not follow %q, want %q", unknown, c.unknown)
				}
			}
		})
	}
}

func many(files map[string]string) map[string]string {
	for i := range maxTemplates + 1 {
		files[fmt.Sprintf("t/%d.tpl", i)] = ""
	}
	return files
}

// A template is looked for in every directory that calls, and each module of a long chain
// may name one: that is a square of the chain, so it is bounded, and what is left out is
// said.
func TestTemplatesOfALongChainAreBounded(t *testing.T) {
	for n, bounded := range map[int]bool{100: false, 700: true} {
		files := map[string]string{}
		for i := range n {
			files[fmt.Sprintf("m%d/main.tf", i)] = fmt.Sprintf("module \"n\" {\n  source = \"../m%d\"\n}\noutput \"x\" {\n  value = templatefile(\"no/x.tpl\", {})\n}\n", i+1)
		}
		g, err := new(Index).Graph(t.Context(), newTree(files))
		if err != nil {
			t.Fatal(err)
		}
		p := Project{Name: "m0", Dir: "m0", Workspace: "default"}
		left := slices.ContainsFunc(g.Unfollowed(p, OwnSettings(p)), func(x Problem) bool { return strings.Contains(x.Message, tooMuch) })
		if left != bounded {
			t.Errorf("a chain of %d: left out %t, want %t", n, left, bounded)
		}
	}
}
