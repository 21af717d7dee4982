package project

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/project/depth"
)

const repository = `
-- infra/app/main.tf --
module "vpc" {
  source = "../../modules/vpc"
}
module "registry" {
  source  = "terraform-aws-modules/s3-bucket/aws"
  version = "1.0.0"
}
locals {
  shared = "${path.module}/../shared"
  user   = templatefile("${path.module}/../../templates/user.tpl", {})
  policy = file("../policies/app.json")
  all    = fileset("${path.module}/../../data", "**/*.json")
  any    = file("${path.module}/../env/${var.env}.json")
  part   = file("${path.module}/../parts/part-${var.env}.json")
  hash   = filebase64sha256("${path.root}/../zip/fn.zip")
  tagged = "${path.module}-zip"
  plain  = "infra/notes.txt"
}
-- infra/app/scripts/run.sh --
echo
-- modules/vpc/main.tf --
module "subnet" { source = "./subnet" }
resource "terraform_data" "x" {
  input = core::file("${path.root}/root.txt")
  provisioner "local-exec" {
    command = "bash ${path.module}/../../bin/check.sh --now"
  }
}
-- modules/vpc/subnet/main.tf.json --
{"module": {"base": [{"source": "../../base"}]},
 "resource": {"terraform_data": {"x": {
   "input": "${templatefile(\"${path.module}/../../json/x.tpl\", {})}"}}}}
-- modules/base/main.tofu --
module "back" { source = "../vpc" }
-- lone/main.tf --
terraform {
  backend "local" {}
}
`

func TestReachFollowsModulesAndFiles(t *testing.T) {
	g := graphOf(t, txtarTree(repository))
	want := []string{
		"bin/check.sh", "data", "infra/app", "infra/env", "infra/parts", "infra/policies/app.json", "infra/shared", "infra/zip/fn.zip",
		"modules/base", "modules/json/x.tpl", "modules/vpc", "templates/user.tpl",
	}
	if diff := cmp.Diff(want, g.Reach("infra/app")); diff != "" {
		t.Errorf("reach of infra/app (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"lone"}, g.Reach("lone")); diff != "" {
		t.Errorf("reach of lone (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"gone"}, g.Reach("gone")); diff != "" {
		t.Errorf("reach of a directory that is not there (-want +got):\n%s", diff)
	}
}

func TestReferenceForms(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"a module from the registry", "a.tf", `module "x" { source = "hashicorp/x/aws" }`, "a/b"},
		{"a module by git", "a.tf", `module "x" { source = "git::https://x/../y" }`, "a/b"},
		{"a module beside", "a.tf", `module "x" { source = "../c" }`, "a/b a/c"},
		{"a module in the repository's root", "a.tf", `module "x" { source = "../../" }`, "."},
		{"a module outside", "a.tf", `module "x" { source = "../../../c" }`, "a/b"},
		{"a module with a dynamic source", "a.tf", `module "x" { source = "../mods/${var.x}" }`, "a/b a/mods"},
		{"a module in a comment", "a.tf", "# module \"x\" { source = \"../c\" }\nlocals { x = file(\"y\") }", "a/b"},
		{"a quoted dollar", "a.tf", `locals { x = "$${path.module}/../c" }`, "a/b"},
		{"a heredoc", "a.tf", "locals {\n x = <<-E\n  cat ${path.module}/../c/d.txt | sh\n E\n}", "a/b a/c/d.txt"},
		{"path.cwd", "a.tf", `locals { x = "${path.cwd}/../c" }`, "a/b a/c"},
		{"parentheses", "a.tf", `locals { x = file(("../c")) }`, "a/b a/c"},
		{"a conditional", "a.tf", `locals { x = var.y ? file("../c") : file("../d") }`, "a/b a/c a/d"},
		{"fileset whose pattern leads out", "a.tf", `locals { x = fileset(path.module, "../c/*.json") }`, "a/b a/c"},
		{"fileset with a constant pattern", "a.tf", `locals { x = fileset("../c", "one.json") }`, "a/b a/c"},
		{"all of the parent", "a.tf", `locals { x = file("../${var.x}") }`, "a"},
		{"a path inside the module", "a.tf", `locals { x = file("${path.module}/x/y") }`, "a/b"},
		{"an unknown path", "a.tf", `locals { x = file(var.x) }`, "a/b"},
		{"JSON, one module", "a.tf.json", `{"module": {"x": {"source": "../c"}}}`, "a/b a/c"},
		{"JSON, lists everywhere", "a.tf.json", `{"module": [{"x": [{"source": "../c"}]}]}`, "a/b a/c"},
		{"JSON, a template", "a.tf.json", `{"locals": {"x": "${file(\"../c\")}"}}`, "a/b a/c"},
		{"JSON, a dynamic source", "a.tf.json", `{"module": {"x": {"source": "../c/${var.x}"}}}`, "a/b a/c"},
		{"OpenTofu", "a.tofu", `module "x" { source = "../c" }`, "a/b a/c"},
		{"not a Terraform file", "a.txt", `module "x" { source = "../c" }`, "a/b"},
		{"a symlink that leads nowhere", "a.tf", `-> ../c/main.tf`, "a/b a/c/main.tf"},
		{"a text that is a path but leads nowhere", "a.tf", `locals { x = "../c" }`, "a/b"},
		{"broken after the module", "a.tf", "module \"x\" {\n source = \"../c\"\n}\nlocals {", "a/b a/c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := graphOf(t, newTree(map[string]string{"a/b/" + tt.file: tt.text}))
			if got := strings.Join(g.Reach("a/b"), " "); got != tt.want {
				t.Errorf("reach is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestGraphNamesBrokenFilesAndReferences(t *testing.T) {
	g := graphOf(t, txtarTree(`
-- a/broken.tf --
module "x" { source = "./y" }

locals {
  x = 
-- a/broken.tf.json --
{"module": {
  "x": {"source": "./y",,}}}
-- a/y/main.tf --
module "gone" {
  source = "../../nothing"
}
module "out" {
  source = "../../../out"
}
locals {
  etc  = file("/etc/passwd")
  home = file("~/.aws/credentials")
  root = file("${path.root}/../../x")
}
-- a/y/template.tf.json --
{"locals": {
  "x": "${file(}",
  "ok": "path."
}}
-- fine/main.tf --
locals { x = file("${path.module}/x") }
`))
	golden(t, "testdata/graph-problems.golden", g.Problems().Error()+"\n")
}

func TestCheckAllParsesEveryFile(t *testing.T) {
	tree := newTree(map[string]string{"a/main.tf": "locals {\n x = \n}\n"})
	ix := new(Index)
	for _, all := range []bool{false, true} {
		ix.CheckAll = all
		g, err := ix.Graph(t.Context(), tree)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(g.Problems()); (got == 1) != all {
			t.Errorf("CheckAll %t: %d problems: %v", all, got, g.Problems())
		}
	}
}

func TestFilesIsTheSnapshot(t *testing.T) {
	tree := txtarTree(repository + "-- infra/application/main.tf --\nlocals {}\n-- infra/env/dev.json --\n{}\n-- prod.tfvars --\nx = 1\n-- infra/app0 --\nx\n-- infra/app-x --\nx\n")
	g := graphOf(t, tree)
	var got []string
	for _, f := range g.Files(Project{Dir: "infra/app", VarFiles: []string{"../../prod.tfvars"}}) {
		got = append(got, f.Path)
	}
	want := []string{
		"infra/app/main.tf", "infra/app/scripts/run.sh", "infra/env/dev.json", "modules/base/main.tofu", "modules/vpc/main.tf", "modules/vpc/subnet/main.tf.json", "prod.tfvars",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if all := g.Files(Project{Dir: "."}); len(all) != len(tree.files) {
		t.Errorf("the root project has %d files, want all %d", len(all), len(tree.files))
	}
}

func TestIndexReadsEachBlobOnce(t *testing.T) {
	tree := newTree(map[string]string{
		"a/main.tf": `module "x" { source = "../m" }`, "b/main.tf": `module "x" { source = "../m" }`, "m/main.tf": "locals {}", "m/readme.md": "path.module",
	})
	file := filepath.Join(t.TempDir(), "index")
	ix := new(Index)
	for range 3 {
		if _, err := ix.Graph(t.Context(), tree); err != nil {
			t.Fatal(err)
		}
	}
	if n := tree.reads.Load(); n != 2 {
		t.Errorf("read %d files, want 2", n)
	}
	if err := ix.Save(file); err != nil {
		t.Fatal(err)
	}
	again := new(Index)
	if err := again.Load(file); err != nil {
		t.Fatal(err)
	}
	g, err := again.Graph(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	if n := tree.reads.Load(); n != 2 {
		t.Errorf("read %d files after a restart, want no more than before", n)
	}
	if got := strings.Join(g.Reach("b"), " "); got != "b m" {
		t.Errorf("reach after a restart is %s", got)
	}
}

func TestIndexFileDamagedIsEmpty(t *testing.T) {
	dir := t.TempDir()
	ix := new(Index)
	if _, err := ix.Graph(t.Context(), txtarTree(repository)); err != nil {
		t.Fatal(err)
	}
	if err := ix.Save(filepath.Join(dir, "good")); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "good"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{"empty": {}, "foreign": []byte("hello"), "other version": append([]byte("lockkeeper module index 0\n"), good[len(indexHeader):]...)}
	for cut := 1; cut < len(good); cut += 1 + len(good)/50 {
		damaged[fmt.Sprintf("cut at %d", cut)] = good[:cut]
		flipped := append([]byte(nil), good...)
		flipped[cut] ^= 0x40
		damaged[fmt.Sprintf("flipped at %d", cut)] = flipped
	}
	for name, data := range damaged {
		file := filepath.Join(dir, "bad")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		empty := new(Index)
		if err := empty.Load(file); err != nil || len(empty.known) != 0 {
			t.Errorf("%s: %d facts, error %v; want an empty index", name, len(empty.known), err)
		}
	}
	if err := new(Index).Load(filepath.Join(dir, "absent")); err != nil {
		t.Errorf("absent file: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "good.*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestIndexForgetsOldBlobs(t *testing.T) {
	ix := &Index{known: map[string]*facts{}}
	for i := range pruneFloor + 100 {
		ix.known[fmt.Sprint(i)] = &facts{}
	}
	if _, err := ix.Graph(t.Context(), txtarTree(repository)); err != nil {
		t.Fatal(err)
	}
	if n := len(ix.known); n != 5 {
		t.Errorf("%d facts are kept, want the 5 of the newest commit", n)
	}
}

// A file so nested that a recursive parser would exhaust the stack, which Go cannot recover from, is refused.
func TestDeepNestingEndsInAProblem(t *testing.T) {
	const n = 20_000
	texts := map[string]string{
		"brackets.tf":      "locals { x = file(" + strings.Repeat("[", n),
		"parentheses.tf":   "locals { x = file(" + strings.Repeat("(", n),
		"blocks.tf":        strings.Repeat("file {\n", n/2),
		"not.tf":           "locals { x = file(" + strings.Repeat("!", n),
		"minus.tf":         "locals { x = file(" + strings.Repeat("-", n),
		"sum.tf":           "locals { x = file(1" + strings.Repeat("+1", n),
		"conditional.tf":   "locals { x = file(1" + strings.Repeat("?1:1", n/2),
		"templates.tf":     "locals { x = file(" + strings.Repeat(`"${`, n),
		"arrays.tf.json":   `{"file": ` + strings.Repeat("[", n),
		"template.tf.json": `{"file": "${` + strings.Repeat("(", n) + `"}`,
		"under.tf":         "locals { x = file(" + strings.Repeat("(", depth.Max-10),
		"undersum.tf":      "locals { x = file(1" + strings.Repeat("+1", depth.Max-10) + ")}",
		"undertpl.tf":      "locals { x = file(" + strings.Repeat(`"${`, depth.Max-10),
		"long.tf":          "# file\n" + strings.Repeat("x", maxTerraformBytes),
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			got := readFacts(name, []byte(text), false)
			isDeep := !strings.HasPrefix(name, "under") && name != "arrays.tf.json" && name != "long.tf"
			if isDeep != (got.Mistake == deepMessage) {
				t.Errorf("the mistake is %q", got.Mistake)
			}
			if name == "undersum.tf" != (got.Mistake == "") {
				t.Errorf("the mistake is %q", got.Mistake)
			}
			if len(got.Mistake) > 1000 {
				t.Errorf("the message has %d bytes", len(got.Mistake))
			}
		})
	}
}
