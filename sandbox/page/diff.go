package page

import (
	"regexp"
	"strconv"
	"strings"
)

// diffLine is one line of a changed file; Old and New are line numbers, 0 where
// the line does not exist.
type diffLine struct {
	Class    string // "added", "removed", "hunk" or ""
	Old, New int
	Text     string
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
