package project

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnfollowed(t *testing.T) {
	tests := []struct{ name, files, want string }{
		{"a variable", "-- a/main.tf --\nvariable \"x\" {}\nlocals { y = file(var.x) }", "a/main.tf:2 file(var.x)"},
		{"a variable with an end", "-- a/main.tf --\nlocals { y = file(\"${var.x}/y\") }", `a/main.tf:1 file("${var.x}…")`},
		{"a computed local", "-- a/main.tf --\nlocals {\n x = lower(var.y)\n y = templatefile(local.x, {})\n}", "a/main.tf:3 templatefile(local.x)"},
		{"a constant local", "-- a/main.tf --\nlocals {\n x = \"x.json\"\n y = file(local.x)\n}", ""},
		{"an iteration", "-- a/main.tf --\nlocals { y = [for f in var.all : file(f)] }", "a/main.tf:1 file(…)"},
		{"an iteration below a constant", "-- a/main.tf --\nlocals { y = [for f in var.all : file(\"${path.module}/${f}\")] }", ""},
		{"a module that is not reached", "-- a/main.tf --\nlocals {}\n-- m/main.tf --\nlocals { y = file(var.x) }", ""},
		{"a module that gets a path", "-- a/main.tf --\nmodule \"m\" {\n source = \"../m\"\n x = \"./x\"\n}\n-- m/main.tf --\nlocals { y = file(var.x) }", ""},
		{"a module that gets one below path.module", "-- a/main.tf --\nmodule \"m\" {\n source = \"../m\"\n x = \"${path.module}/x\"\n}\n-- m/main.tf --\nlocals { y = file(var.x) }", ""},
		{"a module that gets a name", "-- a/main.tf --\nmodule \"m\" {\n source = \"../m\"\n x = \"x\"\n}\n-- m/main.tf --\nlocals { y = file(var.x) }", "m/main.tf:1 file(var.x)"},
		{"a default that is a path", "-- a/main.tf --\nvariable \"x\" { default = \"./x\" }\nlocals { y = file(var.x) }", ""},
		{"a value that is a path", "-- a/main.tf --\nlocals { y = file(var.x) }\n-- a/a.auto.tfvars --\nx = \"./x\"", ""},
		{"a default that is a path, and a call that gives another", "-- a/main.tf --\nmodule \"m\" {\n source = \"../m\"\n x = lower(\"X\")\n}\n-- m/main.tf --\nvariable \"x\" { default = \"./x\" }\nlocals { y = fileset(var.x, \"*\") }", "m/main.tf:2 fileset(var.x)"},
		{"a default that is a path, and a call that gives none", "-- a/main.tf --\nmodule \"m\" {\n source = \"../m\"\n}\n-- m/main.tf --\nvariable \"x\" { default = \"./x\" }\nlocals { y = file(var.x) }", ""},
		{"two calls, of which one gives no path", "-- a/main.tf --\nmodule \"m\" {\n source = \"../m\"\n x = \"./x\"\n}\nmodule \"n\" {\n source = \"../m\"\n x = upper(\"x\")\n}\n-- m/main.tf --\nlocals { y = file(var.x) }", "m/main.tf:1 file(var.x)"},
		{"a call in JSON that gives a number", "-- a/main.tf.json --\n{\"module\": {\"m\": {\"source\": \"../m\", \"x\": 1}}}\n-- m/main.tf --\nvariable \"x\" { default = \"./x\" }\nlocals { y = file(var.x) }", "m/main.tf:2 file(var.x)"},
		{"a default that is a path, and a value from the server", "-- a/main.tf --\nvariable \"given\" { default = \"./x\" }\nlocals { y = file(var.given) }", "a/main.tf:2 file(var.given)"},
		{"a module that a variable names", "-- a/main.tofu --\nvariable \"x\" { default = \"../m\" }\nmodule \"m\" {\n source = var.x\n}\n-- m/main.tf --\nlocals {}", "a/main.tofu:3 module.m.source"},
		{"a module that a variable ends", "-- a/main.tofu --\nmodule \"m\" {\n source = \"../m/${var.x}\"\n}", "a/main.tofu:2 module.m.source"},
		{"a module of elsewhere in a version", "-- a/main.tofu --\nmodule \"m\" {\n source = \"git::https://example.com/m?ref=${var.x}\"\n}", ""},
		{"a module in JSON that a variable names", "-- a/main.tofu.json --\n{\"module\": {\"m\": {\"source\": \"${var.x}\"}}}", "a/main.tofu.json:1 module.m.source"},
		{"a directive in JSON", "-- a/main.tf.json --\n{\"locals\": {\"y\": \"%{ for f in fileset(var.x, \\\"*\\\") }f%{ endfor }\"}}", "a/main.tf.json:1 fileset(var.x)"},
		{"what goes up from a variable", "-- a/main.tf --\nlocals { y = \"${var.x}/../y\" }", `a/main.tf:1 "${var.x}…"`},
		{"what goes up from a computed local", "-- a/main.tf --\nlocals {\n x = lower(var.y)\n y = format(\"%s/../y\", local.x)\n}", `a/main.tf:3 "${local.x}…"`},
		{"what does not", "-- a/main.tf --\nlocals { y = \"${var.x}/y\" }", ""},
		{"a module that goes up from the path that it gets", "-- a/main.tf --\nmodule \"m\" {\n source = \"../m\"\n x = path.module\n}\n-- m/main.tf --\nlocals { y = file(\"${var.x}/../y\") }", `m/main.tf:1 file("${var.x}…")`},
		{"a format that nobody follows", "-- a/main.tf --\nlocals { y = file(format(\"%05d/y\", var.x)) }", "a/main.tf:1 file(…)"},
		{"the syntax of JSON", "-- a/main.tf.json --\n{\"locals\": {\"y\": \"${file(var.x)}\"}}", "a/main.tf.json:1 file(var.x)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range graphOf(t, txtarTree(tt.files+"\n")).Unfollowed(Project{Dir: "a"}, Settings{Variables: []string{"given"}}) {
				_, call, _ := strings.Cut(p.Message, "the path of ")
				call, _, _ = strings.Cut(call, " cannot")
				got = append(got, fmt.Sprintf("%s:%d %s", p.File, p.Line, call))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("unfollowed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	files := map[string]string{"lost/main.tf": makes, "reads/main.tf": "terraform {\n  backend \"s3\" {}\n}\nlocals { x = file(var.x) }", "live/test/main.tf": "terraform {\n  backend \"s3\" {}\n}\n"}
	for _, dir := range []string{"a", "b", "c"} {
		files[dir+"/main.tf"] = "terraform {\n  backend \"s3\" {\n    bucket = \"x\"\n    key = \"terraform.tfstate\"\n    workspace_key_prefix = \"" + dir + "\"\n  }\n}\n"
	}
	tree := newTree(files)
	golden(t, "testdata/warnings.golden", Warnings(mustLoad(t, tree, tree), graphOf(t, tree)).Error()+"\n")
	named := mustParse(t, "version: 1\nprojects: [{name: a, dir: a, workspace: x}, {name: b, dir: b, workspace: x}, {name: a2, dir: a, workspace: y}]\n")
	unplanned := "lockkeeper.yml: 2 root modules are no projects, so nothing plans them: c, reads; name them, or leave them out by discover.exclude"
	if got := Warnings(named, graphOf(t, tree)); got.Error() != unplanned {
		t.Errorf("projects with workspaces of their own: %v", got)
	}
}

// What a list of projects forgets is planned by nobody, whatever changes there. What has
// no backend, is called or set apart may be anything.
func TestRootModulesThatNothingPlansAreNamed(t *testing.T) {
	const backend = "terraform {\n  backend \"s3\" {}\n}\n"
	files := map[string]string{"a/main.tf": backend, "lib/main.tf": makes, "tests/x/main.tf": backend}
	for name, c := range map[string]struct {
		more   []string
		config string
		want   string
	}{
		"no config":           {[]string{"b"}, "", ""},
		"all are named":       {nil, "projects: [{name: a, dir: a}]", ""},
		"one is forgotten":    {[]string{"b"}, "projects: [{name: a, dir: a}]", "1 root module is no project, so nothing plans it: b; name it, or leave it out by discover.exclude"},
		"one is left out":     {[]string{"b"}, "projects: [{name: a, dir: a}]\ndiscover: {include: [z/*], exclude: [b]}", ""},
		"one is not included": {[]string{"b"}, "discover: {include: [a]}", "1 root module is no project, so nothing plans it: b; name it, or leave it out by discover.exclude"},
		"many": {[]string{"b", "c", "d", "e", "f", "g", "h"}, "projects: [{name: a, dir: a}]",
			"7 root modules are no projects, so nothing plans them: b, c, d, e, f and 2 more; name them, or leave them out by discover.exclude"},
	} {
		all := maps.Clone(files)
		for _, dir := range c.more {
			all[dir+"/main.tf"] = backend
		}
		if c.config != "" {
			all[ConfigFile] = "version: 1\n" + c.config + "\n"
		}
		tree := newTree(all)
		var got []string
		for _, w := range Warnings(mustLoad(t, tree, tree), graphOf(t, tree)) {
			if strings.Contains(w.Message, "nothing plans") {
				got = append(got, w.Message)
			}
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A file of the server can be the state of several projects, too.
func TestProjectsOfOneStateFileAreNamed(t *testing.T) {
	local := func(settings string) string { return "terraform {\n  backend \"local\" {\n" + settings + "\n  }\n}\n" }
	tree := newTree(map[string]string{
		"a/main.tf": local(`path = "/srv/states/x.tfstate"`), "b/main.tf": local(`path = "/srv/states/./x.tfstate"`), "c/main.tf": local(`path = "/srv/states/c.tfstate"`),
		"d/main.tf": local(`workspace_dir = "/srv/states"`), "e/main.tf": local("workspace_dir = \"/srv/states\"\npath = \"/srv/e\""), "f/main.tf": local("path = \"f\"\nworkspace_dir = \"/srv/f\""), "g/main.tf": local(`path = "f"`),
	})
	cfg := mustParse(t, "version: 1\nprojects: [{name: a, dir: a}, {name: b, dir: b}, {name: c, dir: c}, {name: d, dir: d, workspace: x}, {name: e, dir: e, workspace: x}, {name: e2, dir: e, workspace: y}, {name: f, dir: f}, {name: g, dir: g}]\n")
	var got []string
	for _, group := range graphOf(t, tree).Shared(cfg.Projects, OwnSettings) {
		names := ""
		for _, p := range group {
			names += p.Name
		}
		got = append(got, names)
	}
	if want := []string{"ab", "de"}; !slices.Equal(got, want) {
		t.Errorf("projects with one state: %q, want %q", got, want)
	}
	if got := Warnings(cfg, graphOf(t, tree)).Error(); !strings.Contains(got, "2 projects share one state in workspace default") {
		t.Error(got)
	}
}

func TestNamesOfTerraformAreMistakesWhereAProjectReadsThem(t *testing.T) {
	root := "terraform {\n  backend \"s3\" {}\n}\n"
	for at, mistake := range map[string]bool{"a": true, "a/below": true, "lib": true, "testdata": false} {
		tree := newTree(map[string]string{"a/main.tf": root + "module \"lib\" {\n  source = \"../lib\"\n}\n", "lib/main.tf": makes, at + "/terraform.tfstate": "{}"})
		cfg := mustLoad(t, tree, tree)
		if err := Validate(cfg, graphOf(t, tree)); (err != nil) != mistake {
			t.Errorf("%s: mistakes: %v", at, err)
		}
		if got := Warnings(cfg, graphOf(t, tree)).Error(); strings.Contains(got, at+"/terraform.tfstate") == mistake {
			t.Errorf("%s: warnings: %s", at, got)
		}
	}
}

// Where 123 of 128 directories have one state, validate says it once.
func TestManyProjectsOfOneStateAreOneWarning(t *testing.T) {
	files := map[string]string{}
	for i := range 128 {
		key := "terraform.tfstate"
		if i >= 123 {
			key = fmt.Sprint(i)
		}
		files[fmt.Sprintf("live/p%03d/main.tf", i)] = "terraform {\n  backend \"s3\" {\n    bucket = \"x\"\n    key = \"" + key + "\"\n  }\n}\n"
	}
	tree := newTree(files)
	got := Warnings(mustLoad(t, tree, tree), graphOf(t, tree))
	if len(got) != 1 || !strings.HasPrefix(got[0].Message, "123 projects share one state in workspace default, ") ||
		!strings.HasSuffix(got[0].Message, ": live-p000, live-p001, live-p002, live-p003, live-p004 and 118 more") {
		t.Errorf("%v", got)
	}
}

// Keys that people bring from other tools are told what they are called here.
func TestKeysOfOtherTools(t *testing.T) {
	_, err := Parse(ConfigFile, []byte("version: 1\nautomerge: true\nprojects:\n- name: a\n  dir: a\n  autoplan: {when_modified: [x]}\n  terraform_version: v1.5.0\n  apply_requirements: [approved]\n  depends_on: [b]\n"))
	want := `lockkeeper.yml:2: automerge: is not a key; the server's config decides that (docs/server-config.md); remove it
lockkeeper.yml:6: projects[0].autoplan: is not a key; did you mean when_changed?
lockkeeper.yml:7: projects[0].terraform_version: is not a key; did you mean terraform?
lockkeeper.yml:8: projects[0].apply_requirements: is not a key; the server's config decides that (docs/server-config.md); remove it
lockkeeper.yml:9: projects[0].depends_on: is not a key; did you mean after?`
	if err == nil || err.Error() != want {
		t.Errorf("mistakes:\n%v\nwant\n%s", err, want)
	}
}

func TestForeignChanges(t *testing.T) {
	files := map[string]string{
		"live/terragrunt.hcl": "", "live/inputs.yml": "", "mods/x/main.tf": makes, "tfroot/main.tf": makes, "root.hcl": "", "app/cdktf.json": "{}", "app/src/main.ts": "",
		"live/prod/eu/vpc/hook.sh": "", "live/prod/eu/vpc/files/x.csv": "", "live/prod/eu/vpc/.terraform.lock.hcl": "", "live/prod/eu/vpc/.gitignore": "", "live/prod/user-data.tpl": "", "live/prod/accounts.csv": "", "live/common.tfvars": "", "mods/x/script.sh": "", "Makefile": "", ".github/workflows/x.yml": "",
		"tofu/main.tofu": makes, "both/main.tf": makes, "both/more.tofu": makes, "tests/x/terragrunt.hcl": "",
		"live/prod/account.hcl": "", "live/prod/values.yaml": "", "live/prod/eu/vpc/terragrunt.hcl": "", "_envcommon/vpc.hcl": "", "images/web.pkr.hcl": "", "images/.tflint.hcl": "", "images/package.json": "",
		"tfroot/policy.hcl": "",
	}
	cfg := Config{Projects: []Project{{Name: "tfroot", Dir: "tfroot"}, {Name: "tofu", Dir: "tofu"}, {Name: "both", Dir: "both"}}}
	withTofu := Config{Projects: []Project{{Name: "tofu", Dir: "tofu", Tofu: "1.10.x"}}}
	excludes := Config{Discover: &Discover{Exclude: []string{"live", "app"}}}
	tests := []struct {
		name    string
		cfg     Config
		changed string
		tofu    bool
		want    string
	}{
		{"a unit", cfg, "live/terragrunt.hcl", false, "Terragrunt"},
		{"the root", cfg, "root.hcl", false, "Terragrunt"},
		{"a file beside a unit", cfg, "live/inputs.yml", false, "Terragrunt"},
		{"a script of a unit", cfg, "live/prod/eu/vpc/hook.sh", false, "Terragrunt"},
		{"a file below a unit", cfg, "live/prod/eu/vpc/files/x.csv", false, "Terragrunt"},
		{"the locks of a unit", cfg, "live/prod/eu/vpc/.terraform.lock.hcl", false, "Terragrunt"},
		{"a hidden file of a unit", cfg, "live/prod/eu/vpc/.gitignore", false, ""},
		{"a template above units", cfg, "live/prod/user-data.tpl", false, "Terragrunt"},
		{"a table above units", cfg, "live/prod/accounts.csv", false, "Terragrunt"},
		{"variables above units", cfg, "live/common.tfvars", false, "Terragrunt"},
		{"a script of a module of units", cfg, "mods/x/script.sh", false, "Terragrunt"},
		{"a makefile at the top", cfg, "Makefile", false, ""},
		{"a workflow", cfg, ".github/workflows/x.yml", false, ""},
		{"a document beside a unit", cfg, "live/README.md", false, ""},
		{"a module of units", Config{}, "mods/x/main.tf", false, "Terragrunt"},
		{"what units below include", cfg, "live/prod/account.hcl", false, "Terragrunt"},
		{"what units elsewhere include", cfg, "_envcommon/vpc.hcl", false, "Terragrunt"},
		{"what units below read", cfg, "live/prod/values.yaml", false, "Terragrunt"},
		{"a file of another program", cfg, "images/web.pkr.hcl", false, ""},
		{"of a linter", cfg, "images/.tflint.hcl", false, ""},
		{"data of something else", cfg, "images/package.json", false, ""},
		{"a project's file of the kind", cfg, "tfroot/policy.hcl", false, ""},
		{"a project", cfg, "tfroot/main.tf", false, ""},
		{"something else", cfg, "docs/x.txt", false, ""},
		{"CDKTF in any language", cfg, "app/src/main.ts", false, "CDKTF"},
		{"what something else plans", excludes, "live/terragrunt.hcl", false, ""},
		{"and CDKTF", excludes, "app/cdktf.json", false, ""},
		{"a fixture", cfg, "tests/x/terragrunt.hcl", false, ""},
		{"tofu without tofu", cfg, "tofu/main.tofu", false, "OpenTofu"},
		{"beside Terraform", cfg, "both/more.tofu", false, "OpenTofu"},
		{"a version of tofu", withTofu, "tofu/main.tofu", false, ""},
		{"a server of tofu", cfg, "tofu/main.tofu", true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := graphOf(t, newTree(files))
			changed := []string{tt.changed}
			if slices.ContainsFunc(tt.cfg.Projects, func(p Project) bool { return p.Dir == "tfroot" }) {
				changed = append(changed, "tfroot/main.tf") // that a project is planned, too, changes nothing
			}
			got := ""
			for _, f := range ForeignChanges(tt.cfg, g, changed, tt.tofu) {
				got += f.Tool
			}
			if got != tt.want {
				t.Errorf("%s is for %q, want %q", tt.changed, got, tt.want)
			}
		})
	}
}

func TestValidateNamesWhatOtherToolsPlan(t *testing.T) {
	g := graphOf(t, newTree(map[string]string{"live/a/terragrunt.hcl": "", "live/b/terragrunt.hcl": "", "cdk/cdktf.json": "{}", "tofu/main.tofu": makes, "tf/main.tf": makes, "tests/x/terragrunt.hcl": ""}))
	cfg := Config{Projects: []Project{{Name: "tofu", Dir: "tofu"}, {Name: "tf", Dir: "tf"}}}
	for i, want := range [][]string{{"cdk/cdktf.json", "live/a/terragrunt.hcl", "tofu"}, {"cdk/cdktf.json"}} {
		if i == 1 {
			cfg.Projects[0].Tofu, cfg.Discover = "1.10.x", &Discover{Exclude: []string{"live/**"}}
		}
		var got []string
		for _, p := range Warnings(cfg, g) {
			if strings.Contains(p.Message, "does not plan") || strings.Contains(p.Message, "OpenTofu") {
				got = append(got, p.File)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("named are %v, want %v", got, want)
		}
	}
}

// What discover leaves out is named with the reason, and not again as what nothing plans.
func TestWhatIsLeftOutIsNotNamedAsForgotten(t *testing.T) {
	const backend = "terraform {\n  backend \"s3\" {}\n}\n"
	for include, want := range map[string]string{"{environment}/*": "", "a/*": "c(d/x"} {
		tree := newTree(map[string]string{
			"a/x/main.tf": backend, "c(d/x/main.tf": backend,
			ConfigFile: "version: 1\ndiscover: {include: ['" + include + "']}\n",
		})
		cfg, g := mustLoad(t, tree, tree), graphOf(t, tree)
		files, err := tree.Files(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(Unnamed(cfg, g, files, []string{"a/x/main.tf", "c(d/x/main.tf"}), " "); got != want {
			t.Errorf("%s: changed: %q, want %q", include, got, want)
		}
		warned := slices.ContainsFunc(Warnings(cfg, g), func(p Problem) bool { return strings.Contains(p.Message, "nothing plans") })
		if warned != (want != "") {
			t.Errorf("%s: warned: %t", include, warned)
		}
	}
}

// So it is with a directory of an environment that the base branch does not have.
func TestWhatWaitsForItsEnvironmentIsNotNamedAsForgotten(t *testing.T) {
	const backend = "terraform {\n  backend \"s3\" {}\n}\n"
	files := map[string]string{"prod/x/main.tf": backend, ConfigFile: "version: 1\ndiscover: {include: ['{environment}/*']}\n"}
	base := newTree(files)
	files["other/x/main.tf"] = backend
	head := newTree(files)
	cfg, g := mustLoad(t, base, head), graphOf(t, head)
	old, err := base.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if left := cfg.Left(); len(left) != 1 || !strings.Contains(left[0].Message, "is for environment") {
		t.Errorf("left out: %v", left)
	}
	if got := Unnamed(cfg, g, old, []string{"other/x/main.tf"}); len(got) > 0 {
		t.Errorf("named again: %q", got)
	}
	if slices.ContainsFunc(Warnings(cfg, g), func(p Problem) bool { return strings.Contains(p.Message, "nothing plans") }) {
		t.Error("warned of again")
	}
}

// What lies in a directory that is no project, because of a "test" in its path, was merged without a word.
func TestAnyFileOfARootModuleThatIsNoProjectIsNamed(t *testing.T) {
	const backend = "terraform {\n  backend \"s3\" {}\n}\n"
	head := newTree(map[string]string{"live/test/net/main.tf": backend, "live/test/lib/main.tf": makes, "a/main.tf": backend})
	cfg, g := mustLoad(t, head, head), graphOf(t, head)
	for changed, want := range map[string]string{
		"live/test/net/main.tf":             "live/test/net",
		"live/test/net/terraform.tfvars":    "live/test/net",
		"live/test/net/.terraform.lock.hcl": "live/test/net",
		"live/test/net/templates/user.tpl":  "live/test/net",
		"live/test/net/README.md":           "",
		"live/test/lib/user.tpl":            "", // may be anything
		"live/test/user.tpl":                "",
		"a/user.tpl":                        "",
	} {
		if got := strings.Join(Unnamed(cfg, g, head.files, []string{changed}), " "); got != want {
			t.Errorf("%s: %q, want %q", changed, got, want)
		}
	}
	top := newTree(map[string]string{"main.tf": backend, "a/main.tf": backend, ConfigFile: "version: 1\nprojects: [{name: a, dir: a}]\n"})
	cfg, g = mustLoad(t, top, top), graphOf(t, top)
	for changed, want := range map[string]string{"x.tfvars": ".", "app/src/main.go": "", "main.tf": "."} {
		if got := strings.Join(Unnamed(cfg, g, top.files, []string{changed}), " "); got != want {
			t.Errorf("%s at the top: %q, want %q", changed, got, want)
		}
	}
}
