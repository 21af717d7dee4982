package github

import (
	"strings"
	"testing"
)

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 a\x0012345678901234567890"))
	f.Add([]byte("40000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, e := range parseTree(data) {
			if len(e.sha) != 40 || strings.Contains(e.path, "\x00") {
				t.Errorf("entry %q", e)
			}
		}
	})
}

func FuzzParseDiff(f *testing.F) {
	f.Add([]byte(":100644 100644 a b M\x00f\x001\t2\tf\x00"))
	f.Add([]byte(":100644 100644 a b R100\x00f\x00g\x001\t2\t\x00f\x00g\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = parseDiff(data) })
}

// FuzzRef keeps names out of refs that git would not take or read as options.
func FuzzRef(f *testing.F) {
	f.Add("refs/heads/main")
	f.Add("refs/heads/../x")
	f.Fuzz(func(t *testing.T, ref string) {
		if validRef(ref) && (strings.Contains(ref, "..") || strings.ContainsAny(ref, " \n\x00:") || strings.HasPrefix(ref, "/")) {
			t.Errorf("%q passed", ref)
		}
	})
}
