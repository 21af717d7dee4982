package config

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func bySchema(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
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
	checkKeys(t, "", compileSchema(t), reflect.TypeFor[Config]())
}

// checkKeys compares the keys of a struct with those of its schema, down to
// the leaves.
func checkKeys(t *testing.T, path string, s *jsonschema.Schema, typ reflect.Type) {
	t.Helper()
	if typ.Kind() == reflect.Map {
		if inner, isSchema := s.AdditionalProperties.(*jsonschema.Schema); isSchema {
			checkKeys(t, path+".*", inner, typ.Elem())
		} else if typ.Elem().Kind() == reflect.Struct {
			t.Errorf("%s: the schema does not describe its values", path)
		}
		return
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	var inSchema []string
	for key, property := range s.Properties {
		inSchema = append(inSchema, key)
		if property.Description == "" {
			t.Errorf("%s.%s has no description", path, key)
		}
	}
	slices.Sort(inSchema)
	if diff := cmp.Diff(yamlfile.KeysOf(typ), inSchema); diff != "" {
		t.Errorf("%s: keys (-struct +schema):\n%s", path, diff)
	}
	if closed, isBool := s.AdditionalProperties.(bool); !isBool || closed {
		t.Errorf("%s: the schema accepts unknown keys", path)
	}
	for f := range typ.Fields() {
		if name := yamlfile.KeyOf(f); name != "" && s.Properties[name] != nil {
			checkKeys(t, path+"."+name, s.Properties[name], f.Type)
		}
	}
}

func TestSchemaAgreesWithLoad(t *testing.T) {
	schema := compileSchema(t)
	for name, text := range map[string]string{"minimal": minimal, "the documented example": example(t), "engine aws": minimal + onAWS(""), "a place of jobs": minimal + onAWS(placed("vcpu: 4, memory: 16GiB, function: f, function_role_id: AROAF, plan_queue: arn:aws:batch:eu-west-1:123456789012:job-queue/p"))} {
		if err := bySchema(t, schema, text); err != nil {
			t.Errorf("%s: the schema refuses it: %v", name, err)
		}
	}
	// What a schema cannot see: other files, the environment, other keys, numbers in units.
	beyond := []string{"key twice", "two documents", "time too short", "size overflow", "body over GitHub's", "port", "private key of junk", "secret of 31 bytes", "empty secret",
		"secret file that is not there", "secret variable that is not set", "secret of AWS that is not there", "secret of AWS that is short", "secret of AWS that is empty", "previous secret too short", "key of artifacts of junk", "key of artifacts that only encrypts", "key of artifacts beside them", "key of artifacts that is empty", "key of artifacts that is not set", "terraform binary that is no program", "terraform binary that is not there", "default environment",
		"variable that is not set", "variable of the job", "placeholder", "terraform variable twice",
		"variable of the server with engine aws", "file of the server with engine aws", "secret of AWS with engine local", "role with engine local", "function with engine local",
		"apply without a value", "pattern", "plan age of nothing", "plan age too short", "locks that expire at once", "warning before the lock", "warning too late", "rules that are not there",
		"memory of a job", "disk of a job", "isolation of another engine", "memory of jobs of another engine", "directory that is not there", "directory that is everything", "directory of processes",
		"directory of devices", "directory of the system", "directory of another engine",
		"repository twice", "a pattern that is none", "port of metrics", "metrics where webhooks are", "no time to drain", "draining another engine",
		"definition of another account", "queue of another region", "apply queue of another account", "lambda without a function", "machine that Fargate has not"}
	for _, tt := range mistakes {
		if !slices.Contains(beyond, tt.name) && bySchema(t, schema, tt.text) == nil {
			t.Errorf("%s: the schema accepts it", tt.name)
		}
	}
}

// example is the full example of the documentation.
func example(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, isThere := strings.Cut(string(page), "## Full example\n\n```yaml\n")
	text, _, isClosed := strings.Cut(rest, "```")
	if !isThere || !isClosed {
		t.Fatalf("%s has no full example", docsFile)
	}
	return text
}

// Whoever copies the config of docs/aws.md and fills in what is theirs has one
// that is taken.
func TestTheConfigOfTheAWSPageIsTaken(t *testing.T) {
	page, err := os.ReadFile("../docs/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\nlisten:")
	text, _, closed := strings.Cut("listen:"+rest, "```")
	if !closed {
		t.Fatal("docs/aws.md has no config")
	}
	const arn, queue = "arn:aws:", "https://sqs.eu-west-1.amazonaws.com/123456789012/status"
	text = strings.NewReplacer("<App ID>", "1", "<region>", "eu-west-1", "<Bucket>", "bucket", "<StateMachine>", arn+"states:eu-west-1:123456789012:stateMachine:job",
		"<StatusQueue>", queue, "<StatusDeadLetterQueue>", queue, "<PlanJobQueue>", arn+"batch:eu-west-1:123456789012:job-queue/plan",
		"<ApplyJobQueue>", arn+"batch:eu-west-1:123456789012:job-queue/apply", "<JobLogGroup>", "/lockkeeper/jobs", "<PlanJobDefinition>", arn+"batch:eu-west-1:123456789012:job-definition/plan",
		"<ApplyJobDefinition>", arn+"batch:eu-west-1:123456789012:job-definition/apply", "<PlanRoleId>", "AROA1", "<ApplyRoleId>", "AROA2", "<target>", "210987654321", "<name>", "token").Replace(text)
	if _, err := load(t, text, nil); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if err := bySchema(t, compileSchema(t), text); err != nil {
		t.Error(err)
	}
}

// The config of install.md is taken, and its proxies pass on what the server takes.
func TestTheConfigsOfTheInstallPageFit(t *testing.T) {
	content, err := os.ReadFile("../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for i, part := range strings.Split(string(content), "```") {
		if language, text, _ := strings.Cut(part, "\n"); i%2 == 1 && (language != "yaml" || blocks[language] == "") { // what follows are values of the chart
			blocks[language] += text
		}
	}
	// The files are on the server's machine.
	text := strings.NewReplacer("private_key_file: /etc/lockkeeper/private-key.pem", "private_key_env: KEY",
		"webhook_secret_file: /etc/lockkeeper/webhook-secret", "webhook_secret_env: SECRET").Replace(blocks["yaml"])
	if _, err := load(t, text, map[string]string{"KEY": string(newKey()), "SECRET": goodSecret}); err != nil {
		t.Errorf("install.md: %v", err)
	}
	mebibytes := strconv.Itoa(int(defaults().Limits.WebhookBodyBytes >> 20))
	if !strings.Contains(blocks["nginx"], "client_max_body_size "+mebibytes+"m;") || !strings.Contains(blocks[""], "max_size "+mebibytes+"MiB\n") {
		t.Errorf("a proxy of install.md has another limit than %s MiB", mebibytes)
	}
}

func TestDocsNameEveryKey(t *testing.T) {
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	checkDocs(t, string(page), "", reflect.TypeFor[Config]())
}

func checkDocs(t *testing.T, page, path string, typ reflect.Type) {
	t.Helper()
	if typ.Kind() == reflect.Map && typ.Elem().Kind() == reflect.Struct {
		checkDocs(t, page, path+".<name>", typ.Elem())
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	for f := range typ.Fields() {
		name := yamlfile.KeyOf(f)
		if name == "" {
			continue
		}
		key := strings.TrimPrefix(path+"."+name, ".")
		isGroup := f.Type.Kind() == reflect.Struct || f.Type.Kind() == reflect.Map && f.Type.Elem().Kind() == reflect.Struct
		if !isGroup && !strings.Contains(page, "| `"+key+"` |") {
			t.Errorf("%s does not explain `%s`", docsFile, key)
		}
		checkDocs(t, page, "."+key, f.Type)
	}
}
