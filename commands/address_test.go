package commands

import (
	"slices"
	"testing"
)

// Keys of resources hold spaces, quotes, percent signs and letters of any script; people could not name them in -target.
func TestAddressesWithAnyKey(t *testing.T) {
	for line, want := range map[string][]string{
		`/plan -- -target=aws_x.y["a b"]`:                                          {`-target=aws_x.y["a b"]`},
		`/plan  p  --  -target=aws_x.y["a  b"]  -refresh=false`:                    {`-target=aws_x.y["a  b"]`, "-refresh=false"},
		`/plan -- -target=aws_x.y["100%"]`:                                         {`-target=aws_x.y["100%"]`},
		`/plan -- -replace=aws_x.größe["größe, ß"]`:                                {`-replace=aws_x.größe["größe, ß"]`},
		`/plan -- -target=module.сеть["東京"].aws_x.y[0]`:                            {`-target=module.сеть["東京"].aws_x.y[0]`},
		`/plan -- -target=aws_x.y["say \"hi\" there"]`:                             {`-target=aws_x.y["say \"hi\" there"]`},
		`/plan -- -target=aws_x.y["back\\slash"]`:                                  {`-target=aws_x.y["back\\slash"]`},
		`/plan -- -target=aws_x.y["; rm -rf / && echo |"]`:                         {`-target=aws_x.y["; rm -rf / && echo |"]`}, // one argument of a program, in no shell
		`/plan -- -target=aws_x.y["x -- -destroy"] -target=aws_x.z["-var-file=a"]`: {`-target=aws_x.y["x -- -destroy"]`, `-target=aws_x.z["-var-file=a"]`},
	} {
		out := Parse(line, "")
		if out.Command == nil {
			t.Errorf("%s is refused: %+v", line, out)
			continue
		}
		if !slices.Equal(out.Command.Flags, want) {
			t.Errorf("%s has flags %q, want %q", line, out.Command.Flags, want)
		}
		if out.Command.Line != line {
			t.Errorf("its line is %q", out.Command.Line)
		}
	}
	for _, line := range []string{
		`/plan -- -target=aws_x.y["a b]`, `/plan -- -target=aws_x.y[a b]`, `/plan -- -target=aws_x.y["a"b"]`, `/plan -- -target=aws_x.y["a\nb"]`, `/plan -- -target=aws_x.y["%{if x}"]`,
		`/plan -- -target=aws_x.y["${path.module}"]`, "/plan -- -target=aws_x.y[\"a`b\"]", "/plan -- -target=aws_x.y[\"a\tb\"]", "/plan -- -target=aws_x.y[\"a\u202eb\"]", "/plan -- -target=aws_x.y[\"a\u00a0b\"]",
		"/plan -- -target=aws_x.y[\"a\u200bb\"]", "/plan -- -target=aws_x.y[\"a\xffb\"]", `/plan -target=aws_x.y["a b"]`, `/plan -- -parallelism=["a b"]`, `/plan -- -target=aws_x.y["a b"]; -destroy`,
		`/plan ["a b"]`, `/plan -- "-target=aws_x.y"`, `/plan -- -target=%x`, `/apply ["é"]`,
	} {
		if out := Parse(line, ""); out.Command != nil {
			t.Errorf("%q is taken: %q", line, out.Command.Flags)
		}
	}
}

// Whatever is typed, the words are those of the line, and a word has a space only in a key.
func FuzzSplitLine(f *testing.F) {
	for _, seed := range []string{`/plan -- -target=a.b["c d"] x`, `/plan  a `, `/plan "a b/c" "d`, `"" "`, `["`, `["\`, `-- -target=a.b["]`, "/plan -- -target=größe.x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, plain := splitLine(line)
		at := 0
		for _, word := range words {
			for line[at] == ' ' {
				at++
			}
			if word == "" || line[at:at+len(word)] != word {
				t.Fatalf("%q has the words %q", line, words)
			}
			at += len(word)
		}
		if len(plain) > len(line) {
			t.Fatalf("%q became %q", line, plain)
		}
	})
}
