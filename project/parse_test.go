package project

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write golden files")

var sameConfig = cmpopts.IgnoreUnexported(Config{})

const everyKey = `# every key
version: 1
projects:
  - name: vpc-prod
    dir: infra/vpc/
  - name: network-prod
    dir: ./infra/network
    workspace: blue
    environment: prod
    branch: release/1.x
    terraform: "1.11.4"
    var_files: [prod.tfvars, ../shared.tfvars]
    backend_config: {key: network/prod.tfstate, encrypt: true, port: 5432}
    when_changed: ["**/*.tf", "!**/*.md", "../../modules/**"]
    after: [vpc-prod]
    apply: before_merge
    from_module: git::https://example.com/network.git?ref=v1
  - {name: tofu-one, dir: ., tofu: 1.10.x}
`

func TestParseReadsEveryKey(t *testing.T) {
	want := Config{Version: 1, Source: ConfigFile, Projects: []Project{
		{Name: "vpc-prod", Dir: "infra/vpc", Workspace: "default", Apply: BeforeMerge},
		{
			Name: "network-prod", Dir: "infra/network", Workspace: "blue", Environment: "prod", Branch: "release/1.x", Terraform: "1.11.4",
			VarFiles:      []string{"prod.tfvars", "../shared.tfvars"},
			BackendConfig: map[string]string{"key": "network/prod.tfstate", "encrypt": "true", "port": "5432"},
			WhenChanged:   []string{"**/*.tf", "!**/*.md", "../../modules/**"},
			After:         []string{"vpc-prod"}, Apply: BeforeMerge,
			FromModule: "git::https://example.com/network.git?ref=v1",
		},
		{Name: "tofu-one", Dir: ".", Workspace: "default", Tofu: "1.10.x", Apply: BeforeMerge},
	}}
	if diff := cmp.Diff(want, mustParse(t, everyKey), sameConfig); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

// Each file in testdata/bad is a config with mistakes; the golden file beside it is what a person reads.
func TestParseNamesEveryMistake(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad configs: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(ConfigFile, data)
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("error is %v, want Problems", err)
			}
			golden(t, strings.TrimSuffix(file, ".yml")+".golden", problems.Error()+"\n")
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with go test ./project -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test ./project -update accepts it:\n%s", file, diff)
	}
}

func TestParseLimits(t *testing.T) {
	tests := map[string]string{
		"a file that is too long":        "version: 1\nprojects: []\n#" + strings.Repeat("x\n#", maxConfigBytes/3),
		"a line that is too long":        "version: 1\nprojects: [] #" + strings.Repeat("x", maxLineBytes),
		"flow brackets nested too deep":  "version: 1\nprojects: " + strings.Repeat("[\n", 20_000),
		"block lists nested on one line": "version: 1\nprojects:\n" + strings.Repeat("- ", 2_000) + "x",
		"flow maps nested too deep":      strings.Repeat("{a: ", 1000),
		"an anchor and aliases (bomb)":   "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
		"keys that begin with ?":         strings.Repeat("? a\n", 20_000),
		"more keys than a mapping has":   numbered("k%d: 1\n", 20_000),
		"the same, with lists between":   numbered("k%d:\n- a\n", 20_000),
		"the same, in braces":            "{" + numbered("k%d: 1,\n", 20_000) + "}",
		"one key again and again":        strings.Repeat("version: 1\n", 20_000),
		"more mistakes than one reads":   "version: 1\nprojects:\n" + strings.Repeat("- a\n", 10_000),
		"a merge key":                    "version: 1\nprojects: [{<<: {name: a}, dir: b}]\n",
		"a tag":                          "version: !!int 1\nprojects: []\n",
		"bytes that are not UTF-8":       "version: 1\nprojects: [{name: \"\xff\", dir: a}]\n",
		"a NUL":                          "version: 1\nprojects: []\x00\n",
		"two documents":                  "version: 1\nprojects: []\n---\nversion: 1\nprojects: []\n",
		"nothing":                        "",
		"only a comment":                 "# hello\n",
		"a list at the top":              "- a\n",
		"text at the top":                "hello\n",
		"open brackets":                  "version: [\n",
		"tabs":                           "version: 1\nprojects:\n\t- name: a\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(ConfigFile, []byte(text))
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("error is %v, want Problems", err)
			}
			if len(problems) > maxProblems+1 {
				t.Errorf("%d problems", len(problems))
			}
			for _, p := range problems {
				if len(p.Message) > 500 {
					t.Errorf("message of %d bytes: %.200s", len(p.Message), p.Message)
				}
			}
		})
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestParseReadsManyProjects(t *testing.T) {
	block := "version: 1\nprojects:\n" + numbered("- name: p%d\n  dir: infra/p%[1]d\n  backend_config:\n    key: x\n", 10_000)
	flow := "version: 1\nprojects: [\n" + numbered("{name: p%d, dir: infra/p%[1]d},\n", 10_000) + "]\n"
	for _, text := range []string{block, flow} {
		if n := len(mustParse(t, text).Projects); n != 10_000 {
			t.Errorf("%d projects", n)
		}
	}
}

// T13: a dir, var file, workspace or name that leads elsewhere is refused, never cleaned up into something else.
func TestParseRefusesTraversal(t *testing.T) {
	escapes := []string{
		"..", "../", "../x", "a/../..", "a/../../b", "a/..", "./..", "./../x", "a/b/../../..", "x/../y", "...//..", "..//x",
		"/", "/etc", "/etc/passwd", "//x", "///", "/..", "/./x", "~", "~/x", "~root/x", "~/../x",
		`..\x`, `a\..\b`, `C:\x`, `C:x`, `\\host\share`, `\x`, "c:/x", "file:///etc", "a:b",
		"%2e%2e/x", "..%2fx", "%2e%2e%2fx", "..%c0%af", "%00", "a%00b", "$HOME", "${HOME}", "a/$PWD",
		"a\x01b", "a\nb", "a\rb", "a\tb", "\u202ea", "a\u200bb", "a\ufeff", " a", "a ", "./ a", "./~x", "\u00a0a",
		".terraform", "a/.terraform", ".terraform/modules", "a/.Terraform/x", ".git", "a/.git/hooks", ".GIT", "terraform.tfstate.d", "a/terraform.tfstate", "A/TERRAFORM.TFSTATE.backup",
		".terraformrc", "terraform.rc", "crash.log", "errored.tfstate", strings.Repeat("a/", 600), "",
	}
	if len(escapes) < 60 {
		t.Fatalf("only %d strings", len(escapes))
	}
	for _, s := range escapes {
		quoted, err := yaml.MarshalWithOptions(s, yaml.JSON())
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("version: 1\nprojects: [{name: a, dir: %s}]\n", strings.TrimSpace(string(quoted)))
		if cfg, err := Parse(ConfigFile, []byte(text)); err == nil {
			t.Errorf("dir %q was taken for %q", s, cfg.Projects[0].Dir)
		}
		if checkDir(s) == "" {
			t.Errorf("checkDir accepts %q", s)
		}
		if checkWorkspace(s) == "" {
			t.Errorf("%q is accepted as a workspace", s)
		}
		if strings.ContainsAny(s, `/\`) && checkName(s) == "" {
			t.Errorf("%q is accepted as a name", s)
		}
	}
}

func TestParseAllowsOneProjectPerBranch(t *testing.T) {
	cfg := mustParse(t, "version: 1\nprojects:\n- {name: a-dev, dir: a, branch: dev}\n- {name: a-prod, dir: a, branch: prod}\n")
	if len(cfg.Projects) != 2 {
		t.Errorf("got %d projects", len(cfg.Projects))
	}
}

// What later versions carry out is refused, not taken for done.
func TestWhatIsNotBuiltIsRefused(t *testing.T) {
	for rest, want := range map[string]string{
		"apply: after_merge": "lockkeeper.yml:2: projects[0].apply: \"after_merge\" is not available yet; remove it, and apply with /apply before the merge",
		"build: {codebuild_project: a, image_variable: b}": "lockkeeper.yml:2: projects[0].build: is not a key; it is not available yet; remove it",
		"ephemeral: {environment: sandbox}":                "lockkeeper.yml:2: projects[0].ephemeral: is not a key; it is not available yet; remove it",
	} {
		_, err := Parse(ConfigFile, []byte("version: 1\nprojects: [{name: a, dir: a, "+rest+"}]\n"))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", rest, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everyKey))
	f.Add([]byte("version: 1\nprojects: []\n"))
	f.Add([]byte("version: 1\nprojects: [{name: a, dir: \"*[\", when_changed: [\"!{a,b}/**\"]}]\n"))
	f.Add([]byte("? a\n: b\n"))
	f.Add([]byte("version: 1\nprojects:\n- name: |\n    a\n  dir: >-\n    b\n"))
	bad, _ := filepath.Glob("testdata/bad/*.yml")
	for _, file := range bad {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(documented(f)))
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse(ConfigFile, data)
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("error is %v, want Problems", err)
			}
			return
		}
		written, err := yaml.MarshalWithOptions(cfg, yaml.JSON())
		if err != nil {
			t.Fatal(err)
		}
		if err := bySchema(schema, written); err != nil {
			t.Fatalf("the schema refuses what Parse accepts: %v\n%s", err, written)
		}
		again, err := Parse(ConfigFile, written)
		if err != nil {
			t.Fatalf("%v\nwritten as:\n%s", err, written)
		}
		if diff := cmp.Diff(cfg, again, sameConfig); diff != "" {
			t.Fatalf("parsed again (-first +second):\n%s\nwritten as:\n%s", diff, written)
		}
	})
}
