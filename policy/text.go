package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
)

// listed is how many things a sentence names before "and 3 more".
const listed = 5

// quote makes untrusted text a Markdown code span.
func quote(text string) string { return markdown.Quote(text) }

// quoteAll lists untrusted texts in one sentence.
func quoteAll(texts []string) string { return quoteSome(texts, listed) }

func quoteSome(texts []string, most int) string {
	quoted := make([]string, 0, most)
	for _, t := range texts[:min(len(texts), most)] {
		quoted = append(quoted, quote(t))
	}
	return andMore(quoted, len(texts))
}

// andMore joins what is shown of n things.
func andMore(shown []string, n int) string {
	switch rest := n - len(shown); {
	case rest > 0:
		return strings.Join(shown, ", ") + fmt.Sprintf(" and %d more", rest)
	case len(shown) < 2:
		return strings.Join(shown, "")
	default:
		return strings.Join(shown[:len(shown)-1], ", ") + " and " + shown[len(shown)-1]
	}
}

// sha is a commit as people see it.
func sha(commit string) string {
	const short = 7
	if len(commit) > short {
		commit = commit[:short]
	}
	return quote(commit)
}

// count is "1 commit" or "3 commits".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// period is a duration as people say it: 7 days, 36h, 1h30m.
func period(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return count(int(d/day), "day")
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
