package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// How much of a name is shown. GitHub allows 244 bytes for a branch; addresses
// grow with the keys of for_each.
const (
	shownName    = 80
	shownAddress = 240
)

func name(s string) string     { return markdown.Text(markdown.Limit(s, shownName)) }
func nameCode(s string) string { return markdown.Code(markdown.Limit(s, shownName)) }
func address(s string) string  { return markdown.Code(markdown.Limit(s, shownAddress)) }

// short is the start of a commit, as git and GitHub write it.
func short(sha string) string { return markdown.Code(sha[:min(7, len(sha))]) }

// many writes "1 project", "2 projects", "1,200 projects".
func many(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + one + "s"
}

// number writes n with commas between thousands.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// part is one kind of change in words.
type part struct {
	n    int
	text string
}

// parts lists what is counted, in the order that readers know from Terraform.
func parts(c run.Counts) []part {
	return []part{
		{c.Add, "to add"}, {c.Change, "to change"}, {c.Replace, "to replace"}, {c.Destroy, "to destroy"},
		{c.Import, "to import"}, {c.Forget, "to forget"}, {c.Move, "to move"}, {c.Outputs, plural(c.Outputs, "output", "outputs") + " to change"},
	}
}

// done is the same once it is applied.
func done(c run.Counts) []part {
	return []part{
		{c.Add, "added"}, {c.Change, "changed"}, {c.Replace, "replaced"}, {c.Destroy, "destroyed"},
		{c.Import, "imported"}, {c.Forget, "forgotten"}, {c.Move, "moved"}, {c.Outputs, plural(c.Outputs, "output", "outputs") + " changed"},
	}
}

// worstFirst is parts with what is lost in front.
func worstFirst(c run.Counts) []part {
	p := parts(c)
	return append([]part{p[3], p[2], p[1], p[0]}, p[4:]...)
}

// countWords writes "4 to add, 1 to destroy, 2 outputs to change"; empty for no change.
func countWords(list []part) string { return strings.Join(numbered(list), ", ") }

// numbered writes the parts that are there, each with its number.
func numbered(list []part) []string {
	var out []string
	for _, p := range list {
		if p.n > 0 {
			out = append(out, number(p.n)+" "+p.text)
		}
	}
	return out
}

// plural chooses between two words.
func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// counted writes "1 diff is", "2 diffs are".
func counted(n int, one, more string) string { return number(n) + " " + plural(n, one, more) }

// ordinal writes 1st, 2nd, 3rd, 11th.
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return number(n) + suffix
}

// sentence joins words as a person does: "a, b and c".
func sentence(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return fmt.Sprintf("%s and %s", strings.Join(list[:len(list)-1], ", "), list[len(list)-1])
}
