package worker_test

import (
	"os"
	"strings"
	"testing"
)

// What people search the log for is what the document says.
func TestTheMessagesOfTheLogAreDocumented(t *testing.T) {
	code, err := os.ReadFile("log.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"run accepted", "run joined", "run started", "job started", "job ended", "plan file read otherwise than by terraform show", "run ended"} {
		if !strings.Contains(string(code), `Msg("`+what+`")`) || !strings.Contains(string(doc), "| `"+what+"` |") {
			t.Errorf("%q is not in both the code and the document", what)
		}
	}
	for part := range strings.SplitSeq(string(code), `Str`) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(part, "s("), "("), `", `); ok && strings.HasPrefix(name, `"`) {
			if !strings.Contains(string(doc), "`"+name[1:]+"`") {
				t.Errorf("the field %s is not documented", name)
			}
		}
	}
}
