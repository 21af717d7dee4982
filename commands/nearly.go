package commands

import (
	"regexp"
	"strings"
	"unicode"
)

// proseWords is how many words behind a command may be names of projects: more are
// a sentence about it.
const proseWords = 2

// nearly answers a comment whose first line of text would be a command, were it not
// for what stands in front of it: blank lines, a quotation, something invisible, a
// bullet, marks around it, or a mention of the App. Nothing runs on a guess. Code
// blocks, and whatever else a command stands in, get silence.
func nearly(body string, isAvailable func(Spec) bool) Outcome {
	line := bare(firstText(body[:min(len(body), maxComment)]))
	if !strings.HasPrefix(line, "/") {
		return Outcome{}
	}
	got := parse(line, isAvailable)
	if got.Command == nil || len(got.Command.Projects) > proseWords {
		return Outcome{}
	}
	return Outcome{Reply: "Nothing was done: a command stands at the very beginning of a comment, with nothing in front of it. Write " +
		quote(line) + " in a new comment.\n"}
}

// copied answers a command with something invisible inside of its word, as text that was
// copied has it.
func copied(body string, isAvailable func(Spec) bool) Outcome {
	line, _, _ := strings.Cut(body[:min(len(body), maxComment)], "\n")
	clean := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.TrimSuffix(line, "\r"))
	if clean == line {
		return Outcome{}
	}
	if got := parse(clean, isAvailable); got.Command == nil {
		return Outcome{}
	}
	return Outcome{Reply: "Nothing was done: the command holds something invisible. Write " + quote(clean) + " in a new comment.\n"}
}

// firstText is the first line that is not blank and not a quotation.
func firstText(body string) string {
	for line := range strings.FieldsFuncSeq(body, func(r rune) bool { return r == '\n' || r == '\r' }) {
		text := strings.TrimFunc(line, unseen)
		if text == "" || strings.HasPrefix(text, ">") {
			continue
		}
		if strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "    ") {
			return "" // a code block (CommonMark, "Indented code blocks")
		}
		return text
	}
	return ""
}

// unseen tells blanks of every kind, and characters that only steer others.
func unseen(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

var (
	bullet  = regexp.MustCompile(`^(?:[-*+]|\d+[.)])\s+`)
	mention = regexp.MustCompile(`^@(?i:lockkeeper)[A-Za-z0-9-]*(?:\[bot\])?[,:]?\s+`)
)

// bare is a line without bullet, mention and marks around it.
func bare(line string) string {
	line = bullet.ReplaceAllString(line, "")
	line = mention.ReplaceAllString(line, "")
	line = strings.Trim(line, "`*_\"'“”‘’")
	line = strings.TrimFunc(line, unseen)
	if tail, wide := strings.CutPrefix(line, "／"); wide {
		return "/" + tail
	}
	return line
}
