package page

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// diffLine is one line of a changed file; Old and New are line numbers, 0 where
// the line does not exist.
type diffLine struct {
	Class    string // "added", "removed", "hunk" or ""
	Old, New int
	Text     string
	Notes    []note // of checks, that end at this line
}

var hunkHeader = regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@`)

// diffLines numbers the lines of a unified diff that starts at its first hunk,
// as GitHub's "patch" does.
func diffLines(patch string) []diffLine {
	var lines []diffLine
	oldLine, newLine := 0, 0
	for text := range strings.SplitSeq(strings.TrimSuffix(patch, "\n"), "\n") {
		line := diffLine{Text: text}
		switch {
		case hunkHeader.MatchString(text):
			header := hunkHeader.FindStringSubmatch(text)
			oldLine, _ = strconv.Atoi(header[1])
			newLine, _ = strconv.Atoi(header[2])
			line.Class = "hunk"
		case strings.HasPrefix(text, "+"):
			line.Class, line.New = "added", newLine
			newLine++
		case strings.HasPrefix(text, "-"):
			line.Class, line.Old = "removed", oldLine
			oldLine++
		case strings.HasPrefix(text, " "):
			line.Old, line.New = oldLine, newLine
			oldLine++
			newLine++
		case text == "":
			continue // an empty patch
		}
		lines = append(lines, line)
	}
	return lines
}

// annotated puts the annotations of checks behind the lines that they end at.
func annotated(lines []diffLine, path string, checks []github.CheckView) []diffLine {
	for _, check := range checks {
		for _, n := range notes(check) {
			for i := range lines {
				if n.Path == path && n.Line > 0 && lines[i].New == n.Line {
					lines[i].Notes = append(lines[i].Notes, n)
				}
			}
		}
	}
	return lines
}
