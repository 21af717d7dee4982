package report

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-github/v60/github"

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

// annotations are marks as GitHub takes them, as text: it renders no Markdown in them.
func (c Check) annotations() []*github.CheckRunAnnotation {
	var out []*github.CheckRunAnnotation
	for _, m := range c.Marks {
		title, message := markTitle(m.Title), markdown.Clean(m.Message)
		if strings.TrimSpace(message) == "" {
			message = title
		}
		if strings.TrimSpace(message) == "" {
			message = "There is an error here."
		}
		a := &github.CheckRunAnnotation{
			Path: github.String(m.Path), StartLine: github.Int(m.Line), EndLine: github.Int(m.Line), AnnotationLevel: github.String("failure"),
			Message: github.String(message),
		}
		if title != "" {
			a.Title = github.String(title)
		}
		out = append(out, a)
	}
	return out
}

func markTitle(s string) string {
	return markdown.Limit(strings.Join(strings.Fields(markdown.Clean(s)), " "), 200)
}

// marksDigest tells one list of marks from another; empty for none.
func (c Check) marksDigest() string {
	if len(c.Marks) == 0 {
		return ""
	}
	return digest(fmt.Sprintf("%q", fmt.Sprint(c.Marks)))
}

// withMarks is how Posted keeps what was posted: the digest of the content and of the
// marks that came with it. GitHub only ever adds annotations to a check run, so the same
// ones must not be sent twice, and others need another check run.
func withMarks(content, marks string) string {
	if marks == "" {
		return content
	}
	return content + "/" + marks
}

func marksOf(posted string) string {
	_, marks, _ := strings.Cut(posted, "/")
	return marks
}

// markCheck brings a check run up to date and adds its annotations.
func (d delivery) markCheck(ctx context.Context, id int64, c Check) error {
	options := c.update()
	options.Output.Annotations = c.annotations()
	return d.sendUpdate(ctx, id, c, options)
}
