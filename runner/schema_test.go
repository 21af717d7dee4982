package runner

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

const schemaFile = "../docs/job-document.schema.json"

// full is a document in which no field is empty.
func full() run.JobDocument {
	stored := run.Artifact{Key: "sources/x", SHA256: strings.Repeat("0a", 32), Size: 1, Version: "v"}
	doc := backendtest.Document("run-0", stored)
	doc.Command, doc.Policy = run.KindApply, &stored
	doc.Plan = &run.JobPlan{JobID: "plan-0", File: stored, Binding: "x", Terraform: "Terraform 1.11.4", Made: &stored, BackendHash: "1"}
	doc.Project.State, doc.Project.AfterMerge = "s3:bucket/key", true
	doc.PullRequest, doc.Flags, doc.DigestKey = 7, []string{"-target=a.b"}, strings.Repeat("0a", 32)
	doc.Project.Terraform, doc.Project.FromModule = "1.11.4", "./m"
	doc.Project.VarFiles, doc.Project.After = []string{"a.tfvars"}, []string{"other"}
	doc.Project.BackendConfig = map[string]string{"key": "x"}
	doc.Environment = run.JobEnvironment{Name: "prod", Account: "1", Region: "r", PlanRole: "p", ApplyRole: "a"}
	doc.Environment.Variables = []run.JobVariable{{Name: "TOKEN", Secret: "token#key", For: "apply"}}
	return doc
}

func TestSchemaAcceptsDocuments(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !everythingSet(reflect.ValueOf(full())) {
		t.Fatal("full leaves a field of the document empty")
	}
	minimal := full()
	minimal.Command, minimal.Plan, minimal.Policy = run.KindPlan, nil, nil
	minimal.Flags, minimal.PullRequest, minimal.DigestKey = nil, 0, ""
	minimal.Project = run.JobProject{Name: "app", Dir: ".", Workspace: "default"}
	minimal.Environment = run.JobEnvironment{Name: "default"}
	approval := full()
	approval.Command = run.KindApproval
	for name, doc := range map[string]run.JobDocument{"full": full(), "minimal": minimal, "approval": approval} {
		if err := schema.Validate(generic(t, doc)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := generic(t, full()).(map[string]any)
	wrong["secrets"] = "x"
	if schema.Validate(wrong) == nil {
		t.Error("the schema accepts a field that does not exist")
	}
	wrong = generic(t, full()).(map[string]any)
	wrong["job_id"] = "../x"
	if schema.Validate(wrong) == nil {
		t.Error("the schema accepts a job id that is a path")
	}
}

func TestSchemaHasEveryField(t *testing.T) {
	content, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	sameFields(t, "document", schema, schema, reflect.TypeFor[run.JobDocument]())
}

// sameFields compares the properties of an object with the fields of a struct.
func sameFields(t *testing.T, where string, whole, schema map[string]any, typ reflect.Type) {
	if ref, ok := schema["$ref"].(string); ok {
		definitions, _ := whole["$defs"].(map[string]any)
		schema, _ = definitions[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		schema = items
	}
	properties, _ := schema["properties"].(map[string]any)
	left := map[string]bool{}
	for name := range properties {
		left[name] = true
	}
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		property, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("%s: the schema has no %s", where, name)
			continue
		}
		delete(left, name)
		if field := dereferenced(f.Type); field.Kind() == reflect.Struct {
			sameFields(t, where+"."+name, whole, property, field)
		}
	}
	for name := range left {
		t.Errorf("%s: the schema has %s, which does not exist", where, name)
	}
}

func dereferenced(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return t
}

func generic(t *testing.T, doc run.JobDocument) any {
	t.Helper()
	content, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func everythingSet(v reflect.Value) bool {
	if v.IsZero() {
		return false
	}
	if v = reflect.Indirect(v); v.Kind() == reflect.Struct {
		for _, f := range v.Fields() {
			if !everythingSet(f) {
				return false
			}
		}
	}
	return true
}
