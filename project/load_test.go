package project

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func mustLoad(t *testing.T, base, head *memTree) Config {
	t.Helper()
	cfg, err := Load(t.Context(), base, graphOf(t, head), LoadOptions{DefaultBranch: "main"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// T08: whatever the pull request writes into its own lockkeeper.yml, the base branch's file counts. One
// changed value per key; a key that is missing here fails the test.
func TestLoadIgnoresTheHeadsConfig(t *testing.T) {
	const base = "version: 1\nprojects: [{name: a, dir: a, branch: main}]\n"
	evil := map[string]string{
		"name": "name: evil", "dir": "dir: evil", "workspace": "workspace: evil", "environment": "environment: prod", "branch": "branch: evil",
		"terraform": `terraform: "0.11.1"`, "tofu": `tofu: "1.6.0"`, "var_files": "var_files: [evil.tfvars]", "backend_config": "backend_config: {bucket: evil}",
		"when_changed": `when_changed: ["nothing"]`, "after": "after: [b]", "apply": "apply: never", "from_module": "from_module: git::https://evil.example",
	}
	baseTree := newTree(map[string]string{ConfigFile: base, "a/main.tf": "locals {}"})
	want := mustLoad(t, baseTree, baseTree)
	for _, key := range keysOf(reflect.TypeFor[Project]()) {
		if evil[key] == "" {
			t.Errorf("no hostile value for the key %s", key)
		}
		head := newTree(map[string]string{ConfigFile: "version: 1\nprojects:\n- " + evil[key] + "\n", "a/main.tf": "locals {}", "evil/main.tf": "locals {}"})
		if diff := cmp.Diff(want, mustLoad(t, baseTree, head), sameConfig); diff != "" {
			t.Errorf("%s of the head counts (-base +got):\n%s", key, diff)
		}
	}
	deleted := newTree(map[string]string{"a/main.tf": "locals {}", "b/main.tf": "locals {}"})
	if diff := cmp.Diff(want, mustLoad(t, baseTree, deleted), sameConfig); diff != "" {
		t.Errorf("deleting the file in the head counts (-base +got):\n%s", diff)
	}
	if !ConfigChanged([]string{"a", ConfigFile}) || ConfigChanged([]string{"a/" + ConfigFile}) {
		t.Error("ConfigChanged does not tell a change of the file")
	}
}

func TestLoadParsesEachConfigOnce(t *testing.T) {
	tree := newTree(map[string]string{ConfigFile: "version: 1\nprojects: [{name: a, dir: a}]\n"})
	head := graphOf(t, tree)
	for _, branch := range []string{"main", "other", "main"} {
		cfg, err := Load(t.Context(), tree, head, LoadOptions{DefaultBranch: branch})
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Projects[0].Branch; got != branch {
			t.Errorf("branch %s, want %s", got, branch)
		}
	}
	if n := tree.reads.Load(); n != 1 {
		t.Errorf("read %d times, want once", n)
	}
}

// keysOf returns the yaml keys of a struct.
func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); f.IsExported() && name != "-" {
			keys = append(keys, name)
		}
	}
	slices.Sort(keys)
	return keys
}

func TestLoadRefusesWhatIsNotThePlainFile(t *testing.T) {
	for name, tree := range map[string]*memTree{
		"a symlink":            newTree(map[string]string{ConfigFile: "-> version: 1\nprojects: []"}),
		"another ending":       newTree(map[string]string{"lockkeeper.yaml": "version: 1\nprojects: []"}),
		"mistakes in the file": newTree(map[string]string{ConfigFile: "version: 1\nprojects: [{}]"}),
	} {
		_, err := Load(t.Context(), tree, graphOf(t, tree), LoadOptions{})
		var problems Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: error is %v, want Problems", name, err)
		}
	}
}

// A file in which nothing could be read may hold anything. A directory that is no project because of it was
// "not touched", and validate found no mistake.
func TestADirectoryWithABrokenFileIsAProject(t *testing.T) {
	for name, content := range map[string]string{
		"a conflict":        "<<<<<<< HEAD\nresource \"terraform_data\" \"a\" {\n=======\nresource \"terraform_data\" \"b\" {\n>>>>>>> x\n}\n",
		"an open heredoc":   "locals {\n  a = <<EOT\nx\n}\nresource \"terraform_data\" \"a\" {\n}\n",
		"an open comment":   "/* resource\nresource \"terraform_data\" \"a\" {\n}\n",
		"a brace too many":  "}\nresource \"terraform_data\" \"a\" {\n}\n",
		"a comma in JSON":   `{"resource": {"terraform_data": {"a": {}}},}`,
		"no object in JSON": `"resource"`,
	} {
		t.Run(name, func(t *testing.T) {
			file := "live/main.tf"
			if strings.Contains(name, "JSON") {
				file += ".json"
			}
			tree := newTree(map[string]string{file: content})
			cfg := mustLoad(t, tree, tree)
			if got := touched(Affected(cfg, graphOf(t, tree), []string{file}, "main")); got != "live" {
				t.Errorf("touches %q", got)
			}
			if err := Validate(cfg, graphOf(t, tree)); err == nil || !strings.HasPrefix(err.Error(), file+":") {
				t.Errorf("mistakes: %v", err)
			}
		})
	}
}

// Terraform takes a list of objects for one (JSON configuration syntax of HCL).
func TestAListOfObjectsIsOneFile(t *testing.T) {
	tree := newTree(map[string]string{"live/main.tf.json": `[{"terraform": {"backend": {"s3": {}}}}, {"module": {"m": {"source": "../m"}}}]`, "m/main.tf": `resource "terraform_data" "x" {}`})
	cfg := mustLoad(t, tree, tree)
	if err := Validate(cfg, graphOf(t, tree)); err != nil {
		t.Error(err)
	}
	if got := touched(Affected(cfg, graphOf(t, tree), []string{"m/main.tf"}, "main")); got != "live" {
		t.Errorf("touches %q", got)
	}
}

func TestDiscoverFindsRootModules(t *testing.T) {
	const something = `resource "terraform_data" "x" {}`
	head := newTree(map[string]string{
		"main.tf":                         something,
		"infra/App/main.tf":               `module "vpc" { source = "../vpc" }`,
		"infra/vpc/main.tf":               something, // called, so no root
		"infra/called/main.tf":            "terraform {\n  backend \"s3\" {}\n}",
		"infra/caller/main.tf":            `module "x" { source = "../called" }`,
		"modules/a/main.tf":               something,
		"modules/live/main.tf":            "terraform {\n  cloud {}\n}",
		"x/examples/y/main.tf":            something,
		"live/test/main.tf":               "terraform {\n  backend \"s3\" {}\n}",
		"templates/app/main.tf":           "terraform {\n  backend \"local\" {}\n}",
		"live/tests/setup/main.tf":        something,
		"test/fixtures/full/main.tf":      something,
		"testdata/main.tf":                something,
		"deprecated/x/main.tf":            something,
		"live/testing/main.tf":            something,
		"variables/common.tf":             `variable "common" {}`,
		"versions/main.tf":                "terraform {\n  required_providers {}\n}\nprovider \"aws\" {}\n",
		"outputs/main.tf":                 `output "x" { value = 1 }`,
		"emptied/main.tf":                 "locals {}",
		"reads/main.tf":                   `data "aws_region" "x" {}`,
		"calls/main.tf.json":              `{"module": {"x": {"source": "hashicorp/x/aws"}}}`,
		".github/x/main.tf":               something,
		"a/.terraform/modules/m/x.tf":     "terraform {\n  backend \"s3\" {}\n}",
		"json/main.tf.json":               `{"terraform": [{"backend": {"s3": {}}}]}`,
		"tofu/main.tofu":                  something,
		"self/main.tf":                    `module "self" { source = "./" }`,
		"docs/readme.md":                  "terraform",
		"link/main.tf":                    "-> ../main.tf",
		"a-b/c/main.tf":                   something,
		"a/b-c/main.tf":                   something,
		strings.Repeat("l", 70) + "/x.tf": something,
		"ünï/main.tf":                     something,
		"a-b-c-0123456789ab/main.tf":      something,
	})
	base := newTree(map[string]string{"gone/main.tf": something, "emptied/main.tf": something, "modules/gone/main.tf": something, "main.tf": something})
	var got []string
	for _, p := range mustLoad(t, base, head).Projects {
		got = append(got, fmt.Sprintf("%s %s", p.Dir, p.Name))
		if p.Workspace != "default" || p.Apply != BeforeMerge || p.Branch != "main" || p.Environment != "" {
			t.Errorf("defaults of %+v", p)
		}
	}
	golden(t, "testdata/discovered.golden", strings.Join(got, "\n")+"\n")
	for _, changed := range []string{"gone/main.tf", "emptied/main.tf"} {
		if m := Affected(mustLoad(t, base, head), graphOf(t, head), []string{changed}, "main"); len(m) != 1 || !m[0].Missing {
			t.Errorf("%s deleted: %+v", changed, m)
		}
	}
}

// Names that discovery makes up are names, differ, and do not depend on what else is there.
func TestDiscoveredNamesAreUnique(t *testing.T) {
	part := rapid.OneOf(rapid.StringMatching(`[a-cA.-]{1,3}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		dirs := rapid.SliceOfDistinct(rapid.Map(rapid.SliceOfN(part, 1, 4), func(s []string) string { return strings.Join(s, "/") }), rapid.ID[string]).Draw(t, "dirs")
		for _, p := range named(slices.Clone(dirs)) { // the attack: a directory named as another's project
			dirs = append(dirs, p.Name)
		}
		slices.Sort(dirs)
		names := map[string]string{}
		for _, p := range named(slices.Compact(dirs)) {
			if checkName(p.Name) != "" {
				t.Fatalf("%q of %q is no name", p.Name, p.Dir)
			}
			if other, taken := names[p.Name]; taken {
				t.Fatalf("%q and %q are both named %s", other, p.Dir, p.Name)
			}
			names[p.Name] = p.Dir
		}
	})
}

func TestValidateNamesFileAndLine(t *testing.T) {
	tree := txtarTree(`
-- a/main.tf --
module "x" {
  source = "./nothing"
}
-- b/broken.tf --
locals {
  x =
}
-- b/b.tfvars --
-- link.tfvars --
-> b/b.tfvars
-- unused/broken.tf --
locals {
-- b/.terraform/modules/modules.json --
{}
`)
	cfg := mustParse(t, `version: 1
projects:
  - {name: a, dir: a}
  - name: b
    dir: b
    var_files: [b.tfvars, gone.tfvars, ../link.tfvars]
  - {name: c, dir: nowhere}
  - {name: remote, dir: nowhere-else, from_module: "git::https://example.com/x"}
`)
	graph, err := (&Index{CheckAll: true}).Graph(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	err = Validate(cfg, graph)
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error is %v", err)
	}
	golden(t, "testdata/validate.golden", problems.Error()+"\n")
	if err := Validate(mustParse(t, "version: 1\nprojects: []\n"), graphOf(t, newTree(nil))); err != nil {
		t.Errorf("nothing to say, but: %v", err)
	}
}
