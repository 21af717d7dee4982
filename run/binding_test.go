package run

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func boundDocument() JobDocument {
	return JobDocument{
		Version: 1, JobID: "r-0", RunID: "r", Fence: 3, Command: KindPlan, Repository: "acme/infra", RepositoryID: 42,
		Commit: strings.Repeat("a", 40), BaseCommit: strings.Repeat("b", 40), PullRequest: 7, Actor: "ana",
		Project: JobProject{Name: "net", Dir: "live/net", Workspace: "default", Terraform: "1.11.4", VarFiles: []string{"a.tfvars", "b.tfvars"},
			BackendConfig: map[string]string{"bucket": "x", "key": "y"}, FromModule: "./m", After: []string{"vpc"}, State: "s3:1"},
		Environment: JobEnvironment{Name: "prod", Account: "1", Region: "eu", PlanRole: "p", ApplyRole: "a"},
		Source:      Artifact{Key: "sources/x", SHA256: "x", Size: 9},
		Flags:       []string{"-refresh=false"}, Limits: JobLimits{Seconds: 1, PlanBytes: 2},
	}
}

// free are the fields that do not change what a plan means.
var free = []string{
	"Version", "JobID", "RunID", "Fence", "Command", "Repository", "Actor", "Plan", "Policy", "DigestKey", "Limits.Seconds", "Limits.PlanBytes",
	"Project.After", "Project.AfterMerge", "Source.Key", "Source.Size", "Source.Version",
}

// Each field of a document, also one that is new, is bound or named as free.
func TestT22EveryFieldOfTheDocumentIsBoundOrFree(t *testing.T) {
	want := boundDocument().Binding()
	eachField(reflect.TypeFor[JobDocument](), nil, "", func(index []int, name string) {
		doc := boundDocument()
		alter(t, reflect.ValueOf(&doc).Elem().FieldByIndex(index))
		same := doc.Binding() == want
		if isFree := slices.Contains(free, name); same != isFree {
			t.Errorf("%s: another value leaves the binding as it was: %v, and it is named as free: %v", name, same, isFree)
		}
	})
}

// eachField visits the fields of structs, not those behind pointers.
func eachField(t reflect.Type, index []int, prefix string, visit func([]int, string)) {
	for i := range t.NumField() {
		f, at := t.Field(i), append(slices.Clone(index), i)
		if f.Type.Kind() == reflect.Struct {
			eachField(f.Type, at, prefix+f.Name+".", visit)
			continue
		}
		visit(at, prefix+f.Name)
	}
}

func alter(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
	case reflect.Map:
		v.SetMapIndex(reflect.ValueOf("new"), reflect.ValueOf("x"))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		t.Fatalf("no other value for %s", v.Type())
	}
}

func TestT21TheOrderOfVariableFilesAndTheirBordersAreBound(t *testing.T) {
	seen := map[string]string{}
	for _, files := range [][]string{nil, {"a", "b"}, {"b", "a"}, {"a,b"}, {"a\",\"b"}, {"ab"}, {"a", "", "b"}} {
		doc := boundDocument()
		doc.Project.VarFiles = files
		b, name := doc.Binding(), fmt.Sprintf("%q", files)
		if other, taken := seen[b]; taken {
			t.Errorf("%s and %s have one binding", name, other)
		}
		seen[b] = name
	}
}

func TestTheBindingIsTheSameAfterStoring(t *testing.T) {
	empty := boundDocument()
	empty.Project.BackendConfig, empty.Project.VarFiles, empty.Flags = map[string]string{}, []string{}, []string{}
	for _, doc := range []JobDocument{boundDocument(), empty, {}} {
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var back JobDocument
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if len(doc.Binding()) != 64 || back.Binding() != doc.Binding() {
			t.Errorf("%s before and %s after", doc.Binding(), back.Binding())
		}
	}
}

func TestParallelismIsNotBound(t *testing.T) {
	doc := boundDocument()
	doc.Flags = append(doc.Flags, "-parallelism=3")
	if doc.Binding() != boundDocument().Binding() {
		t.Error("how many things terraform does at once changes the binding")
	}
	doc.Flags = append(doc.Flags, "-target=parallelism=3")
	if doc.Binding() == boundDocument().Binding() {
		t.Error("a target does not change the binding")
	}
}
