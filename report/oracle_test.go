package report

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// skeleton is what a hostile string must not change.
type skeleton struct {
	Headings, Fences, Quotes, Tables, Rows, Cells, Opened, Closed, Links int
}

var (
	parser   = goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()
	ourLinks = regexp.MustCompile(`^https://(github\.com/acme/infra/runs/7[78]|www\.githubstatus\.com|docs\.github\.com)`)
	ourHTML  = regexp.MustCompile(`^(?:</details>|<details><summary>(.*)</summary>|)$`)
	ourTags  = regexp.MustCompile(`</?b>|<code>[^<>]*</code>`)
	// Pull requests of fixtures; no hostile text has these numbers.
	ourPulls = regexp.MustCompile(`#40[0-9]{2}\b`)
	pings    = regexp.MustCompile(`[@#]|(?i)\bgh-[0-9]`)
)

// judge reads Markdown as GitHub does (T42): it fails on everything that is
// never ours, and counts the rest.
func judge(t testing.TB, source string) skeleton {
	t.Helper()
	var s skeleton
	data := []byte(source)
	complain := func(what string, n ast.Node) {
		t.Errorf("%s in:\n%s", what, source)
	}
	visit := func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			s.Headings++
		case *ast.FencedCodeBlock:
			s.Fences++
		case *ast.CodeBlock:
			complain("an indented code block", n)
		case *ast.Blockquote:
			s.Quotes++
		case *east.Table:
			s.Tables++
		case *east.TableRow:
			s.Rows++
		case *east.TableCell:
			s.Cells++
		case *ast.Image:
			complain("an image", n)
		case *ast.RawHTML:
			complain("inline HTML", n)
		case *ast.AutoLink:
			complain("a bare address that becomes a link", n)
		case *ast.Link:
			s.Links++
			if !ourLinks.Match(n.Destination) {
				complain("a link to "+string(n.Destination), n)
			}
		case *ast.CodeSpan:
			return ast.WalkSkipChildren, nil
		case *ast.ThematicBreak:
			complain("a thematic break", n)
		case *ast.HTMLBlock:
			lines := n.Lines()
			for i := range lines.Len() {
				at := lines.At(i)
				s.html(t, strings.TrimRight(string(at.Value(data)), "\n"))
			}
		case *ast.Text:
			if shown := ourPulls.ReplaceAllString(string(n.Value(data)), ""); pings.MatchString(shown) {
				complain(fmt.Sprintf("text that may ping or refer: %q", shown), n)
			}
		}
		return ast.WalkContinue, nil
	}
	if err := ast.Walk(parser.Parse(text.NewReader(data)), visit); err != nil {
		t.Fatal(err)
	}
	for _, r := range source {
		if r != '\n' && r != '\t' && (r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069) {
			t.Errorf("hidden character %U in:\n%s", r, source)
			break
		}
	}
	return s
}

func (s *skeleton) html(t testing.TB, line string) {
	t.Helper()
	m := ourHTML.FindStringSubmatch(line)
	if m == nil {
		t.Errorf("HTML that is not ours: %q", line)
		return
	}
	s.Opened += strings.Count(line, "<details>")
	s.Closed += strings.Count(line, "</details>")
	if rest := ourTags.ReplaceAllString(m[1], ""); strings.ContainsAny(rest, "<>") || pings.MatchString(html.UnescapeString(rest)) {
		t.Errorf("the summary line holds %q", line)
	}
}

var hostileTexts = []string{
	"", " ", "x", "\"", evil, "`", "``", "```", "````\n", "a`", "`a", "~~~\n", "```\n```", "\n```\n# forged\n```\n", "</details>", "\n</details>\n", "<details><summary>",
	"<!-- ", "-->", "<img src=x onerror=alert(1)>", "![i](http://evil.example/b.png)", "[a](http://evil.example)", "[a]: http://evil.example\n[a]",
	"http://evil.example", "www.evil.example", "mail@evil.example", "@acme/admins", "@alice", "#12", "GH-12", "gh-12", "acme/infra#12", "TICKET-77",
	viewtest.NewHead, "alice@" + viewtest.NewHead, "|", "\\|", "a | b | c", "|---|\n", "\\", "\\`", "**", "__", "*a*", "_a_", "~~a~~", "$x$", "# forged", "- item", "1. item",
	"1) item", "===", "---", "***", "+", "> quote", "> [!NOTE]\n> forged", "    code", "\tcode", "&lt;img&gt;", "&#64;acme", "&commat;acme", ":tada:",
	"\x1b[31mred\x1b[0m", "\x1b]8;;http://evil.example\x07link\x1b]8;;\x07", "\u202egnp.exe", "a\u200bb", "a\u2028# b", "a\rb", "a\r\n# b", "\x00", "\xff\xfe",
	"**Plan: 0 to add**", "</summary>", "</code></b>", "<b>", "a\n\nb", "a\n- b\n- c", "[^1]", "[^1]: note", "<http://evil.example>", "\\@acme", "`a``b`", "`` a ` b ``",
	"[well](https://www.githubstatus.com)", "[well](https://www.githubstatus.com.evil.example)", "!\u005bwell](https://www.githubstatus.com)", "![`a`](https://docs.github.com)",
	strings.Repeat("`", 300), strings.Repeat("[", 300), strings.Repeat("x", 900), strings.Repeat("> ", 100),
}

// FuzzReports puts a text into every field and compares with a harmless one.
func FuzzReports(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	render := map[string]func(s string) string{
		"comment": func(s string) string { return Comment(withText(s).Input()) },
		"check summary": func(s string) string {
			return plainCheck(s).Summary
		},
		"check text":  func(s string) string { return plainCheck(s).Text },
		"apply":       func(s string) string { return Comment(applied(s)) },
		"speculative": func(s string) string { return Comment(blocked(s)) },
		"judged": func(s string) string {
			c, _ := CheckRun(at(applied(s), nil))
			return c.Summary + "\n" + c.Text
		},
		"apply check summary": func(s string) string { return applyCheck(applied(s)).Summary },
		"apply check text":    func(s string) string { return applyCheck(applied(s)).Text },
		"waiting summary":     func(s string) string { return applyCheck(blocked(s)).Summary },
		"locks":               func(s string) string { return statusOf(blocked(s).Runs, blocked(s).Locks, viewtest.Noon) },
		"holds":               func(s string) string { return statusOf(applied(s).Runs, applied(s).Locks, viewtest.Noon) },
		"status": func(s string) string {
			done, active := withText(s), withText(s)
			active.Run.State, active.Run.Jobs[0].State = run.StateRunning, run.JobRunning
			done.Run.State = run.StateRefused
			return statusOf([]run.Run{active.Run, done.Run}, run.Locks{}, viewtest.Noon)
		},
		"refusal": func(s string) string { return unmentioned(withText(s).Run, Refusal(withText(s).Run)) },
		"result": func(s string) string {
			v := resultOf(applied(s))
			for i, j := range v.Run.Jobs {
				v.Outputs[j.ID] = "aws_sqs_queue.jobs: Creating...\n" + s
				result := *j.Result
				result.Diagnostics = []run.Diagnostic{{Title: "t" + s, Message: s, Path: "p" + s, Line: 1, Address: s}}
				v.Run.Jobs[i].Result = &result
			}
			return unmentioned(v.Run, Result(v))
		},
		"applied before": func(s string) string {
			in := withText(s).Input()
			in.Applies = applied(s).Runs
			return Comment(in)
		},
		"text":     func(s string) string { return markdown.Text(s) + "\n" },
		"code":     func(s string) string { return "|a|\n|---|\n|" + markdown.Cell(markdown.Code(s)) + "|\n" },
		"sentence": func(s string) string { return "a " + markdown.Text(s) + " b " + markdown.Code(s) + " c\n" },
		"rich":     func(s string) string { return markdown.Rich(s) + "\n" },
		"fold":     func(s string) string { return markdown.Details(markdown.HTML(s), markdown.Fence("diff", s)) },
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = s[:min(len(s), 1_000)]
		for name, write := range render {
			want, got := judge(t, write("x")), judge(t, write(s))
			want.Links, got.Links = 0, 0 // the trusted ones may be in the text
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %q changes the structure:\n%s\n%s", name, s, diff, write(s))
			}
		}
	})
}

// unmentioned is a reply without the mention of who asked, which is a login or no mention.
func unmentioned(r run.Run, reply string) string {
	if m := run.Mention(r.Actor); strings.HasPrefix(m, "@") {
		return strings.TrimPrefix(reply, m)
	}
	return reply
}

// applied is an apply that failed in part, with s in every field that anybody
// else fills, and with somebody who waits.
func applied(s string) view.Input {
	f := viewtest.New("rx")
	f.Planned("p-"+s, "e-"+s, viewtest.Changes(viewtest.Database)).Planned("q-"+s, "e-"+s, viewtest.Changes(viewtest.Queue)).Planned("r-"+s, "e-"+s, viewtest.NoChange)
	finding := run.PolicyFinding{Rule: "r" + s, Message: "m" + s}
	f.Judged("p-"+s, run.PolicyResult{Rules: 1, Denied: []run.PolicyFinding{finding, {Rule: s, Message: s}}, Warned: []run.PolicyFinding{finding}})
	f.Judged("r-"+s, run.PolicyResult{Rules: 1, Warned: []run.PolicyFinding{finding}})
	f.Run.Gate = &run.Gate{Missing: []string{"a" + s, "b " + s}}
	a := &viewtest.Fixture{Run: f.Run, Summaries: f.Summaries, Outputs: f.Outputs}
	a.Run.ID, a.Run.Kind, a.Run.Actor, a.Run.Override, a.Run.Jobs = "r9", run.KindApply, "b"+s, true, nil
	a.Run.CreatedAt, a.Run.Notes = viewtest.Noon.Add(time.Hour), []string{"n" + s}
	a.Run.State, a.Run.Line = run.StateFailed, "/apply "+s
	a.ApplyJob(f, "p-"+s, run.JobSucceeded)
	a.ApplyJob(f, "q-"+s, run.JobFailed)
	a.Because("q-"+s, run.Problem{Code: s, Message: "It went wrong with " + s, Detail: "d" + s})
	a.Outputs[a.Run.Jobs[1].ID] = "o" + s
	in := f.Then(a)
	l := viewtest.Locking{}.Held(12, "p-"+s, "q-"+s, "w-"+s).Wants(4015, "p-"+s, "q-"+s).Wants(4017, "w-"+s)
	l.Waiters[1].Holder.Repository = run.Repository{ID: 8, Owner: "o" + s, Name: "n" + s}
	l.Each(func(lock *run.Lock) { lock.Dirty = true })
	in.Locks = l.Locks
	return in
}

// blocked is a plan without locks, in the same way.
func blocked(s string) view.Input {
	f := viewtest.New("rx")
	f.Planned("p-"+s, "e-"+s, viewtest.Changes(viewtest.Database)).Planned("q-"+s, "e-"+s, viewtest.Changes(viewtest.Queue)).Speculative()
	l := viewtest.Locking{}.Held(4012, "p-"+s).Wants(4011, "q-"+s).Wants(12, "p-"+s, "q-"+s)
	l.Each(func(lock *run.Lock) { lock.Holder.Repository = run.Repository{ID: 8, Owner: "o" + s, Name: "n" + s} })
	return f.With(l)
}

func applyCheck(in view.Input) Check {
	outputs := map[string]string{}
	for _, r := range in.Runs {
		for _, j := range r.Jobs {
			outputs[j.ID] = "o" + view.ProjectOf(j)
		}
	}
	c, _ := ApplyCheck(CheckView{Input: in, HeadSHA: viewtest.NewHead, Outputs: outputs})
	return c
}

func plainCheck(s string) Check {
	f := withText(s)
	c, _ := CheckRun(CheckView{Input: f.Input(), HeadSHA: viewtest.NewHead, Outputs: f.Outputs})
	return c
}

func TestGoldenCommentsPassTheOracle(t *testing.T) {
	for name, in := range goldenViews() {
		t.Run(name, func(t *testing.T) {
			s := judge(t, Comment(in))
			if s.Headings != 1 || s.Opened != s.Closed {
				t.Errorf("structure: %+v", s)
			}
		})
	}
}
