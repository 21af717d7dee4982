package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// shownMissing is how many files are named that an apply would miss.
const shownMissing = 10

// files say which files planning made, by project, in at most budget bytes: those that
// the apply gets, and those for want of which nothing is applied. rest says where others can be read.
func files(groups []view.Group, budget int, rest string) string {
	const reserve = 200
	var out []string
	size, left := 0, 0
	for _, g := range groups {
		for _, text := range []string{missing(g), travelling(g)} {
			switch {
			case text == "":
			case size+len(text) > budget-reserve:
				left += len(g.Projects)
			default:
				size += len(text) + 1
				out = append(out, text)
			}
		}
	}
	if left > 0 {
		out = append(out, fmt.Sprintf("Planning made files for **%s**%s.\n", many(left, "more project"), rest))
	}
	return paragraphs(out...)
}

// travelling names the files that an apply of each plan of the group gets.
func travelling(g view.Group) string {
	made := view.MadeOf(g.Projects[0].Plan)
	if made == nil || made.Files+made.Executable == 0 {
		return ""
	}
	text := fmt.Sprintf("**Made while planning** for **%s**, and taken along to the apply: ", namesOf(g, name))
	if made.Files == 0 {
		return text + executables(made) + ".\n"
	}
	text += fmt.Sprintf("%s, %s together", firstOf(made.Names, made.Files), bytesOf(made.Bytes))
	if made.Executable > 0 {
		text += "; " + executables(made)
	}
	return text + ".\n"
}

// executables names files of the commit that are executable in the apply alone.
func executables(made *run.Made) string {
	return "the executable bit of " + firstOf(made.Executables, made.Executable)
}

// firstOf names so many files, of which the first are known by name.
func firstOf(names []string, count int) string {
	var out []string
	for _, n := range names {
		out = append(out, nameCode(n))
	}
	if more := count - len(out); more > 0 {
		out = append(out, number(more)+" more")
	}
	return sentence(out)
}

// missing names the files that an apply would miss.
func missing(g view.Group) string {
	made := view.MadeOf(g.Projects[0].Plan)
	if !made.Lacks() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** cannot be applied. The apply would miss %s that planning made or changed:\n\n", namesOf(g, name), many(made.Missed, "file"))
	for i, f := range made.Missing {
		if i == shownMissing {
			break
		}
		fmt.Fprintf(&b, "- %s (%s)\n", nameCode(f.Name), f.Why.Words())
	}
	if more := made.Missed - min(len(made.Missing), shownMissing); more > 0 {
		fmt.Fprintf(&b, "- and %s more\n", number(more))
	}
	b.WriteString("\nHave programs make new files of at most 64 MiB together, and in `$TMPDIR` what only the plan needs, and push.\n")
	return b.String()
}

// madeDigest is what the files that travel are bound to, for the details of a plan.
func madeDigest(g view.Group) string {
	made, there := g.Projects[0].Plan.Artifact(run.ArtifactMade)
	if !there || travelling(g) == "" {
		return ""
	}
	return "SHA-256 of the files made while planning: " + markdown.Code(made.SHA256) + "\n"
}

// bytesOf writes a size for people.
func bytesOf(n int64) string {
	switch {
	case n < 1<<10:
		return many(int(n), "byte")
	case n < 1<<20:
		return fmt.Sprintf("%.3g KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.3g MiB", float64(n)/(1<<20))
}
