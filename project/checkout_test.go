package project

import (
	"slices"
	"strings"
	"testing"
)

// touches tells which directories the changed path touches when every one of them is a project.
func touches(t *testing.T, tree *memTree, changed string, dirs ...string) string {
	t.Helper()
	var cfg Config
	for _, dir := range dirs {
		cfg.Projects = append(cfg.Projects, Project{Name: dir, Dir: dir})
	}
	return touched(Affected(cfg, graphOf(t, tree), []string{changed}, "main"))
}

const passesDirectory = `
-- environments/alpha.json --
{}
-- live/dev/network/environments.tf --
module "environments" {
  source                = "../../../modules/environments"
  environment_directory = "../../../environments"
}
-- live/dev/database/main.tf --
resource "terraform_data" "x" {}
-- modules/environments/main.tf --
variable "environment_directory" { type = string }
locals {
  definitions = [for f in fileset(var.environment_directory, "*.json") : jsondecode(file("${var.environment_directory}/${f}"))]
}
`

// A directory that is passed as an argument was neither in the job's source nor watched: the plan destroyed everything.
func TestDirectoryAsArgument(t *testing.T) {
	tree := txtarTree(passesDirectory)
	if got := touches(t, tree, "environments/gamma.json", "live/dev/network", "live/dev/database"); got != "live/dev/network" {
		t.Errorf("a new file in the directory touches %q", got)
	}
	if got := strings.Join(graphOf(t, tree).Reach("live/dev/network"), " "); got != "environments live/dev/network modules/environments" {
		t.Errorf("reach is %s", got)
	}
}

func TestPathsThatArePassedOn(t *testing.T) {
	tests := []struct{ name, files, changed, want string }{
		{"by a local", "-- a/b/main.tf --\nlocals { dir = \"../c\" }", "a/c/x.json", "a/b"},
		{"with a changing end", "-- a/b/main.tf --\nlocals { dir = \"../c/${var.x}.json\" }", "a/c/new.json", "a/b"},
		{"by a default", "-- a/b/main.tf --\nvariable \"dir\" { default = \"../c\" }", "a/c/x.json", "a/b"},
		{"in the syntax of JSON", "-- a/b/main.tf.json --\n{\"module\": {\"m\": {\"source\": \"x/y/z\", \"dir\": \"../c\"}}}", "a/c/x.json", "a/b"},
		{"in a file of values", "-- a/b/main.tf --\nvariable \"dir\" {}\n-- a/b/terraform.tfvars --\ndir = \"../c\"", "a/c/x.json", "a/b"},
		{"in one that is loaded by itself", "-- a/b/main.tf --\nvariable \"dir\" {}\n-- a/b/x.auto.tfvars.json --\n{\"dirs\": [\"../c\"]}", "a/c/x.json", "a/b"},
		{"in one that nothing loads", "-- a/b/main.tf --\nvariable \"dir\" {}\n-- a/b/other.tfvars --\ndir = \"../c\"", "a/c/x.json", ""},
		{"in one of another project", "-- a/b/main.tf --\nvariable \"dir\" {}\n-- a/d/terraform.tfvars --\ndir = \"../c\"", "a/c/x.json", ""},
		{"from the root module's directory, in a module", "-- a/b/main.tf --\nmodule \"m\" { source = \"../../m/n\" }\n-- m/n/main.tf --\nlocals { x = \"../c\" }", "a/c/x.json", "a/b"},
		{"from the module's directory", "-- a/b/main.tf --\nmodule \"m\" { source = \"../../m/n\" }\n-- m/n/main.tf --\nlocals { x = \"../c\" }\n-- m/c/x.json --\n1", "m/c/x.json", "a/b"},
		{"from the called module's directory", "-- a/b/main.tf --\nmodule \"m\" {\n source = \"../../m/n\"\n dir = \"../c\"\n}\n-- m/n/main.tf --\nlocals { x = file(\"${path.module}/${var.dir}/x\") }\n-- m/c/x.json --\n1", "m/c/x.json", "a/b"},
		{"a file through a local", "-- a/b/main.tf --\nlocals {\n dir = \"data\"\n x = file(\"${local.dir}/../../c/x.json\")\n}", "a/c/x.json", "a/b"},
		{"a local in another file", "-- a/b/main.tf --\nlocals { dir = \"${path.module}/../c\" }\n-- a/b/x.tf --\nlocals { x = fileset(local.dir, \"*\") }", "a/c/x.json", "a/b"},
		{"the last file in it is deleted", "-- a/b/main.tf --\nlocals { dir = \"../d\" }", "a/d/x.json", "a/b"},
		{"it is deleted", "-- a/b/main.tf --\nmodule \"m\" {\n source = \"x/y/z\"\n policy = \"../d/x.json\"\n}", "a/d/x.json", "a/b"},
		{"it is deleted below a link", "-- a/b/main.tf --\nlocals { dir = \"../l/d\" }\n-- a/l --\n-> ../far", "far/d/x.json", "a/b"},
		{"in a file of values, and it is deleted", "-- a/b/main.tf --\nvariable \"dir\" {}\n-- a/b/terraform.tfvars --\ndir = \"../d\"", "a/d/x.json", "a/b"},
		{"beside what is deleted", "-- a/b/main.tf --\nlocals { dir = \"../d\" }", "a/e/x.json", ""},
		{"in an object that the called module gets", "-- a/b/main.tf --\nmodule \"m\" {\n source = \"../../m/n\"\n of = { dir = [\"../c\"] }\n}\n-- m/n/main.tf --\nlocals { x = file(\"${path.module}/${var.of.dir[0]}/x\") }\n-- m/c/x.json --\n1", "m/c/x.json", "a/b"},
		{"in a comment", "-- a/b/main.tf --\n# dir = \"../c\"\nlocals { x = 1 }", "a/c/x.json", ""},
		{"the source of a module is no directory that is read", "-- a/b/main.tf --\nmodule \"m\" { source = \"../c\" }\n-- a/c/nested/main.tf --\nlocals {}", "a/c/nested/main.tf", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := touches(t, txtarTree(tt.files+"\n-- a/c/x.json --\n{}\n"), tt.changed, "a/b"); got != tt.want {
				t.Errorf("%s touches %q, want %q", tt.changed, got, tt.want)
			}
		})
	}
}

// A change of the file behind a link passed unplanned: "No project is affected by this change."
// ".." behind a link is the parent of where that link leads, and not of the link.
func TestALinkThatGoesUpBehindAnotherLink(t *testing.T) {
	const files = `
-- live/a/main.tf --
locals { data = file("data.json") }
-- live/a/data.json --
-> deep/../shared.json
-- live/a/deep --
-> ../../far/one
-- live/a/x.tf --
-> none/../../../gone
-- far/one/x --
-- far/shared.json --
{}
-- live/a/shared.json --
{}
-- live/b/main.tf --
locals { data = file("${path.module}/../c/up/../other.json") }
-- live/c/up --
-> ../../far/one
-- far/other.json --
{}
`
	tree := txtarTree(files)
	for changed, want := range map[string]string{
		"far/shared.json": "live/a", // what is read
		"far/other.json":  "",       // the words of a path in the code go up by themselves, as Terraform's functions clean them
		"live/a/deep":     "live/a",
		"live/c/up":       "",
		"far/none":        "",
	} {
		if got := touches(t, tree, changed, "live/a", "live/b"); got != want {
			t.Errorf("%s touches %q, want %q", changed, got, want)
		}
	}
	if got := graphOf(t, tree).Reach("live/a"); !slices.Contains(got, "far/shared.json") {
		t.Errorf("reach is %s", got)
	}
}

func TestSymbolicLinks(t *testing.T) {
	const files = `
-- common/variables-common.tf --
variable "common" { type = string }
locals { policy = file("../../shared/policy.json") }
-- live/network/main.tf --
resource "terraform_data" "x" {}
module "m" { source = "./linked" }
-- live/network/variables-common.tf --
-> ../../common/variables-common.tf
-- live/network/linked --
-> ../../vendor/m
-- live/network/data.json --
-> ../chain.json
-- live/chain.json --
-> ../shared/data.json
-- live/values/main.tf --
variable "dir" {}
-- live/values/terraform.tfvars --
-> ../../common/all.tfvars
-- common/all.tfvars --
dir = "../../passed"
-- passed/x --
-- shared/data.json --
{}
-- vendor/m/main.tf --
module "beside" { source = "../beside" }
-- vendor/beside/main.tf --
locals {}
-- live/network/beside/main.tf --
locals {}
-- live/loop/main.tf --
resource "terraform_data" "x" {}
-- live/loop/self --
-> ../loop
-- live/loop/a --
-> b
-- live/loop/b --
-> a
-- live/out/main.tf --
resource "terraform_data" "x" {}
-- live/out/hosts --
-> /etc/hosts
`
	tree := txtarTree(files)
	for changed, want := range map[string]string{
		"common/variables-common.tf":        "live/network",
		"shared/policy.json":                "live/network", // read by the linked file, from the directory of the link
		"shared/data.json":                  "live/network", // through two links
		"vendor/m/main.tf":                  "live/network",
		"vendor/m/x/template.tpl":           "live/network",
		"vendor/beside/main.tf":             "live/network", // Terraform takes .. from where the link leads
		"live/network/variables-common.tf":  "live/network",
		"common/all.tfvars":                 "live/values",
		"passed/new":                        "live/values",
		"live/loop/x":                       "live/loop",
		"live/loop/a":                       "live/loop",
		"live/out/main.tf":                  "live/out",
		"etc/hosts":                         "",
		"vendor/other/main.tf":              "",
		"common/variables-common.tf/nested": "live/network",
	} {
		if got := touches(t, tree, changed, "live/network", "live/values", "live/loop", "live/out"); got != want {
			t.Errorf("%s touches %q, want %q", changed, got, want)
		}
	}
	want := "common/variables-common.tf live/chain.json live/network shared/data.json shared/policy.json vendor/beside vendor/m"
	if got := strings.Join(graphOf(t, tree).Reach("live/network"), " "); got != want {
		t.Errorf("reach is %s, want %s", got, want)
	}
}

// Documents beside the code planned projects: 59 of 106 pull requests that planned in one library of modules.
func TestDocumentsTouchNothingThatDoesNotReadThem(t *testing.T) {
	const files = `
-- plain/main.tf --
resource "terraform_data" "x" { input = templatefile("${path.module}/x.tpl", {}) }
-- reads/main.tf --
locals { x = file("README.md") }
-- all/main.tf --
locals { x = fileset(path.module, "**/*.md") }
-- dynamic/main.tf --
locals { x = file("${path.module}/${var.x}") }
-- unknown/main.tf --
locals { x = file(var.x) }
-- zip/main.tf --
data "archive_file" "x" { source_dir = path.module }
-- calls/main.tf --
module "m" { source = "../all" }
-- root/main.tf --
module "m" { source = "../readsroot" }
-- readsroot/main.tf --
locals { x = fileset(path.root, "*.md") }
`
	tree := txtarTree(files)
	dirs := []string{"plain", "reads", "all", "dynamic", "unknown", "zip", "calls", "root"}
	for _, tt := range []struct{ changed, want string }{
		{"plain/README.md", ""}, {"plain/docs/a.PNG", ""}, {"plain/CODEOWNERS", ""}, {"plain/LICENSE.txt", ""}, {"plain/licence", ""},
		{"plain/notes.txt", "plain"}, {"plain/x.tpl", "plain"}, {"plain/license.json", "plain"}, {"plain/md", "plain"},
		{"reads/README.md", "reads"}, {"reads/OTHER.md", ""},
		{"all/README.md", "all calls"}, {"dynamic/x.md", "dynamic"}, {"unknown/x.md", "unknown"}, {"zip/x.png", "zip"}, {"root/x.md", "root"}, {"readsroot/x.md", ""},
	} {
		if got := touches(t, tree, tt.changed, dirs...); got != tt.want {
			t.Errorf("%s touches %q, want %q", tt.changed, got, tt.want)
		}
	}
	named := projects(Project{Name: "a", Dir: "plain", WhenChanged: []string{"**/*.md"}})
	if got := touched(Affected(named, graphOf(t, tree), []string{"plain/README.md"}, "main")); got != "a" {
		t.Errorf("when_changed names it, but it touches %q", got)
	}
}

// A pattern or a path with a variable part leads into directories below, and those with code of their own were passed over:
// what changed the plan touched nothing.
func TestWhatIsReadInDirectoriesBelowTouchesAlsoWhereCodeIs(t *testing.T) {
	const below = "\n-- a/sub/main.tf --\nlocals {}\n-- m/sub/main.tf --\nlocals {}\n"
	for name, tt := range map[string]struct{ files, changed, want string }{
		"a pattern of all directories":       {"-- a/main.tf --\nlocals { x = fileset(path.module, \"**/*.json\") }", "a/sub/x.json", "a"},
		"a pattern of directories":           {"-- a/main.tf --\nlocals { x = fileset(\".\", \"*/*.json\") }", "a/sub/x.json", "a"},
		"a pattern of files":                 {"-- a/main.tf --\nlocals { x = fileset(path.module, \"*.json\") }", "a/sub/x.json", ""},
		"a pattern that a variable has":      {"-- a/main.tf --\nlocals { x = fileset(path.root, var.x) }", "a/sub/x.json", "a"},
		"a directory that a variable names":  {"-- a/main.tf --\nlocals { x = file(\"${path.module}/${var.x}/x.json\") }", "a/sub/x.json", "a"},
		"the same from where Terraform runs": {"-- a/main.tf --\nlocals { x = file(\"./${var.x}/x.json\") }", "a/sub/x.json", "a"},
		"a path that a variable ends":        {"-- a/main.tf --\nlocals { x = file(\"${path.module}/${var.x}\") }", "a/sub/x.json", "a"},
		"a file that a variable names":       {"-- a/main.tf --\nlocals { x = file(\"${path.module}/${var.x}.json\") }", "a/sub/x.json", ""},
		"a command behind":                   {"-- a/main.tf --\nlocals { x = \"${path.module}/x-${var.x}.sh --out=/x\" }", "a/sub/x.json", ""},
		"in a module":                        {"-- a/main.tf --\nmodule \"m\" { source = \"../m\" }\n-- m/main.tf --\nlocals { x = fileset(path.module, \"*/*.json\") }", "m/sub/x.json", "a"},
		"by a module that gets the directory": {"-- a/main.tf --\nmodule \"m\" {\n  source = \"../m\"\n  dir = path.module\n}\n-- m/main.tf --\n" +
			"locals { x = fileset(var.dir, \"*/*.json\") }", "a/sub/x.json", "a"},
	} {
		if got := touches(t, txtarTree(tt.files+below), tt.changed, "a"); got != tt.want {
			t.Errorf("%s: %s touches %q, want %q", name, tt.changed, got, tt.want)
		}
	}
}
