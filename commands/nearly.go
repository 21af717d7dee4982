package commands

import (
	"regexp"
	"strings"
	"unicode"
)

// proseWords is how many words of letters alone behind a command may be names of
// projects: more are a sentence about it.
const proseWords = 2

// nearly answers a comment whose first line of text would be a command, were it not
// for what stands in front of it: blank lines, a quotation, something invisible, a
// bullet, marks around it, or a mention of the App. Nothing runs on a guess. Code
// blocks, and whatever else a command stands in, get silence.
func nearly(body, app string, isAvailable func(Spec) bool) Outcome {
	line := bare(firstText(body[:min(len(body), maxComment)]), app)
	if !strings.HasPrefix(line, "/") {
		return Outcome{}
	}
	got := parse(line, app, isAvailable)
	if got.Command == nil || isProse(got.Command.Projects) {
		return Outcome{}
	}
	return Outcome{Reply: "Nothing was done: a command stands at the very beginning of a comment, with nothing in front of it. Write " +
		quote(line) + " in a new comment.\n"}
}

// isProse tells that words are more likely a sentence than names of projects, most of
// which have a dash, a slash or the like.
func isProse(words []string) bool {
	letters := 0
	for _, word := range words {
		if !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) }) {
			letters++
		}
	}
	return letters > proseWords
}

// copied answers a command with something invisible inside of its word, as text that was
// copied has it.
func copied(body, app string, isAvailable func(Spec) bool) Outcome {
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
	if got := parse(clean, app, isAvailable); got.Command == nil {
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
	bullet  = regexp.MustCompile(`^(?:(?:[-*+•‣◦⁃·–—]|\d+[.)])\s+)(?:\[[ xX]\]\s+)?`)
	mention = regexp.MustCompile(`^@([A-Za-z0-9-]+)(?:\[bot\])?[,:]?\s+`)
)

// marks are what people and editors put around a command.
const marks = "`*_~\"'“”„‘’‚«»‹›"

// bare is a line without bullet, mention of the App and marks around it.
func bare(line, app string) string {
	line = bullet.ReplaceAllString(line, "")
	if m := mention.FindStringSubmatch(line); m != nil && isApp(m[1], app) {
		line = line[len(m[0]):]
	}
	line = strings.Trim(line, marks)
	line = strings.TrimFunc(line, unseen)
	if tail, wide := strings.CutPrefix(line, "／"); wide {
		return "/" + tail
	}
	return line
}

// isApp tells that a name is the App's, or one that people give it.
func isApp(name, app string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "lockkeeper") || app != "" && name == strings.ToLower(app)
}
