package runner

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlainTextDropsWhatTerminalsActOn(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"colours":            {"\x1b[1m\x1b[31mError\x1b[0m: no", "Error: no"},
		"link":               {"\x1b]8;;https://evil.example\x1b\\text\x1b]8;;\x1b\\", "text"},
		"title":              {"\x1b]0;owned\x07ok", "ok"},
		"unended string":     {"\x1b]0;owned\nnext", "\nnext"},
		"device control":     {"\x1bPq#0\x1b\\ok", "ok"},
		"charset":            {"\x1b(Bok", "ok"},
		"C0":                 {"a\rb\bc\x00d\x7fe", "abcde"},
		"C1":                 {"a\u009bb\u0085c", "abc"},
		"tabs, lines, UTF-8": {"\té ├──\n", "\té ├──\n"},
		"Â alone":            {"Âme", "Âme"},
	} {
		if got := plain(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzPlainText(f *testing.F) {
	f.Add("\x1b[1mx\x1b]0;y\x07z\u009b", 3)
	f.Fuzz(func(t *testing.T, in string, at int) {
		var split strings.Builder
		w := plainText{to: &split}
		at = max(0, min(at, len(in)))
		_, _ = w.Write([]byte(in[:at]))
		_, _ = w.Write([]byte(in[at:]))
		whole := plain(in)
		if got := strings.ToValidUTF8(split.String(), "\uFFFD"); got != whole {
			t.Errorf("split: %q, whole: %q", got, whole)
		}
		if !utf8.ValidString(whole) {
			t.Errorf("not UTF-8: %q", whole)
		}
		for _, c := range whole {
			if c < ' ' && c != '\n' && c != '\t' || c >= 0x7f && c <= 0x9f {
				t.Errorf("control %U in %q", c, whole)
			}
		}
	})
}
