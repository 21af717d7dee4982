package markdown

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriting(t *testing.T) {
	cases := []struct {
		name  string
		write func(string) string
		in    string
		want  string
	}{
		{"a name stays as it is", Text, "network-prod", "network-prod"},
		{"a path stays as it is", Text, "live/eu-west-1/app_a.tf", "live/eu-west-1/app_a.tf"},
		{"a sentence stays as it is", Text, `Error: "x" isn't there (yet), 50% done.`, `Error: "x" isn't there (yet), 50% done.`},
		{"a mention becomes code", Text, "ask @acme/admins now", "ask `@acme/admins` now"},
		{"an issue becomes code", Text, "see #12 and GH-3", "see `#12` and `GH-3`"},
		{"a commit becomes code", Text, "at 3f2c1ab9 ok", "at `3f2c1ab9` ok"},
		{"an address becomes code", Text, "http://a.example www.b.example", "`http://a.example www.b.example`"},
		{"an emoji name becomes code", Text, ":tada:", "`:tada:`"},
		{"a first dash is escaped", Text, "- item", `\- item`},
		{"a first number is escaped", Text, "12. item 3.", `12\. item 3.`},
		{"lines become one", Text, "a\n\n# b", "a `#` b"},
		{"nothing is shown as a question mark", Text, " \n ", "`?`"},
		{"code is quoted with more backticks", Code, "a`b``c", "```a`b``c```"},
		{"code at the edge gets a space", Code, "`a", "`` `a ``"},
		{"a bar in code stays", Code, `x["a|b"]`, "`x[\"a|b\"]`"},
		{"a bar in a cell does not", func(s string) string { return Cell(Code(s)) }, `a|b\|`, "`a¦b\\¦`"},
		{"elements are escaped", HTML, `a <b> &amp;`, "a <code>&lt;b&gt; &amp;amp;</code>"},
		{"a fence is longer than what it holds", func(s string) string { return Fence("diff", s) }, "a\n````\n", "`````diff\na\n````\n`````\n"},
		{"colours are removed", Clean, "\x1b[1;31mred\x1b[0m\x07", "red"},
		{"a link of a terminal is removed", Clean, "\x1b]8;;http://a.example\x1b\\a\x1b]8;;\x1b\\", "a"},
		{"what turns text around is shown", Clean, "a\u202eb\u200b", "a⟨U+202E⟩b⟨U+200B⟩"},
		{"unknown bytes are shown", Clean, "a\xffb", "a�b"},
		{"line separators end lines", Clean, "a\u2028b\r\nc", "a\nb\nc"},
		{"sentences keep their code and bold", Rich, "**No** `a_b` here.", "**No** `a_b` here."},
		{"sentences keep their items", Rich, "One of:\n- `a`\n- `b`\nType it.", "One of:\n\n- `a`\n- `b`\n\nType it."},
		{"sentences keep a trusted link", Rich, "when [GitHub is well](https://www.githubstatus.com).", "when [GitHub is well](https://www.githubstatus.com)."},
		{"sentences lose other links", Rich, "[a](https://evil.example)", "`a (https://evil.example)`"},
		{"sentences lose images", Rich, "![a](https://www.githubstatus.com)", "! [a](https://www.githubstatus.com)"},
		{"sentences lose headings", Rich, "# Plan", "`#` Plan"},
		{"escapes are read before they are written", Rich, `a\_b &lt;c&gt;`, "a_b `<c>`"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.write(c.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	for in, want := range map[string]string{"": "", "abc": "abc", "abcd": "ab…", "äöü": "äöü", "äöüß": "äö…"} {
		if got := Limit(in, 3); got != want {
			t.Errorf("Limit(%q, 3) = %q, want %q", in, got, want)
		}
	}
}

func TestExcerptEndsWithAWord(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"as long as it":           "as long as it",
		"as long as it is":        "as long as …",
		"as long as, it is":       "as long as …",
		"as long äöüäöüäöü":       "as long …",
		"unbrokenunbroken":        "unbrokenunbr …",
		"ends with its own dots…": "ends with …",
	} {
		if got := Excerpt(in, 13); got != want {
			t.Errorf("Excerpt(%q, 13) = %q, want %q", in, got, want)
		}
	}
}
