package report

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// Refusal is the reply to a person whose run was refused or failed before it
// had jobs. A list of everything that is missing is shown as far as it fits.
func Refusal(r run.Run) string {
	said := mentions(r) + "**Not done.** "
	if r.Line != "" {
		said = mentions(r) + "**Not done**: " + nameCode(r.Line) + "\n\n"
	}
	if r.Problem == nil {
		return said + "The command could not be carried out. Comment it again.\n"
	}
	shown, left := firstLines(strings.TrimRight(r.Problem.Message, "\n"), shownRefusal)
	text := said + markdown.Rich(shown) + "\n"
	if left > 0 {
		text += "\n" + counted(left, "more line is", "more lines are") + " left out for size.\n"
	}
	return text + output(r.Problem.Detail, failureBudget)
}

// shownRefusal is how many bytes of a refusal are shown: the verdict about 200
// projects is long.
const shownRefusal = 20_000

// NotMerged is the reply that a pull request was not merged for GitHub's reason,
// although everything is applied.
func NotMerged(reason string) string {
	return "Everything is applied, but GitHub did not merge " +
		"this pull request: " + markdown.Quote(reason) + ". Merge it by hand when that is fixed; Lockkeeper does not try again."
}

// Clip shortens a reply that another part wrote to what a comment has room for,
// between two lines, and closes the fence that it may have cut.
func Clip(body string) string {
	shown, left := firstLines(strings.TrimRight(body, "\n"), commentBudget)
	if left == 0 {
		return shown + "\n"
	}
	if strings.Count(shown, "\n```")%2 == 1 {
		shown += "\n```"
	}
	return fmt.Sprintf("%s\n\n%s left out for size.\n", shown, counted(left, "more line is", "more lines are"))
}
