package rego

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
)

// forbiddenCalls is one call of each function that rules do not have.
var forbiddenCalls = map[string]string{
	"http.send":          `http.send({"method": "get", "url": "http://127.0.0.1:1/"})`,
	"net.lookup_ip_addr": `net.lookup_ip_addr("localhost")`,
	"json.match_schema":  `json.match_schema({}, {"$ref": "file:///proc/self/environ"})`,
	"json.verify_schema": `json.verify_schema({"$ref": "file:///etc/hostname"})`,
	"opa.runtime":        `opa.runtime()`,
	"rego.parse_module":  `rego.parse_module("a.rego", "package a")`,
	"trace":              `trace("note")`,
	"rand.intn":          `rand.intn("seed", 10)`,
	"uuid.rfc4122":       `uuid.rfc4122("key")`,
}

// Rules reach neither the network nor this machine, in both languages and by the
// detour over with (GHSA-f524-rf33-2jjr).
func TestForbiddenFunctions(t *testing.T) {
	if len(forbiddenCalls) != len(removed) {
		t.Error("not every removed function is tried")
	}
	for _, name := range removed {
		call := forbiddenCalls[name]
		for kind, text := range map[string]string{
			"v1":   "package main\ndeny contains \"x\" if {\n\tx := " + call + "\n\tx\n}",
			"v0":   "package main\ndeny[msg] {\n\tmsg := " + call + "\n}",
			"with": "package main\nf := is_object(input)\ndeny contains \"x\" if {\n\tf with is_object as " + name + "\n}",
		} {
			_, err := judgeFiles(t, map[string]string{"a.rego": text})
			if err == nil || !strings.HasPrefix(err.Error(), "policy/a.rego:") || kind != "with" && !strings.Contains(err.Error(), "undefined function "+name+", because rules see the plan") {
				t.Errorf("%s in %s gives %v", name, kind, err)
			}
		}
	}
	for _, name := range removed {
		if _, there := ast.BuiltinMap[name]; !there {
			t.Errorf("the library has no %s: remove it from the list", name)
		}
	}
}

// A schema in the metadata of a rule may not bring one in from elsewhere.
func TestMetadataIsNoWayOut(t *testing.T) {
	got, err := judgeFiles(t, map[string]string{"a.rego": `package main

# METADATA
# scope: rule
# schemas:
#   - input: {"$ref": "http://127.0.0.1:1/schema.json"}
deny contains "x"
`})
	if err != nil || len(got.Denied) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whoever takes a new version of the library reads here what it brings.
func TestAllowedFunctions(t *testing.T) {
	const file = "testdata/functions.txt"
	var b strings.Builder
	for _, f := range capabilities().Builtins {
		b.WriteString(f.Name + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("Does one of them reach out or look around? If not, go test ./policy/rego -update (-want +got):\n%s", diff)
	}
}
