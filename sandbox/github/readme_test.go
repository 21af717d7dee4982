package github

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEachFactOfTheReadmeHasItsTest keeps the table of README.md true.
func TestEachFactOfTheReadmeHasItsTest(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	must(t, err)
	files, err := filepath.Glob("*_test.go")
	must(t, err)
	var tests strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(t, err)
		tests.Write(text)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(readme), -1)
	if len(named) < 30 {
		t.Errorf("README.md names %d tests", len(named))
	}
	for _, name := range named {
		if !strings.Contains(tests.String(), "func "+name[1]+"(") {
			t.Errorf("README.md names %s, which does not exist", name[1])
		}
	}
}
