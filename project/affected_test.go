package project

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func projects(ps ...Project) Config { return Config{Version: 1, Projects: ps} }

func touched(matches []Match) string {
	var names []string
	for _, m := range matches {
		names = append(names, m.Project.Name)
	}
	return strings.Join(names, " ")
}

func TestAffected(t *testing.T) {
	graph := graphOf(t, newTree(map[string]string{
		"infra/main.tf":              "locals {}",
		"infra/app/main.tf":          "module \"m\" { source = \"../../modules/vpc\" }\nlocals { x = file(\"../../shared/a.json\") }",
		"infra/app/child/main.tf":    "locals {}",
		"modules/vpc/main.tf":        `module "s" { source = "./subnet" }`,
		"modules/vpc/subnet/main.tf": "locals {}",
		"modules/vpc/example/x.tf":   "locals {}",
		"odd[1]/main.tf":             "locals {}",
	}))
	app := Project{Name: "app", Dir: "infra/app"}
	tests := []struct {
		name     string
		projects []Project
		changed  string
		want     string
	}{
		{"a file in the directory", []Project{app}, "infra/app/main.tf", "app"},
		{"a file below", []Project{app}, "infra/app/scripts/x/run.sh", "app"},
		{"the lock file", []Project{app}, "infra/app/.terraform.lock.hcl", "app"},
		{"an override file", []Project{app}, "infra/app/evil_override.tf", "app"},
		{"a variable file that is always loaded", []Project{app}, "infra/app/x.auto.tfvars", "app"},
		{"a file in the module", []Project{app}, "modules/vpc/outputs.tf", "app"},
		{"a template in the module", []Project{app}, "modules/vpc/templates/x.tpl", "app"},
		{"a module's module", []Project{app}, "modules/vpc/subnet/main.tf", "app"},
		{"a file that is referred to", []Project{app}, "shared/a.json", "app"},
		{"a file beside it", []Project{app}, "shared/b.json", ""},
		{"a directory that begins alike", []Project{app}, "infra/app2/main.tf", ""},
		{"an example inside the module", []Project{app}, "modules/vpc/example/x.tf", ""},
		{"another root module below", []Project{app}, "infra/app/child/main.tf", ""},
		{"a project below that has no Terraform file", []Project{app, {Name: "new", Dir: "infra/app/new"}}, "infra/app/new/x", "new"},
		{"only the innermost", []Project{app, {Name: "infra", Dir: "infra"}, {Name: "root", Dir: "."}}, "infra/app/x.txt", "app"},
		{"the root project", []Project{{Name: "root", Dir: "."}}, "docs/readme.txt", "root"},
		{"two workspaces of one directory", []Project{app, {Name: "b", Dir: "infra/app", Workspace: "b"}}, "infra/app/x.tf", "app b"},
		{"a var file elsewhere", []Project{{Name: "a", Dir: "infra/app", VarFiles: []string{"../../vars/a.tfvars"}}}, "vars/a.tfvars", "a"},
		{"this branch", []Project{{Name: "a", Dir: "infra/app", Branch: "main"}}, "infra/app/x.tf", "a"},
		{"another branch", []Project{{Name: "a", Dir: "infra/app", Branch: "dev"}}, "infra/app/x.tf", ""},
		{"when_changed hits", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"**/*.tf"}}}, "infra/app/x/y.tf", "a"},
		{"when_changed hits in the directory itself", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"**/*.tf"}}}, "infra/app/y.tf", "a"},
		{"when_changed misses", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"**/*.tf"}}}, "infra/app/x/y.md", ""},
		{"when_changed replaces the modules", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"**"}}}, "modules/vpc/main.tf", ""},
		{"when_changed elsewhere", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"../../modules/**"}}}, "modules/vpc/example/x.tf", "a"},
		{"when_changed by name", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"../../go.mod"}}}, "go.mod", "a"},
		{"when_changed in the root project", []Project{{Name: "a", Dir: ".", WhenChanged: []string{"*.tf"}}}, "x.tf", "a"},
		{"when_changed with an exception", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"**", "!**/*.md"}}}, "infra/app/x.md", ""},
		{"the exception may come first", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"!**/*.md", "**"}}}, "infra/app/x.md", ""},
		{"only exceptions: module", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"!**/*.md"}}}, "modules/vpc/x.txt", "a"},
		{"only exceptions: hit", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"!**/*.md"}}}, "infra/app/x.md", ""},
		{"only exceptions: everywhere", []Project{{Name: "a", Dir: "infra/app", WhenChanged: []string{"!../../**/*.md"}}}, "modules/vpc/x.md", ""},
		{"brackets in a directory's name", []Project{{Name: "a", Dir: "odd[1]", WhenChanged: []string{"*.tf"}}}, "odd[1]/x.tf", "a"},
		{"brackets are no class", []Project{{Name: "a", Dir: "odd[1]", WhenChanged: []string{"*.tf"}}}, "odd1/x.tf", ""},
		{"a path no commit has", []Project{{Name: "root", Dir: "."}}, "/etc/passwd", ""},
		{"lockkeeper.yml", []Project{app}, "lockkeeper.yml", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := touched(Affected(projects(tt.projects...), graph, []string{tt.changed}, "main")); got != tt.want {
				t.Errorf("%s touches %q, want %q", tt.changed, got, tt.want)
			}
		})
	}
}

func TestAffectedSaysWhyAndWhatIsMissing(t *testing.T) {
	graph := graphOf(t, newTree(map[string]string{"a/main.tf": "locals {}", "gone/readme.md": "x"}))
	cfg := projects(Project{Name: "gone", Dir: "gone"}, Project{Name: "a", Dir: "a"}, Project{Name: "remote", Dir: "remote", FromModule: "git::https://example.com/x"})
	want := []Match{
		{Project: cfg.Projects[0], Reason: "gone/main.tf", Missing: true},
		{Project: cfg.Projects[1], Reason: "a/z.tf"},
		{Project: cfg.Projects[2], Reason: "remote/x.tfvars"},
	}
	got := Affected(cfg, graph, []string{"x.md", "a/z.tf", "a/main.tf", "gone/main.tf", "remote/x.tfvars"}, "main")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("matches (-want +got):\n%s", diff)
	}
}

// T31: no list is cut off anywhere; a directory that only shows after entry 3,000 (or 50,000) counts.
func TestAffectedByManyFiles(t *testing.T) {
	graph := graphOf(t, newTree(map[string]string{"noise/main.tf": "locals {}", "late/main.tf": "locals {}", "globbed/main.tf": "locals {}"}))
	cfg := projects(Project{Name: "late", Dir: "late"}, Project{Name: "globbed", Dir: "globbed", WhenChanged: []string{"**/*.json"}})
	for _, n := range []int{3_001, 50_000} {
		var changed []string
		for i := range n - 2 {
			changed = append(changed, fmt.Sprintf("noise/%d.tf", i))
		}
		if got := touched(Affected(cfg, graph, changed, "main")); got != "" {
			t.Errorf("%d files: %q touched without cause", n, got)
		}
		changed = append(changed, "globbed/x/y.json", "late/main.tf")
		if got := touched(Affected(cfg, graph, changed, "main")); got != "late globbed" {
			t.Errorf("%d files: touched %q", n, got)
		}
	}
}

// The walk up from each path must answer as the plain definition does: compare each project with each path.
func TestAffectedAgreesWithTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dirs := rapid.SampledFrom([]string{".", "a", "a/b", "a/b/c", "d", "d/e", "m", "m/n"})
		contents := map[string]string{"readme.md": ""}
		for range rapid.IntRange(0, 6).Draw(t, "modules") {
			up, text := dirs.Draw(t, "module"), ""
			for _, to := range rapid.SliceOfN(dirs, 0, 2).Draw(t, "calls") {
				text += fmt.Sprintf("module \"x%d\" { source = \"%s\" }\n", len(text), relative(up, to))
			}
			for _, to := range rapid.SliceOfN(dirs, 0, 1).Draw(t, "files") {
				text += fmt.Sprintf("locals { x = file(\"${path.module}/%s/f.txt\") }\n", relative(up, to))
			}
			contents[path.Join(up, "main.tf")] = text
		}
		var cfg Config
		for i := range rapid.IntRange(1, 4).Draw(t, "projects") {
			when := rapid.SampledFrom([][]string{nil, {"**/*.tf"}, {"!**/*.txt"}, {"*"}}).Draw(t, "when")
			cfg.Projects = append(cfg.Projects, Project{Name: fmt.Sprint(i), Dir: dirs.Draw(t, "dir"), WhenChanged: when})
		}
		var changed []string
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			changed = append(changed, path.Join(dirs.Draw(t, "changed"), rapid.SampledFrom([]string{"main.tf", "f.txt", "sub/f.txt"}).Draw(t, "file")))
		}
		g := newMust(newTree(contents))
		var want []string
		for _, p := range cfg.Projects {
			if slices.ContainsFunc(changed, func(c string) bool { return touchesByDefinition(cfg, g, p, c) }) {
				want = append(want, p.Name)
			}
		}
		if got := touched(Affected(cfg, g, changed, "main")); got != strings.Join(want, " ") {
			t.Fatalf("touched %q, by definition %q", got, want)
		}
	})
}

func newMust(tree Tree) *Graph {
	g, err := new(Index).Graph(context.Background(), tree)
	if err != nil {
		panic(err)
	}
	return g
}

// relative is a module source that leads from one directory to another.
func relative(from, to string) string {
	up := "./"
	if from != "." {
		up = strings.Repeat("../", strings.Count(from, "/")+1)
	}
	return up + to
}

func touchesByDefinition(cfg Config, g *Graph, p Project, changed string) bool {
	var include, excluded bool
	any := true
	for _, w := range p.WhenChanged {
		hit := doublestar.MatchUnvalidated(path.Join(p.Dir, globOf(w)), changed)
		if strings.HasPrefix(w, "!") {
			excluded = excluded || hit
		} else {
			any, include = false, include || hit
		}
	}
	if excluded || !any {
		return include && !excluded
	}
	r := g.reach(p.Dir)
	for _, to := range slices.Concat(r.paths, r.gone, varFiles(p)) {
		if below(changed, to) {
			return true
		}
	}
	owner := path.Dir(changed)
	for owner != "." && g.nodes[owner] == nil && !slices.ContainsFunc(cfg.Projects, func(p Project) bool { return p.Dir == owner }) {
		owner = path.Dir(owner)
	}
	return slices.ContainsFunc(r.modules, func(m string) bool { return below(changed, m) && below(m, owner) })
}

func below(p, dir string) bool { return dir == "." || p == dir || strings.HasPrefix(p, dir+"/") }

func TestT24ReachedListsWhatAPlanReads(t *testing.T) {
	g := graphOf(t, txtarTree(repository))
	p := Project{Name: "app", Dir: "infra/app", Workspace: DefaultWorkspace, VarFiles: []string{"../vars/prod.tfvars"}}
	changed := []string{
		"README.md", "data/x.json", "infra/app/main.tf", "infra/app/scripts/run.sh", "infra/apple/main.tf", "infra/notes.txt",
		"infra/vars/prod.tfvars", "lone/main.tf", "modules/base/new.tf", "modules/vpc/a.tf", "modules/vpc/subnet/x.tf", "templates/user.tpl",
	}
	want := []string{
		"data/x.json", "infra/app/main.tf", "infra/app/scripts/run.sh", "infra/vars/prod.tfvars", "modules/base/new.tf", "modules/vpc/a.tf",
		"modules/vpc/subnet/x.tf", "templates/user.tpl",
	}
	narrow, wide := p, p
	narrow.WhenChanged = []string{"!**/*.tf"}
	wide.WhenChanged = []string{"../../README.md"}
	for name, c := range map[string]struct {
		project Project
		want    []string
	}{"plain": {p, want}, "when_changed takes nothing out": {narrow, want}, "when_changed adds": {wide, append([]string{"README.md"}, want...)}} {
		got := g.Reached(c.project, changed, 100)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if most := g.Reached(c.project, changed, 2); len(most) != 2 || most[0] != c.want[0] {
			t.Errorf("%s: at most two are %v", name, most)
		}
	}
}
