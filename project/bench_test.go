package project

import (
	"fmt"
	"path/filepath"
	"testing"
)

const benchDirs = 10_000

// benchTree is a repository of 10,000 project directories of three Terraform files each and 200 modules. Each
// project calls two modules, each module calls another. No two projects have a file in common, which is the worst case for the index.
func benchTree() *memTree {
	contents := map[string]string{}
	for i := range 200 {
		dir := fmt.Sprintf("modules/m%03d", i)
		contents[dir+"/main.tf"] = fmt.Sprintf("module \"next\" {\n  source = \"../m%03d\"\n}\n", (i+1-i%2)%200) + filler(i)
		contents[dir+"/variables.tf"] = "variable \"name\" {\n  type = string\n}\n"
	}
	for i := range benchDirs {
		dir := fmt.Sprintf("infra/team%02d/service%03d/stack%02d", i%20, i/200, i/20%10)
		contents[dir+"/main.tf"] = fmt.Sprintf("module \"a\" {\n  source = \"../../../../modules/m%03d\"\n}\nmodule \"b\" {\n  source = \"../../../../modules/m%03d\"\n}\n", i%200, i/50) + filler(i)
		contents[dir+"/data.tf"] = fmt.Sprintf("locals {\n  n = %d\n  user = templatefile(\"${path.module}/user.tpl\", { name = \"x\" })\n}\n", i)
		contents[dir+"/outputs.tf"] = fmt.Sprintf("output \"id\" {\n  value = \"service-%d\"\n}\n", i)
		contents[dir+"/user.tpl"] = "hello"
	}
	return newTree(contents)
}

// filler is a kilobyte of resources, as a real stack has.
func filler(i int) string {
	text := ""
	for j := range 5 {
		text += fmt.Sprintf("resource \"aws_instance\" \"x%d_%d\" {\n  ami           = var.ami[%d]\n  instance_type = \"t3.micro\"\n  tags = {\n    Name = \"x-${var.name}-%d\"\n    Team = local.team\n  }\n}\n\n", i, j, j, j)
	}
	return text
}

func BenchmarkGraphAndAffected(b *testing.B) {
	tree := benchTree()
	ix := new(Index)
	g, err := ix.Graph(b.Context(), tree)
	if err != nil {
		b.Fatal(err)
	}
	cfg := Config{Projects: named(g.roots())}
	if len(cfg.Projects) != benchDirs {
		b.Fatalf("%d projects", len(cfg.Projects))
	}
	var changed []string
	for i, f := range tree.files {
		if i%400 == 0 {
			changed = append(changed, f.Path)
		}
	}
	b.Run("warm/graph", func(b *testing.B) {
		for b.Loop() {
			if _, err := ix.Graph(b.Context(), tree); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("warm/affected by 100 files", func(b *testing.B) {
		for b.Loop() {
			Affected(cfg, g, changed, "main")
		}
	})
	b.Run("warm/graph, discovery and affected", func(b *testing.B) {
		for b.Loop() {
			g, err := ix.Graph(b.Context(), tree)
			if err != nil {
				b.Fatal(err)
			}
			cfg, err := Load(b.Context(), tree, g, LoadOptions{DefaultBranch: "main"})
			if err != nil {
				b.Fatal(err)
			}
			Affected(cfg, g, changed, "main")
		}
	})
	b.Run("warm/affected by all 40,000 files", func(b *testing.B) {
		var all []string
		for _, f := range tree.files {
			all = append(all, f.Path)
		}
		for b.Loop() {
			Affected(cfg, g, all, "main")
		}
	})
	b.Run("cold/graph", func(b *testing.B) {
		for b.Loop() {
			if _, err := new(Index).Graph(b.Context(), tree); err != nil {
				b.Fatal(err)
			}
		}
	})
	file := filepath.Join(b.TempDir(), "index")
	b.Run("save index", func(b *testing.B) {
		for b.Loop() {
			if err := ix.Save(file); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load index", func(b *testing.B) {
		for b.Loop() {
			if err := new(Index).Load(file); err != nil {
				b.Fatal(err)
			}
		}
	})
}
