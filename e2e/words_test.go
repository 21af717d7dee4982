package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// unusual are words that people who work with GitHub and Terraform would stumble at,
// each with what the field says.
var unusual = []struct {
	is  *regexp.Regexp
	say string
}{
	{regexp.MustCompile(`(?i)\bmend(s|ed|ing)?\b`), "fix"},
	{regexp.MustCompile(`(?i)whoever runs`), "your Lockkeeper administrator"},
	{regexp.MustCompile(`\bits operator|server's operator`), "your Lockkeeper administrator"},
	{regexp.MustCompile(`(?i)\banew\b`), "again"},
	{regexp.MustCompile(`(?i)took its place`), "superseded by"},
	{regexp.MustCompile(`(?i)getting ready`), "preparing"},
	{regexp.MustCompile(`\d(st|nd|rd|th) in line|\b(waits?|is|are) in line\b|place in line`), "in the queue"},
	{regexp.MustCompile(`(?i)ended from outside`), "was killed"},
	{regexp.MustCompile(`(?i)(did not end|ended) in order`), "exited cleanly"},
	{regexp.MustCompile(`(?i)is not there any more`), "no longer exists"},
	{regexp.MustCompile(`(?i)names nobody; name`), "is empty: list"},
	{regexp.MustCompile(`(?i)could not carry out`), "could not run"},
}

// What people read is in the words of the field: comments, checks and replies as the
// golden files have them, what commands print, and the documents. Decisions of the past
// are left as they were written.
func TestWordsPeopleReadAreOfTheField(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../*/testdata/*", "../*/*/testdata/*", "../e2e/testdata/script/*", "../docs/*.md", "../*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	read := 0
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		read++
		for i, line := range strings.Split(string(content), "\n") {
			for _, word := range unusual {
				if found := word.is.FindString(line); found != "" {
					t.Errorf("%s:%d says %q: say %q", strings.TrimPrefix(name, "../"), i+1, found, word.say)
				}
			}
		}
	}
	if read < 150 {
		t.Errorf("%d files were read: the golden files are somewhere else now", read)
	}
}
