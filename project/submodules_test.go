package project

import (
	"strings"
	"testing"
)

// vendored is a commit with a submodule at vendor/mod, whose files are here or not.
func vendored(here bool) *memTree {
	contents := map[string]string{
		"app/main.tf":     `module "m" { source = "../vendor/mod/modules/vpc" }`,
		"args/main.tf":    "module \"p\" {\n  source = \"../places\"\n  dir = \"../vendor/mod/policies\"\n}",
		"places/main.tf":  "variable \"dir\" {}\nlocals { x = fileset(var.dir, \"*.json\") }",
		"data/main.tf":    `locals { x = file("../vendor/mod/data/a.json") }`,
		"linked/main.tf":  `locals { x = file("../short/a.json") }`,
		"short":           "-> vendor/mod/data",
		"other/main.tf":   makes,
		"backend/main.tf": makes,
	}
	tree := newTree(contents)
	if !here {
		tree.lacking = []string{"vendor/mod"}
		return tree
	}
	contents["vendor/mod/modules/vpc/main.tf"] = `module "s" { source = "../subnet" }`
	contents["vendor/mod/modules/subnet/main.tf"] = `locals { x = file("${path.module}/../../../../shared.json") }`
	contents["vendor/mod/live/main.tf"] = "terraform {\n  backend \"s3\" {}\n}\n" + makes
	contents["vendor/mod/policies/a.json"] = "{}"
	contents["vendor/mod/data/a.json"] = "{}"
	tree = newTree(contents)
	for i, f := range tree.files {
		if strings.HasPrefix(f.Path, "vendor/mod/") {
			tree.files[i].Submodule = "vendor/mod"
		}
	}
	return tree
}

// A diff shows a submodule as one path. What reaches below it, by a module, a file, an
// argument or a link, is touched; before, only what named the submodule itself was.
func TestAChangedSubmoduleTouchesWhatReachesBelowIt(t *testing.T) {
	cfg := projects(Project{Name: "app", Dir: "app"}, Project{Name: "args", Dir: "args"}, Project{Name: "data", Dir: "data"}, Project{Name: "linked", Dir: "linked"},
		Project{Name: "other", Dir: "other"}, Project{Name: "inside", Dir: "vendor/mod/live"},
		Project{Name: "when", Dir: "other", Workspace: "w", WhenChanged: []string{"../vendor/**/*.tf"}},
		Project{Name: "deep", Dir: "other", Workspace: "d", WhenChanged: []string{"../vendor/mod/policies/*"}},
		Project{Name: "without", Dir: "app", Workspace: "x", WhenChanged: []string{"!../vendor/**"}},
		Project{Name: "elsewhere", Dir: "other", Workspace: "e", WhenChanged: []string{"../docs/**"}})
	const want = "app args data linked inside when deep"
	for _, here := range []bool{true, false} {
		g := graphOf(t, vendored(here))
		matches := Affected(cfg, g, []string{"vendor/mod"}, "main")
		if got := touched(matches); got != want {
			t.Errorf("here: %v: touched are %s, want %s", here, got, want)
		}
		for _, m := range matches {
			if m.Missing || m.Reason != "vendor/mod" {
				t.Errorf("here: %v: %s is touched by %q, missing: %v", here, m.Project.Name, m.Reason, m.Missing)
			}
		}
		if got := touched(Affected(cfg, g, []string{"vendor/module", "vendor/mod2/x"}, "main")); got != "" {
			t.Errorf("beside it: %s", got)
		}
		if got := g.Reached(cfg.Projects[0], []string{"vendor/x", "vendor/mod"}, 5); len(got) != 1 || got[0] != "vendor/mod" {
			t.Errorf("reached is %q", got)
		}
	}
	gone := graphOf(t, newTree(map[string]string{"app/main.tf": `module "m" { source = "../vendor/mod/modules/vpc" }`}))
	if got := touched(Affected(projects(Project{Name: "app", Dir: "app"}), gone, []string{"vendor/mod"}, "main")); got != "app" {
		t.Errorf("a submodule that is removed touches %q", got)
	}
}

func TestTheGraphGoesIntoASubmoduleAndOutOfIt(t *testing.T) {
	g := graphOf(t, vendored(true))
	if got := strings.Join(g.Reach("app"), " "); got != "app shared.json vendor/mod/modules/subnet vendor/mod/modules/vpc" {
		t.Errorf("reach is %s", got)
	}
	for _, here := range []bool{true, false} {
		g := graphOf(t, vendored(here))
		if got := strings.Join(g.Needs(Project{Dir: "args"}), " "); got != "args places vendor/mod/policies" {
			t.Errorf("here: %v: a directory that is passed as an argument: %s", here, got)
		}
	}
}

// The root modules of another repository are planned there.
func TestNothingInASubmoduleIsFound(t *testing.T) {
	tree := vendored(true)
	cfg, err := Load(t.Context(), tree, graphOf(t, tree), LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range cfg.Projects {
		if strings.HasPrefix(p.Dir, "vendor/") {
			t.Errorf("%s is a project", p.Dir)
		}
	}
	if len(cfg.Projects) == 0 {
		t.Error("nothing is found")
	}
}

func TestValidateSaysWhatASubmoduleNeeds(t *testing.T) {
	for _, here := range []bool{true, false} {
		tree := vendored(here)
		ix := &Index{CheckAll: true}
		g, err := ix.Graph(t.Context(), tree)
		if err != nil {
			t.Fatal(err)
		}
		cfg := projects(Project{Name: "app", Dir: "app"}, Project{Name: "data", Dir: "data"}, Project{Name: "inside", Dir: "vendor/mod/live"}, Project{Name: "other", Dir: "other"})
		if err := Validate(cfg, g); err != nil {
			t.Errorf("here: %v: %v", here, err)
		}
		var said []string
		for _, w := range Warnings(cfg, g) {
			if w.File == ".gitmodules" {
				said = append(said, w.Message)
			}
		}
		if len(said) != 1 || !strings.Contains(said[0], `"app" reads the submodule "vendor/mod"`) || !strings.Contains(said[0], "repositories[].submodules") ||
			strings.Contains(said[0], "git submodule update --init") == here {
			t.Errorf("here: %v: %q", here, said)
		}
	}
}
