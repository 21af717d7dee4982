package project

import (
	"strings"
	"testing"
)

const archive = "-- a/b/main.tf --\ndata \"archive_file\" \"x\" {\n  source_dir = \"src\"\n}\n"

// What a provider reads it finds by a text that says by nothing that it is a path. Documents
// there, and code of its own, touched nothing.
func TestWhatATextNamesIsRead(t *testing.T) {
	const module = "-- m/main.tf --\nresource \"x\" \"y\" {\n  file = \"docs/guide.md\"\n}\n-- a/b/main.tf --\nmodule \"m\" { source = \"../../m\" }\n"
	tests := []struct{ name, files, changed, want string }{
		{"a document in a directory", archive, "a/b/src/index.md", "a/b"},
		{"a document further below", archive, "a/b/src/pages/x/index.md", "a/b"},
		{"code of its own in it", archive + "-- a/b/src/main.tf --\nlocals {}\n", "a/b/src/handler.js", "a/b"},
		{"a document beside it", archive, "a/b/README.md", ""},
		{"a directory that begins alike", archive, "a/b/src2/index.md", ""},
		{"a directory of the same name elsewhere", archive, "src/index.md", ""},
		{"another project's directory", archive + "-- a/b/src/main.tf --\nlocals {}\n", "a/b/src/app/x.js", "a/b/src/app"},
		{"a document", "-- a/b/main.tf --\nresource \"local_file\" \"x\" {\n  filename = \"README.md\"\n}\n", "a/b/README.md", "a/b"},
		{"a document that is deleted", "-- a/b/main.tf --\nresource \"local_file\" \"x\" {\n  filename = \"OLD.md\"\n}\n", "a/b/OLD.md", "a/b"},
		{"an argument of a module from elsewhere", "-- a/b/main.tf --\nmodule \"m\" {\n  source = \"x/y/z\"\n  source_path = [\"app\", { path = \"site/\" }]\n}\n", "a/b/site/logo.svg", "a/b"},
		{"the syntax of JSON", "-- a/b/main.tf.json --\n{\"resource\": {\"helm_release\": {\"x\": {\"chart\": \"chart\"}}}}\n", "a/b/chart/README.md", "a/b"},
		{"a value", "-- a/b/main.tf --\nvariable \"dir\" {}\n-- a/b/terraform.tfvars --\ndir = \"src\"\n", "a/b/src/x.md", "a/b"},
		{"a value in JSON", "-- a/b/main.tf --\nvariable \"dir\" {}\n-- a/b/x.auto.tfvars.json --\n{\"dirs\": [\"src\"]}\n", "a/b/src/x.md", "a/b"},
		{"a value that nothing loads", "-- a/b/main.tf --\nvariable \"dir\" {}\n-- a/b/other.tfvars --\ndir = \"src\"\n", "a/b/src/x.md", ""},
		{"a changing end", "-- a/b/main.tf --\nresource \"x\" \"y\" {\n  page = \"pages/${var.x}.md\"\n}\n", "a/b/pages/new.md", "a/b"},
		{"a word of a command", "-- a/b/main.tf --\nresource \"x\" \"y\" {\n  command = \"render README.md > out\"\n}\n", "a/b/README.md", "a/b"},
		{"a module's text, from its own directory", module, "m/docs/guide.md", "a/b"},
		{"a module's text, from where terraform runs", module, "a/b/docs/guide.md", "a/b"},
		{"a module's document that nothing reads", module, "m/docs/other.md", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := touches(t, txtarTree(tt.files), tt.changed, "a/b", "a/b/src/app"); got != tt.want {
				t.Errorf("%s touches %q, want %q", tt.changed, got, tt.want)
			}
		})
	}
}

// The name of a directory above is no use of it: each project beside it would be touched.
func TestANameThatIsMadeOfTheDirectoryReadsNothingAboveIt(t *testing.T) {
	tree := txtarTree("-- a/b/main.tf --\nlocals {\n  environment = basename(dirname(path.cwd))\n  parts = split(\"/\", dirname(abspath(path.module)))\n}\n-- a/c/main.tf --\nlocals {}\n")
	if got := touches(t, tree, "a/c/main.tf", "a/b", "a/c"); got != "a/c" {
		t.Errorf("touches %q", got)
	}
}

// A function between path.module and the text behind it hid where the path leads.
func TestPathsThatFunctionsPutTogetherAreFollowed(t *testing.T) {
	for name, expression := range map[string]string{
		"format":                  `format("%s/../c/x.json", path.module)`,
		"format of several":       `format("%v/%s/%s/x.json", path.module, "..", "c")`,
		"format with a percent":   `format("%s/../c/%%/x", path.module)`,
		"join":                    `join("/", [path.module, "..", "c", "x.json"])`,
		"join with a variable":    `join("/", [path.module, "..", "c", var.x])`,
		"abspath":                 `"${abspath(path.module)}/../c/x.json"`,
		"abspath around":          `abspath("../c/x.json")`,
		"dirname":                 `"${dirname(path.cwd)}/c/x.json"`,
		"dirname of a file":       `dirname("../c/x.json")`,
		"one in another":          `format("%s/x.json", join("/", [abspath(path.root), "../c"]))`,
		"a local":                 `"${local.here}/../c/x.json"`,
		"a function that reads":   `file(format("%s/../c/x.json", path.module))`,
		"one that reads a local":  `file(format("%s/../c/x.json", local.here))`,
		"a template in the paths": `format("%s/c/x.json", "${path.module}/..")`,
	} {
		files := "-- a/b/main.tf --\nlocals { here = path.module }\nresource \"x\" \"y\" {\n  of = " + expression + "\n}\n-- a/c/x.json --\n{}\n-- a/c/%/x --\n"
		changed := "a/c/x.json"
		if strings.Contains(expression, "%%") {
			changed = "a/c/%/x"
		}
		tree := txtarTree(files)
		if got := touches(t, tree, changed, "a/b"); got != "a/b" {
			t.Errorf("%s: %s touches %q", name, expression, got)
		}
		if got := graphOf(t, tree).Unfollowed(Project{Dir: "a/b"}, Settings{}); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
