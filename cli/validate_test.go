package cli

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/project"
)

// A checkout may be of somebody else's branch, whose names went to the terminal as they
// are: an escape sequence steers it, and a line of its own is a command to the log of a
// workflow.
func TestNamesOfACheckoutDoNotSteerATerminal(t *testing.T) {
	const dir = "live/\x1b[2J\n::error::forged"
	var out strings.Builder
	if err := listProjects(&out, project.Config{Projects: []project.Project{{Name: "a", Dir: dir}, {Name: "b", Dir: "größe/東京"}}}); err != nil {
		t.Fatal(err)
	}
	out.WriteString(project.Problems{{File: dir + "/main.tf", Line: 1, Message: "x"}, {File: "lockkeeper.yml", Key: "projects[0].\x1b[2J", Message: "y"}}.Error())
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "\n::error") {
		t.Errorf("it has a name as it is: %q", out.String())
	}
	for _, name := range []string{`"live/\x1b[2J\n::error::forged"`, "größe/東京"} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("it does not name %s:\n%s", name, out.String())
		}
	}
}
