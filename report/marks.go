package report

import (
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// mostMarks is how many annotations GitHub takes with one request ("Create a check run").
const mostMarks = 50

// marked are errors that point to a line of a file of the commit: mistakes of its
// lockkeeper.yml, then what Terraform said of failed jobs. Several projects that share a
// module have the same ones.
func marked(mistakes []run.Diagnostic, jobs []run.Job) (out []run.Diagnostic) {
	seen := map[run.Diagnostic]bool{}
	add := func(list []run.Diagnostic) {
		for _, d := range list {
			d.Address = ""
			if d.Path != "" && d.Line > 0 && !seen[d] && len(out) < mostMarks {
				seen[d] = true
				out = append(out, d)
			}
		}
	}
	add(mistakes)
	for _, j := range jobs {
		if j.State == run.JobFailed && j.Result != nil {
			add(j.Result.Diagnostics)
		}
	}
	return out
}

// Annotation is a mark as text: nobody renders Markdown in it.
type Annotation struct {
	Path           string
	Line           int
	Title, Message string // Title may be empty
}

// Annotations are the marks of a check run.
func (c Check) Annotations() []Annotation {
	var out []Annotation
	for _, m := range c.Marks {
		title, message := markTitle(m.Title), markdown.Clean(m.Message)
		if strings.TrimSpace(message) == "" {
			message = title
		}
		if strings.TrimSpace(message) == "" {
			message = "There is an error here."
		}
		out = append(out, Annotation{Path: m.Path, Line: m.Line, Title: title, Message: message})
	}
	return out
}

func markTitle(s string) string {
	return markdown.Limit(strings.Join(strings.Fields(markdown.Clean(s)), " "), 200)
}
