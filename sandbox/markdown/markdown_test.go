package markdown

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestHTML(t *testing.T) {
	tests := map[string]struct{ source, want string }{
		"a line break stays a line break":   {"one\ntwo", "<p>one<br/>\ntwo</p>\n"},
		"strikethrough":                     {"~~old~~", "<p><del>old</del></p>\n"},
		"a task list draws boxes as text":   {"- [x] done", "<ul>\n<li><span class=\"task done\">☑</span> done</li>\n</ul>\n"},
		"an autolink":                       {"https://example.com/a", `<p><a href="https://example.com/a" rel="nofollow noreferrer">https://example.com/a</a></p>` + "\n"},
		"a mention":                         {"thanks @ana-author!", "<p>thanks <span class=\"mention\">@ana-author</span>!</p>\n"},
		"a team mention":                    {"cc @acme/platform", "<p>cc <span class=\"mention\">@acme/platform</span></p>\n"},
		"a mention in code stays code":      {"`@ana-author`", "<p><code>@ana-author</code></p>\n"},
		"an address is not a mention":       {"mail a.b@example", "<p>mail a.b@example</p>\n"},
		"a commit name":                     {"at 3f2c1ab.", "<p>at <span class=\"commit\">3f2c1ab</span>.</p>\n"},
		"a number is not a commit":          {"1234567 defaced", "<p>1234567 defaced</p>\n"},
		"an image becomes a link":           {"![diagram](https://x.test/a.png)", `<p><a class="image" href="https://x.test/a.png" rel="nofollow noreferrer">diagram</a></p>` + "\n"},
		"an image in a link becomes text":   {"[![b](https://x.test/b.svg)](https://x.test)", `<p><a href="https://x.test" rel="nofollow noreferrer"><span class="image">b</span></a></p>` + "\n"},
		"a raw image becomes a link":        {`<img src="/a.png">`, `<a class="image" href="/a.png" rel="nofollow noreferrer">/a.png</a>`},
		"keys and subscripts pass":          {"<kbd>/</kbd> H<sub>2</sub>O<br>", "<p><kbd>/</kbd> H<sub>2</sub>O<br/></p>\n"},
		"a lone closing tag closes nothing": {"</div></article></details>after", "after"},
		"a lone opening tag is closed":      {"<div><b>open", "<div><b>open</b></div>"},
		"a script is gone with its text":    {"a <script>alert(1)</script>b", "<p>a b</p>\n"},
		"an event handler is gone":          {`<b onclick="x()">b</b>`, "<p><b>b</b></p>\n"},
		"a javascript link is gone":         {"[x](javascript:alert(1))", "<p>x</p>\n"},
		"classes and ids do not pass":       {`<div class="merge" id="x">a</div>`, "<div>a</div>"},
		"a diff line says what it is":       {"```diff\n+ a\n- b\n! c\n  d\n```", "<pre><code><span class=\"line added\">+ a\n</span><span class=\"line removed\">- b\n</span><span class=\"line changed\">! c\n</span><span class=\"line\">  d\n</span></code></pre>\n"},
		"an unknown language stays plain":   {"```text\n+ a\n```", "<pre><code>+ a\n</code></pre>\n"},
	}
	renderer := New()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, string(renderer.HTML(test.source))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTableCellsAreAlignedByClass(t *testing.T) {
	got := string(New().HTML("| a | b |\n|---|--:|\n| 1 | 2 |"))
	if !strings.Contains(got, `<td class="align-right">2</td>`) || strings.Contains(got, "style") {
		t.Errorf("want the right-aligned cell marked by a class alone, got\n%s", got)
	}
}

func TestAlerts(t *testing.T) {
	for _, kind := range []string{"note", "tip", "important", "warning", "caution"} {
		t.Run(kind, func(t *testing.T) {
			got := string(New().HTML("> [!" + strings.ToUpper(kind) + "]\n> Mind **this**."))
			if !strings.Contains(got, `<div class="alert alert-`+kind+`">`) || !strings.Contains(got, "<p>Mind <strong>this</strong>.</p>") || strings.Contains(got, "[!") {
				t.Errorf("got\n%s", got)
			}
		})
	}
	plain := map[string]string{
		"a marker with nothing after it": "> [!NOTE]",
		"an unknown marker":              "> [!DANGER]\n> text",
		"text after the marker":          "> [!NOTE] text",
		"a nested quote":                 "> > [!NOTE]\n> > text",
	}
	for name, source := range plain {
		t.Run(name+" stays a quote", func(t *testing.T) {
			if got := string(New().HTML(source)); strings.Contains(got, "alert") {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

func TestDetailsNestWithBlankLines(t *testing.T) {
	got := string(New().HTML("<details><summary>outer</summary>\n\n**bold**\n\n<details open><summary>inner</summary>\n\n```diff\n+ x\n```\n\n</details>\n\nafter inner\n\n</details>\n\nafter outer"))
	want := "<details><summary>outer</summary>\n<p><strong>bold</strong></p>\n" +
		"<details open=\"\"><summary>inner</summary>\n<pre><code><span class=\"line added\">+ x\n</span></code></pre>\n</details>\n" +
		"<p>after inner</p>\n</details>\n<p>after outer</p>\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestPlanComment shows a whole comment as the project writes them.
func TestPlanComment(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("testdata", "plan.md"))
	if err != nil {
		t.Fatal(err)
	}
	got := string(New().HTML(string(source)))
	golden := filepath.Join("testdata", "plan.html")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run `go test ./sandbox/markdown -update` if this is meant (-want +got)\n%s", diff)
	}
}

func TestTooDeepIsShownAsText(t *testing.T) {
	source := strings.Repeat("<div>", 5000) + "<script>alert(1)</script>"
	checkSafe(t, string(New().HTML(source)))
}
