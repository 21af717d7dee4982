package e2e

import (
	"go/scanner"
	"go/token"
	"io/fs"
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

// What people read is in the words of the field: the texts in the program, what golden
// files have of comments, checks, replies and commands, and the documents. Decisions of
// the past are left as they were written.
func TestWordsPeopleReadAreOfTheField(t *testing.T) {
	read := 0
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if name == "../docs/adr" || d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != ".." {
				return fs.SkipDir
			}
			return err
		}
		inTestdata := strings.Contains(name, "/testdata/") && !strings.Contains(name, "/fuzz/") && !strings.Contains(name, "/rapid/")
		isProgram := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if info, err := d.Info(); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 || !inTestdata && !isProgram && !strings.HasSuffix(name, ".md") {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		read++
		text := string(content)
		if isProgram {
			text = literals(content)
		}
		for i, line := range strings.Split(text, "\n") {
			for _, word := range unusual {
				if found := word.is.FindString(line); found != "" {
					t.Errorf("%s, line %d of its text, says %q: say %q\n%.200s", strings.TrimPrefix(name, "../"), i+1, found, word.say, line)
				}
			}
		}
		return nil
	})
	if err != nil || read < 800 {
		t.Errorf("%d files were read: %v", read, err)
	}
}

// literals are the texts in a Go file, each on lines of its own.
func literals(content []byte) string {
	var s scanner.Scanner
	files := token.NewFileSet()
	s.Init(files.AddFile("", files.Base(), len(content)), content, nil, 0)
	var b strings.Builder
	for {
		_, kind, text := s.Scan()
		switch kind {
		case token.EOF:
			return b.String()
		case token.STRING:
			b.WriteString(text + "\n")
		}
	}
}
