package deploy

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "renew the copy of job.asl.json in engine.yaml")

// Around the copy of the state machine in the template.
const (
	copyBegins = "      DefinitionString: |\n"
	copyEnds   = "      # End of the copy.\n"
)

func TestTheTemplateHoldsTheStateMachine(t *testing.T) {
	before, rest, ok := strings.Cut(engine, copyBegins)
	_, after, ok2 := strings.Cut(rest, copyEnds)
	if !ok || !ok2 {
		t.Fatalf("engine.yaml lacks %q or %q", copyBegins, copyEnds)
	}
	want := before + copyBegins + "        " + dense(t, stateMachine) + copyEnds + after
	if want == engine {
		return
	}
	if !*update {
		t.Fatal("engine.yaml does not hold job.asl.json: run `make update`")
	}
	if err := os.WriteFile("engine.yaml", []byte(want), 0o644); err != nil {
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

// Above 51,200 bytes CloudFormation takes a template only from a bucket (AWS
// CloudFormation user guide, "Quotas").
func TestTheTemplateIsSmallEnoughToBeSentAsItIs(t *testing.T) {
	for name, template := range map[string]string{"base.yaml": base, "engine.yaml": engine, "environment.yaml": environment} {
		if len(template) > 40_000 {
			t.Errorf("%s has %d bytes of 51,200, and there was to be room", name, len(template))
		}
	}
}

// What a stack takes of the parameters of all is what its template declares.
func TestAStackTakesTheParametersOfItsTemplate(t *testing.T) {
	for _, s := range Stacks("lk", "dev") {
		declared := parsedOne(t, s.Template).Parameters
		for name := range parsed(t).Parameters {
			if _, has := declared[name]; has != s.Takes(name) {
				t.Errorf("%s takes %s: %v", s.Name, name, s.Takes(name))
			}
		}
		for name := range s.Parameters {
			if _, has := declared[name]; !has {
				t.Errorf("%s has no parameter %s", s.Name, name)
			}
		}
	}
}

// A tag may mean another image tomorrow, or none.
func TestJobsAreOfAnImageByDigest(t *testing.T) {
	pattern := regexp.MustCompile("^(?:" + fmt.Sprint(at(parsed(t).Parameters["ImageUri"], "AllowedPattern")) + ")$")
	for image, want := range map[string]bool{
		image + "@sha256:" + strings.Repeat("0", 64): true, image + ":latest": false, image: false, image + "@sha256:0": false,
	} {
		if got := pattern.MatchString(image); got != want {
			t.Errorf("%s is taken: %v", image, got)
		}
	}
}

// A file for all stacks sets parameters by their names, so a name means one thing.
func TestAParameterOfSeveralTemplatesMeansTheSame(t *testing.T) {
	known := map[string]map[string]any{}
	for _, template := range []string{base, engine, environment} {
		for name, p := range parsedOne(t, template).Parameters {
			first, twice := known[name]
			if twice && (p["Default"] != nil && first["Default"] != nil && p["Default"] != first["Default"] || fmt.Sprint(p["AllowedPattern"], p["AllowedValues"]) != fmt.Sprint(first["AllowedPattern"], first["AllowedValues"])) {
				t.Errorf("%s is %v, and %v", name, first, p)
			}
			known[name] = p
		}
	}
}
