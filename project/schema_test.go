package project

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../docs/lockkeeper.schema.json"

func compileSchema(tb testing.TB) *jsonschema.Schema {
	tb.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		tb.Fatal(err)
	}
	return schema
}

// bySchema checks YAML text as an editor would.
func bySchema(schema *jsonschema.Schema, text []byte) error {
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func TestSchemaHasTheKeysOfTheStructs(t *testing.T) {
	schema := compileSchema(t)
	project := schema.Properties["projects"].Items2020.Ref
	for _, tt := range []struct {
		name   string
		schema *jsonschema.Schema
		typ    reflect.Type
	}{
		{"top", schema, reflect.TypeFor[Config]()},
		{"discover", schema.Properties["discover"], reflect.TypeFor[Discover]()},
		{"include", schema.Properties["discover"].Properties["include"].Items2020.AnyOf[1].Ref, reflect.TypeFor[Include]()},
		{"project", project, reflect.TypeFor[Project]()},
	} {
		var inSchema []string
		for key, s := range tt.schema.Properties {
			inSchema = append(inSchema, key)
			if s.Description == "" {
				t.Errorf("%s: %s has no description", tt.name, key)
			}
		}
		slices.Sort(inSchema)
		if diff := cmp.Diff(keysOf(tt.typ), inSchema); diff != "" {
			t.Errorf("%s: keys (-struct +schema):\n%s", tt.name, diff)
		}
		var inJSON []string
		for f := range tt.typ.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && name != "-" {
				inJSON = append(inJSON, name)
			}
		}
		slices.Sort(inJSON)
		if diff := cmp.Diff(keysOf(tt.typ), inJSON); diff != "" {
			t.Errorf("%s: tags (-yaml +json):\n%s", tt.name, diff)
		}
	}
}

func TestSchemaAgreesWithParse(t *testing.T) {
	schema := compileSchema(t)
	const head = "version: 1\nprojects:\n- {name: a, dir: a, "
	good := map[string]string{
		"every key": everyKey, "the documented example": documented(t), "no projects": "version: 1\nprojects: []\n",
		"discover alone": "version: 1\ndiscover: {}", "nothing is discovered": "version: 1\ndiscover: {include: []}\nprojects: []", "every key of include": everyIncludeKey,
		"an empty from_module": head + `from_module: ""}`, "a var file beside": head + "var_files: [../x.tfvars]}",
	}
	for name, text := range good {
		if _, err := Parse(ConfigFile, []byte(text)); err != nil {
			t.Errorf("%s: Parse refuses it: %v", name, err)
		}
		if err := bySchema(schema, []byte(text)); err != nil {
			t.Errorf("%s: the schema refuses it: %v", name, err)
		}
	}
	// One mistake each: every one that a schema can see, both must see.
	bad := []string{
		"", "[]", "version: 1", "projects: []", "version: 2\nprojects: []", "version: \"1\"\nprojects: []", "version: 1\nprojects: {}", "version: 1\nprojects: []\nextra: 1",
		"version: 1\nprojects: [{dir: a}]", "version: 1\nprojects: [{name: a}]", "version: 1\nprojects: [a]", "version: 1\nprojects: [{name: A, dir: a}]", "version: 1\nprojects: [{name: 1, dir: a}]",
		"version: 1\nprojects: [{name: a, dir: ../a}]", "version: 1\nprojects: [{name: a, dir: a/..}]", "version: 1\nprojects: [{name: a, dir: /a}]", "version: 1\nprojects: [{name: a, dir: ~}]", "version: 1\nprojects: [{name: a, dir: ''}]",
	}
	for _, rest := range []string{
		"nam: b", "workspace: ../x", "workspace: ''", "environment: 'a b'", "branch: ''", "branch: 1", "terraform: 1.11", "terraform: latest", "tofu: 1", "terraform: 1.11.4, tofu: 1.10.0",
		"var_files: a", "var_files: [/a]", "var_files: [a, a]", "var_files: [1]", "backend_config: [a]", "backend_config: {'a b': c}", "backend_config: {a: [b]}", "backend_config: {a: null}",
		"when_changed: a", "when_changed: ['']", "when_changed: [/a]", "when_changed: ['!/a']", "when_changed: [a, a]", "after: a", "after: [A]", "apply: never", "apply: true",
		"from_module: '--x'", "from_module: 'a b'", "from_module: 1", "ephemeral: {environment: a}", "build: {codebuild_project: a1, image_variable: x}", "apply: after_merge",
	} {
		bad = append(bad, head+rest+"}")
	}
	for _, rest := range []string{
		"x: 1", "include: a", "include: [1]", "include: ['']", "include: [/a]", "include: [a/]", "include: [../a]", "include: ['a[b]']", "include: ['{dir}']", "include: ['{name']", "include: [{}]",
		"include: [{dir: a, dirs: b}]", "include: [{dir: a, each: [x]}]", "include: [{dir: a, each: {region: [x]}}]", "include: [{dir: a, each: {environment: []}, workspace: '{environment}'}]",
		"include: [{dir: a, each: {environment: ['a b']}, workspace: '{environment}'}]", "include: [{dir: a, each_file: /x}]", "include: [{dir: a, name: '{x}'}]", "include: [{dir: a, workspace: ''}]",
		"include: [{dir: a, var_files: ['/{name}']}]", "include: [{dir: a, terraform: latest}]", "include: [{dir: a, terraform: 1.11.4, tofu: 1.10.0}]", "include: [{dir: a, apply: never}]",
		"include: [{dir: a, when_changed: [/a]}]", "include: [{dir: a, after: [b]}]", "include: [{dir: a, backend_config: {'a b': c}}]", "include: [{dir: a, branch: ''}]",
		"exclude: a", "exclude: [1]", "exclude: ['{name}']", "exclude: [a, a]", "exclude: [/a]",
	} {
		bad = append(bad, "version: 1\ndiscover: {"+rest+"}\n")
	}
	for _, text := range bad {
		if _, err := Parse(ConfigFile, []byte(text)); err == nil {
			t.Errorf("Parse accepts\n%s", text)
		}
		if bySchema(schema, []byte(text)) == nil {
			t.Errorf("the schema accepts\n%s", text)
		}
	}
}

// documented returns the full example of the user's reference.
func documented(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.FromSlash("../docs/lockkeeper-yml.md"))
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "## Full example\n\n```yaml\n")
	example, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		tb.Fatal("docs/lockkeeper-yml.md has no full example")
	}
	return example
}

func TestDocsNameEveryKey(t *testing.T) {
	text, err := os.ReadFile("../docs/lockkeeper-yml.md")
	if err != nil {
		t.Fatal(err)
	}
	example := documented(t)
	mustParse(t, example)
	for _, typ := range []reflect.Type{reflect.TypeFor[Project](), reflect.TypeFor[Discover](), reflect.TypeFor[Include]()} {
		for _, key := range keysOf(typ) {
			if !strings.Contains(string(text), "`"+key+"`") {
				t.Errorf("the reference does not explain %s", key)
			}
			if typ == reflect.TypeFor[Include]() || typ == reflect.TypeFor[Discover]() {
				continue // their examples are run by TestDiscoverOfTheDocuments
			}
			if !strings.Contains(example, key+":") {
				t.Errorf("the full example does not show %s", key)
			}
		}
	}
}
