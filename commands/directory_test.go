package commands

import (
	"slices"
	"testing"
)

// Directories are named in any script and with blanks; a comment could name neither.
func TestDirectoriesInAnyScriptAndWithBlanks(t *testing.T) {
	for line, want := range map[string][]string{
		"/plan инфра/сеть":                            {"инфра/сеть"},
		"/plan größe 東京/本番 شبكة":                      {"größe", "東京/本番", "شبكة"},
		"/apply инфра/*":                              {"инфра/*"},
		`/plan "my dir/x"`:                            {"my dir/x"},
		`/plan a "my dir/x" "b" -- -refresh=false`:    {"a", "my dir/x", "b"},
		`/plan "a=b/c (old), it's & co"`:              {"a=b/c (old), it's & co"},
		`/plan "x – y/сеть 2"`:                        {"x – y/сеть 2"},
		`/plan "-- x" x`:                              nil,
		`/plan "x -- -destroy"`:                       {"x -- -destroy"}, // one directory's name, and no flag
		`/unlock "my dir/x" reason="the author left"`: {"my dir/x"},
		"/plan नेटवर्क/a":                             {"नेटवर्क/a"},
	} {
		out := parseAll(line)
		if want == nil {
			if out.Command != nil {
				t.Errorf("%s is taken: %q", line, out.Command.Projects)
			}
			continue
		}
		if out.Command == nil || !slices.Equal(out.Command.Projects, want) || out.Command.Line != line {
			t.Errorf("%s: %+v", line, out)
		}
	}
	for name, line := range map[string]string{
		"a zero-width space":          "/plan инфра\u200b/сеть",
		"a right-to-left override":    "/plan \"my dir\u202e/x\"",
		"a mark of direction":         "/plan شبكة\u200f",
		"an isolate":                  "/plan \"a\u2066b\"",
		"a variation selector":        "/plan сеть\ufe0f",
		"a filler that is a letter":   "/plan \u3164",
		"another filler":              "/plan \"x \u115fy\"",
		"a joiner that nobody sees":   "/plan a\u034fb",
		"a soft hyphen":               "/plan се\u00adть",
		"a byte order mark":           "/plan \"\ufeffx\"",
		"a no-break space in quotes":  "/plan \"my\u00a0dir\"",
		"a tab in quotes":             "/plan \"my\tdir\"",
		"no UTF-8":                    "/plan инфра/\xff",
		"what stands for no UTF-8":    "/plan инфра/\ufffd",
		"typographic quotes":          "/plan “my dir”",
		"a typographic dash":          "/plan инфра–сеть",
		"no end of the quotes":        `/plan "my dir`,
		"quotes in a word":            `/plan my" "dir`,
		"something behind the quotes": `/plan "my dir"/x`,
		"nothing in the quotes":       `/plan ""`,
		"a blank in the quotes":       `/plan " "`,
		"a flag in quotes":            `/plan "-destroy"`,
		"a command in quotes":         `/plan "/apply"`,
		"a dollar sign":               `/plan "a$b"`,
		"a backtick":                  "/plan \"a`b\"",
		"a percent sign":              `/plan "100%"`,
		"a backslash":                 `/plan "a\"b"`,
		"letters behind the name":     "/applyё",
		"letters in the name":         "/\u0430pply",
		"letters in an argument":      "/unlock a reason=вася",
		"letters in a flag":           "/plan -- -parallelism=١",
		"quotes behind the flags":     `/plan -- "x"`,
	} {
		if out := parseAll(line); out.Command != nil {
			t.Errorf("%s: %q is taken: %+v", name, line, out.Command)
		}
	}
}
