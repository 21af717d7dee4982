package github

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/report"
)

// annotationsOf are marks as GitHub takes them.
func annotationsOf(c report.Check) []*github.CheckRunAnnotation {
	var out []*github.CheckRunAnnotation
	for _, m := range c.Annotations() {
		a := &github.CheckRunAnnotation{
			Path: github.String(m.Path), StartLine: github.Int(m.Line), EndLine: github.Int(m.Line), AnnotationLevel: github.String("failure"),
			Message: github.String(m.Message),
		}
		if m.Title != "" {
			a.Title = github.String(m.Title)
		}
		out = append(out, a)
	}
	return out
}

// marksDigest tells one list of marks from another; empty for none.
func marksDigest(c report.Check) string {
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
func (d delivery) markCheck(ctx context.Context, id int64, c report.Check) error {
	options := updateOf(c)
	options.Output.Annotations = annotationsOf(c)
	return d.sendUpdate(ctx, id, c, options)
}
