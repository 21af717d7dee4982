package project

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const everyIncludeKey = `version: 1
discover:
  include:
  - dir: live/{name}
    each: {workspace: [blue, green]}
    each_file: vars/{environment}/{name}.tfvars
    name: "{name}.{environment}"
    workspace: "{workspace}-{environment}"
    environment: "{environment}"
    var_files: ["../../vars/{environment}/{name}.tfvars"]
    backend_config: {key: "{name}/state", encrypt: true}
    branch: main
    terraform: 1.11.4
    when_changed: ["**"]
    apply: before_merge
  - {dir: hcp/*, cloud: "{name}-{environment}", tofu: 1.10.x}
  - deep/**
  exclude: [live/old-*]
`

const makes = `resource "terraform_data" "x" {}`

// discovered lists the projects of a lockkeeper.yml: name, directory, workspace, environment, variable files.
func discovered(t *testing.T, text string, base, head map[string]string) string {
	t.Helper()
	if base == nil {
		base = map[string]string{}
		for name, content := range head {
			base[name] = content
		}
	}
	base[ConfigFile] = text
	var lines []string
	for _, p := range mustLoad(t, newTree(base), newTree(head)).Projects {
		lines = append(lines, strings.TrimSpace(strings.Join([]string{p.Name, p.Dir, p.Workspace, p.Environment, strings.Join(p.VarFiles, ",")}, " ")))
	}
	return strings.Join(lines, "\n")
}

// documentedDiscover returns the examples of the section on discover.
func documentedDiscover(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../docs/lockkeeper-yml.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := map[string]string{}
	for part := range strings.SplitSeq(string(text), "\n```yaml\n") {
		example, _, _ := strings.Cut(part, "```")
		if title, _, ok := strings.Cut(example, "\n"); ok && strings.HasPrefix(title, "# lockkeeper.yml: ") {
			examples[strings.TrimPrefix(title, "# lockkeeper.yml: ")] = example
		}
	}
	return examples
}

// The examples of the reference do what it says, on layouts of large public repositories.
func TestDiscoverOfTheDocuments(t *testing.T) {
	examples := documentedDiscover(t)
	layouts := map[string]map[string]string{"workspaces of each deployment": {}, "a file per environment": {}, "directories per environment": {}, "workspaces of HCP Terraform": {}, "everything but": {}}
	for i := range 36 {
		layouts["workspaces of each deployment"][fmt.Sprintf("terraform/deployments/d%02d/main.tf", i)] = "terraform {\n  cloud {\n    workspaces {\n      tags = [\"x\"]\n    }\n  }\n}"
	}
	for name, content := range map[string]string{
		"terraform/variables/variables-common.tf": `variable "x" {}`, "terraform/deployments/d00/modules/m/main.tf": makes, "terraform/deployments/old-vpc/main.tf": makes, "terraform/deployments/old-vpc/sub/main.tf": makes,
	} {
		layouts["workspaces of each deployment"][name] = content
	}
	layouts["a file per environment"] = map[string]string{
		"terraform/environments/cooker/main.tf": makes, "terraform/environments/sprinkler/main.tf": makes, "terraform/environments/none/main.tf": makes,
		"terraform/values/cooker/development.tfvars": "", "terraform/values/cooker/production.tfvars": "", "terraform/values/sprinkler/development.tfvars": "", "terraform/values/README.md": "",
		"terraform/templates/app/main.tf": "terraform {\n  backend \"local\" {}\n}",
	}
	layouts["directories per environment"] = map[string]string{
		"live/dev/network/main.tf": makes, "live/prod/network/main.tf": makes, "live/prod/data/orders/main.tf": makes, "live/test/network/main.tf": makes, "other/main.tf": makes,
	}
	cloud := func(name string) string {
		return fmt.Sprintf("terraform {\n  cloud {\n    organization = \"acme\"\n    workspaces {\n      name = %q\n    }\n  }\n}", name)
	}
	layouts["workspaces of HCP Terraform"] = map[string]string{"infra/a/main.tf": cloud("network-prod"), "infra/b/main.tf": cloud("data-lake-dev"), "infra/c/main.tf": makes}
	layouts["everything but"] = map[string]string{"a/main.tf": makes, "b/x/main.tf": makes, "legacy/main.tf": makes, "legacy/x/main.tf": makes, "tools/lock/main.tf": makes, "tests/a/main.tf": makes}
	for title := range layouts {
		if examples[title] == "" {
			t.Errorf("the reference has no example %q", title)
		}
	}
	for title, text := range examples {
		t.Run(title, func(t *testing.T) {
			if layouts[title] == nil {
				t.Fatal("no layout for this example")
			}
			if err := bySchema(compileSchema(t), []byte(text)); err != nil {
				t.Errorf("the schema refuses it: %v", err)
			}
			if n := strings.Count(strings.TrimSpace(text), "\n") + 1; n > 15 {
				t.Errorf("it has %d lines, at most 15 are promised", n)
			}
			golden(t, "testdata/discover/"+strings.ReplaceAll(title, " ", "-")+".golden", discovered(t, text, nil, layouts[title])+"\n")
		})
	}
}

func TestDiscover(t *testing.T) {
	const head = "version: 1\ndiscover: "
	tests := []struct{ name, config, files, want string }{
		{"a string", head + "{include: [a/*]}", "a/b a/b/c d", "a-b a/b default"},
		{"the first entry counts", head + "{include: [{dir: a/b, environment: x}, {dir: a/*, environment: y}]}", "a/b a/c", "a-b a/b default x\na-c a/c default y"},
		{"a directory of projects is left to it", head + "{}\nprojects: [{name: own, dir: a, workspace: w}]", "a b", "own a w\nb b default"},
		{"a taken name gets a checksum", head + "{}\nprojects: [{name: b, dir: a}]", "a b", "b a default\nb-3e23e8160039 b default"},
		{"exclude takes what is below, too", head + "{exclude: [a, 'c/*']}", "a a/b b c c/d c/d/e", "b b default\nc c default"},
		{"nothing", head + "{include: []}", "a b", ""},
		{"tests are left out", head + "{include: ['**']}", "a a/tests a/examples/x .x", "a a default"},
		{"unless they are named", head + "{include: [a/tests/*, .x, 'a/**/examples/**']}", "a a/tests/t a/b/examples/x .x", "x .x default\na-b-examples-x a/b/examples/x default\na-tests-t a/tests/t default"},
		{"a part of the name", head + "{include: ['a/app-{name}']}", "a/app-x a/y", "x a/app-x default"},
		{"the same name twice", head + "{include: ['{environment}/{name}']}", "dev/x prod/x", "x-dev dev/x default dev\nx-prod prod/x default prod"},
		{"two directories of one name", head + "{include: ['*/{name}']}", "a/x b/x", "x-1653a06856ec a/x default\nx-5d9e8d0039d6 b/x default"},
		{"each of two", head + "{include: [{dir: a, each: {workspace: [w, v], environment: [x, y]}, workspace: '{environment}-{workspace}'}]}", "a", "a-w-x a x-w x\na-v-x a x-v x\na-w-y a y-w y\na-v-y a y-v y"},
		{"the root", head + "{include: ['**']}", ". a", "root . default\na a default"},
		{"a bad environment is left out", head + "{include: ['{environment}/*']}", "a_b/x c(d/x", "a_b-x a_b/x default a_b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{}
			for dir := range strings.FieldsSeq(tt.files) {
				files[strings.TrimPrefix(dir+"/main.tf", "./")] = makes
			}
			if diff := cmp.Diff(tt.want, discovered(t, tt.config, nil, files)); diff != "" {
				t.Errorf("projects (-want +got):\n%s", diff)
			}
		})
	}
}

// A pull request chooses the names of its directories, files and HCP Terraform workspaces, and so must not choose by them an environment that nothing on
// the base branch is for. New directories of a known one come in by themselves.
func TestHeadChoosesNoNewEnvironment(t *testing.T) {
	cloud := func(name string) string {
		return "terraform {\n  cloud {\n    workspaces {\n      name = \"" + name + "\"\n    }\n  }\n}"
	}
	tests := []struct {
		name, config string
		base, head   map[string]string
		want         string
	}{
		{"by a directory", "include: ['live/{environment}/{name}']", map[string]string{"live/dev/a/main.tf": makes},
			map[string]string{"live/dev/a/main.tf": makes, "live/dev/b/main.tf": makes, "live/prod/a/main.tf": makes}, "a-dev live/dev/a default dev\nb-dev live/dev/b default dev"},
		{"by a file", "include: [{dir: '{name}', each_file: 'vars/{environment}.tfvars', workspace: '{environment}'}]", map[string]string{"a/main.tf": makes, "vars/dev.tfvars": ""},
			map[string]string{"a/main.tf": makes, "b/main.tf": makes, "vars/dev.tfvars": "", "vars/prod.tfvars": ""}, "a-dev a dev dev\nb-dev b dev dev"},
		{"by a cloud block", "include: [{dir: '*', cloud: '{name}-{environment}'}]", map[string]string{"a/main.tf": cloud("x-dev"), "b/main.tf": cloud("y-qa")},
			map[string]string{"a/main.tf": cloud("x-prod"), "b/main.tf": cloud("y-qa"), "c/main.tf": cloud("z-qa")}, "y-qa b default qa\nz-qa c default qa"},
		{"one of projects is known", "include: ['live/{environment}/{name}']}\nprojects: [{name: p, dir: p, environment: prod}]\n#", map[string]string{},
			map[string]string{"live/prod/a/main.tf": makes}, "p p default prod\na-prod live/prod/a default prod"},
		{"the first project of all is of the server's default", "include: ['**']", map[string]string{}, map[string]string{"live/main.tf": makes}, "live live default"},
		{"the entry says it", "include: [{dir: 'live/{name}', environment: prod}]", map[string]string{}, map[string]string{"live/a/main.tf": makes}, "a live/a default prod"},
		{"each says it", "include: [{dir: 'live/{name}', each: {environment: [dev, prod]}, workspace: '{environment}'}]", map[string]string{}, map[string]string{"live/a/main.tf": makes},
			"a-dev live/a dev dev\na-prod live/a prod prod"},
		{"the entry says it by a name", "include: [{dir: 'live/{name}', environment: '{name}'}]", map[string]string{}, map[string]string{"live/a/main.tf": makes}, ""},
		{"what is deleted is known", "include: ['live/{environment}/{name}']", map[string]string{"live/prod/a/main.tf": makes, "live/prod/b/main.tf": makes},
			map[string]string{"live/prod/b/main.tf": makes}, "a-prod live/prod/a default prod\nb-prod live/prod/b default prod"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, discovered(t, "version: 1\ndiscover: {"+tt.config+"}\n", tt.base, tt.head)); diff != "" {
				t.Errorf("projects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMistakesInDiscoverNameTheLine(t *testing.T) {
	_, err := Parse(ConfigFile, []byte(`version: 1
discover:
  include:
    - live/{region}/x
    - a//b
    - {name: x}
    - dir: "{name}/{name}"
    - dir: "{environment}/*"
      each: {environment: [dev]}
    - dir: a/*
      workspace: "{workspace}"
      name: "{name}-{environment}"
    - dir: b/*
      each:
        environment: [dev, prod]
      var_files: ["{environment}.tfvars", "/x"]
    - dir: c/*
      each_file: vars/{environment}.tfvars
    - dir: d/*
      cloud: prod
    - dir: e**
  excludes: [x]
  exclude: ["{name}"]
  include: []
`))
	if err == nil {
		t.Fatal("accepted")
	}
	golden(t, "testdata/discover/mistakes.golden", err.Error()+"\n")
}

func TestValidateOfWhatWasFound(t *testing.T) {
	tree := newTree(map[string]string{ConfigFile: "version: 1\ndiscover:\n  include:\n  - {dir: a/*, var_files: [x.tfvars]}\n", "a/b/main.tf": makes})
	err := Validate(mustLoad(t, tree, tree), graphOf(t, tree))
	if want := `lockkeeper.yml:2: discover.var_files[0]: "x.tfvars" is not there; it is looked for at "a/b/x.tfvars"`; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// A slip in a pattern plans nothing, and a check passes where no project is touched. What
// it should have planned is said, too.
func TestEntriesThatMakeNoProjectAreNamed(t *testing.T) {
	tree := newTree(map[string]string{
		"live/a/main.tf": terraformBlock, "live/b/main.tf": terraformBlock, "values/a/prod.tfvars": "",
		ConfigFile: `version: 1
discover:
  include:
  - lives/*
  - live/a
  - live/a*
  - {dir: "live/{name}", each_file: "value/{name}/{environment}.tfvars", workspace: "{environment}"}
`})
	var got []string
	for _, w := range Warnings(mustLoad(t, tree, tree), graphOf(t, tree)) {
		got = append(got, fmt.Sprintf("%d %s", w.Line, w.Key))
	}
	if want := []string{"0 ", "4 discover.include[0]", "6 discover.include[2]", "7 discover.include[3]"}; !slices.Equal(got, want) {
		t.Errorf("warnings of %q, want %q", got, want)
	}
}

// Who only leaves something out has written no entry that could make none.
func TestAnEntryThatNobodyWroteIsNotNamed(t *testing.T) {
	tree := newTree(map[string]string{"a/main.tf": terraformBlock, "b/main.tf": terraformBlock, ConfigFile: "version: 1\nprojects: [{name: a, dir: a}]\ndiscover: {exclude: [b]}\n"})
	if got := Warnings(mustLoad(t, tree, tree), graphOf(t, tree)); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

const terraformBlock = "terraform {\n  backend \"s3\" {\n  }\n}\n"

// matchesParts compares a pattern without placeholders as the documents say it: part by part, ** for any number of them.
func matchesParts(pattern, dir []string) bool {
	switch {
	case len(pattern) == 0:
		return len(dir) == 0
	case pattern[0] == "**":
		return matchesParts(pattern[1:], dir) || (len(dir) > 0 && matchesParts(pattern, dir[1:]))
	case len(dir) == 0:
		return false
	}
	ok, err := path.Match(pattern[0], dir[0])
	return ok && err == nil && matchesParts(pattern[1:], dir[1:])
}

func TestPatternsMatchPartByPart(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "b", "ab", "*", "a*", "?", "**"})
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SliceOfN(part, 1, 4).Draw(t, "pattern")
		text := strings.Join(pattern, "/")
		if checkPattern(text) != "" {
			t.Skip("no pattern")
		}
		dir := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "c"}), 1, 4).Draw(t, "dir")
		_, got := newPattern(text).match(strings.Join(dir, "/"))
		if want := matchesParts(pattern, dir); got != want {
			t.Fatalf("%q matches %q: %t, want %t", text, dir, got, want)
		}
	})
}

// What placeholders stand for, filled in, gives the directory again.
func TestPlaceholdersFillBackIn(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "{name}", "{environment}", "x-{name}", "{workspace}.{name}", "b"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "pattern"), "/")
		if checkPattern(text) != "" {
			t.Skip("no pattern")
		}
		p := newPattern(text)
		dir := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "x-a", "v.w", "日本"}), 1, 4).Draw(t, "dir"), "/")
		b, ok := p.match(dir)
		if !ok {
			return
		}
		if got := b.fill(text); got != dir {
			t.Fatalf("%q of %q fills to %q", text, dir, got)
		}
		for hold, value := range b {
			if value == "" || strings.Contains(value, "/") || !slices.Contains(placeholders, hold) {
				t.Fatalf("{%s} stands for %q", hold, value)
			}
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"a/{name}", "**/{environment}/**", "a*?", "{name", "}", "a//b", "[a]", "{name}{environment}"} {
		f.Add(seed, "a/b/c")
	}
	f.Fuzz(func(t *testing.T, text, dir string) {
		if checkPattern(text) != "" {
			return
		}
		if b, ok := newPattern(text).match(dir); ok {
			for hold, value := range b {
				if strings.Contains(value, "/") || value == "" {
					t.Errorf("{%s} of %q in %q is %q", hold, text, dir, value)
				}
			}
		}
	})
}

// Directories in any script keep a name that people can read and type.
func TestNamesInOtherScripts(t *testing.T) {
	for dir, want := range map[string]string{
		"инфра/сеть": "infra-set", "東京/本番": "dong-jing-ben-fan", "größe": "grosse", "ünï": "uni", "infra/Ærø": "infra-aero", "شبكة": "shbk@", "caf\xe9": "caf", "🚀": "",
	} {
		name := named([]string{dir})[0].Name
		if want != "" && want != "shbk@" && name != want {
			t.Errorf("%s is called %s, want %s", dir, name, want)
		}
		if checkName(name) != "" {
			t.Errorf("%s is called %q, which is no name", dir, name)
		}
	}
	two := named([]string{"сеть", "set"})
	if two[0].Name == two[1].Name {
		t.Errorf("both are called %s", two[0].Name)
	}
}
