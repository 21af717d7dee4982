package commands

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// T42: a person's own words come back only as literal code.
func TestQuoteIsSafe(t *testing.T) {
	for give, want := range map[string]string{
		"-lock":                   "`-lock`",
		"a`b``c":                  "`abc`",
		"@octocat":                "`octocat`",
		"a\r\nb\x00\x1b[31m":      "`ab[31m`",
		"naïve\u202e":             "`naïve`",
		"":                        "that word",
		"`@\n":                    "that word",
		" x ":                     "`x`",
		strings.Repeat("y", 5000): "`" + strings.Repeat("y", 60) + "`",
	} {
		if got := quote(give); got != want {
			t.Errorf("quote(%q) = %q, want %q", give, got, want)
		}
	}
}

// checkSafeMarkdown renders a reply as GitHub would and fails when anything in
// it links, loads, mentions or is HTML.
func checkSafeMarkdown(t *testing.T, reply string) {
	t.Helper()
	source := []byte(reply)
	doc := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link, *ast.Image, *ast.AutoLink, *ast.RawHTML, *ast.HTMLBlock:
			return ast.WalkStop, fmt.Errorf("it holds a %s", n.Kind())
		case *ast.CodeSpan:
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			if bytes.ContainsAny(n.Segment.Value(source), "@#`") {
				return ast.WalkStop, fmt.Errorf("the text %q could mention or refer", n.Segment.Value(source))
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Errorf("reply is not safe: %v\n%s", err, reply)
	}
}

func TestHelpReads(t *testing.T) {
	golden(t, "testdata/help.md", Help())
	checkSafeMarkdown(t, Help())
	for _, s := range All() {
		golden(t, "testdata/help-"+string(s.Name)+".md", HelpFor(s.Name))
		checkSafeMarkdown(t, HelpFor(s.Name))
	}
	if HelpFor("frobnicate") != Help() {
		t.Error("help for an unknown name is not the overview")
	}
}

func TestHelpListsOnlyWhatIsAvailable(t *testing.T) {
	for _, s := range All() {
		if got := strings.Contains(Help(), "`/"+string(s.Name)+"`"); got != s.Available {
			t.Errorf("/%s is listed %t, available %t", s.Name, got, s.Available)
		}
	}
}

// Every example in help is a command that works as typed.
func TestExamplesParse(t *testing.T) {
	for _, s := range All() {
		for _, e := range s.Examples {
			if got := parseAll(e.Line); got.Command == nil || got.Command.Name != s.Name {
				t.Errorf("%s: %+v", e.Line, got)
			}
		}
		if len(s.Examples) == 0 || s.Summary == "" || s.Details == "" || !strings.HasPrefix(s.Usage, "/"+string(s.Name)) {
			t.Errorf("/%s has no examples, summary, details or usage", s.Name)
		}
	}
}

// refused are lines whose answers people read.
var refused = []string{
	"/plan -target=a.b",
	"/plan -- --target=a.b",
	"/plan -- -target a.b",
	"/plan -- -target",
	"/plan -- -target=a..b",
	"/plan -- -lock=false",
	"/plan -- -frobnicate",
	"/plan -- -refresh=true",
	"/plan -- -refresh-only=true",
	"/plan -- -parallelism=257",
	"/plan -- -parallelism=1 -parallelism=2",
	"/plan -- -parallelism=$HOME",
	"/plan -- -- -target=a.b",
	"/plan team=@octocat",
	"/plan <img/src=x>",
	"/plan [a](http://example.com) ![b](http://example.com/b.png)",
	"/plan @octocat",
	"/plan [",
	"/plan –target=a.b",
	"/plan\n/apply",
	"/plann",
	"/aply",
	"/apply confirm=*",
	"/apply confirm=a confirm=b",
	"/apply override=approvals",
	"/plan override=policy",
	"/ephemeral ttl=4",
	"/ephemeral ttl=4h extend=2h",
	"/status -- -refresh-only",
	"/cancel network-prod",
	"/help me",
	"/help plan apply",
	"/help -- plan",
	"/terraform console",
	"/terraform frobnicate",
	"/terraform output -- -json",
}

func TestRepliesRead(t *testing.T) {
	var b strings.Builder
	for _, line := range refused {
		got := parseAll(line)
		if got.Command != nil || got.Reply == "" {
			t.Errorf("Parse(%q) = %+v, want a reply", line, got)
		}
		checkSafeMarkdown(t, got.Reply)
		fmt.Fprintf(&b, "typed: %q\n\n%s\n---\n\n", line, got.Reply)
	}
	fmt.Fprintf(&b, "typed: %q\n\n%s", "/ephemeral", Parse("/ephemeral", "").Reply)
	golden(t, "testdata/replies.md", b.String())
}

const (
	docsFile  = "../docs/commands.md"
	docsBegin = "<!-- table of commands: go test ./commands -update -->\n"
	docsEnd   = "<!-- end of table -->\n"
)

func TestDocsTableIsInStep(t *testing.T) {
	page, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, hasBegin := strings.Cut(string(page), docsBegin)
	_, after, hasEnd := strings.Cut(rest, docsEnd)
	if !hasBegin || !hasEnd {
		t.Fatalf("%s has lost the marks around its table", docsFile)
	}
	golden(t, docsFile, before+docsBegin+docsTable()+docsEnd+after)
}

func docsTable() string {
	var b strings.Builder
	b.WriteString("| command | does | available |\n|---|---|---|\n")
	for _, s := range All() {
		available := "not yet"
		if s.Available {
			available = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(s.Usage, "|", `\|`), s.Summary, available)
	}
	return b.String()
}
