package deploy

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "renew the copy of job.asl.json in template.yaml")

// Around the copy of the state machine in the template.
const (
	copyBegins = "      DefinitionString: |\n"
	copyEnds   = "      # End of the copy.\n"
)

func TestTheTemplateHoldsTheStateMachine(t *testing.T) {
	before, rest, ok := strings.Cut(template, copyBegins)
	_, after, ok2 := strings.Cut(rest, copyEnds)
	if !ok || !ok2 {
		t.Fatalf("template.yaml lacks %q or %q", copyBegins, copyEnds)
	}
	want := before + copyBegins + "        " + dense(t, stateMachine) + copyEnds + after
	if want == template {
		return
	}
	if !*update {
		t.Fatal("template.yaml does not hold job.asl.json: run `make update`")
	}
	if err := os.WriteFile("template.yaml", []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// dense is a state machine as one line without comments: a template has a limit of size.
func dense(t *testing.T, definition string) string {
	var all any
	if err := json.Unmarshal([]byte(definition), &all); err != nil {
		t.Fatal(err)
	}
	withoutComments(all)
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func withoutComments(value any) {
	switch value := value.(type) {
	case map[string]any:
		delete(value, "Comment")
		for _, v := range value {
			withoutComments(v)
		}
	case []any:
		for _, v := range value {
			withoutComments(v)
		}
	}
}

// Above this size CloudFormation takes a template only from a bucket.
func TestTheTemplateIsSmallEnoughToBeSentAsItIs(t *testing.T) {
	if len(template) > 51200 {
		t.Errorf("template.yaml has %d bytes, want at most 51200", len(template))
	}
}
