package project

import (
	"path"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A file has each name that leads to it through links, and no other.
func TestAliasesAgreeWithTheLinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "b", "c"})
		name := rapid.Map(rapid.SliceOfN(part, 1, 3), func(s []string) string { return path.Join(s...) })
		l := linked{to: map[string]string{}, from: map[string][]string{}}
		for range rapid.IntRange(0, 4).Draw(t, "links") {
			link, to := name.Draw(t, "link"), name.Draw(t, "to")
			if l.to[link] == "" {
				l.to[link] = to
				l.from[to] = append(l.from[to], link)
			}
		}
		for link := range l.to { // nothing lies below a link in git
			for other := range l.to {
				if link != other && isBelow(other, link) {
					t.Skip("not a tree")
				}
			}
		}
		file := name.Draw(t, "file")
		for link := range l.to {
			if isBelow(file, link) {
				t.Skip("not a tree")
			}
		}
		names := l.aliases(file)
		for _, n := range names {
			if real, ok := l.real(n); !ok || real != file {
				t.Fatalf("%s is no name of %s: it leads to %q, %t", n, file, real, ok)
			}
		}
		other := rapid.Map(rapid.SliceOfN(part, 1, 4), func(s []string) string { return path.Join(s...) }).Draw(t, "other")
		if real, ok := l.real(other); ok && real == file && !slices.Contains(names, other) && !circles(l) {
			t.Fatalf("%s is a name of %s and not among %q", other, file, names)
		}
	})
}

// circles tells that a link leads to a directory that it is in: then there are names without end.
func circles(l linked) bool {
	for link := range l.to {
		if real, ok := l.real(link); !ok || isBelow(link, real) {
			return true
		}
		for up := path.Dir(link); up != "."; up = path.Dir(up) {
			for other := range l.to {
				if real, _ := l.real(other); isBelow(up, real) && isBelow(link, real) {
					return true
				}
			}
		}
	}
	return false
}

// A project that reads such a link is refused when it is planned; nobody was told before.
func TestALinkThatLeavesTheRepositoryIsNamed(t *testing.T) {
	tree := txtarTree("-- a/main.tf --\nterraform {\n  backend \"s3\" {}\n}\n-- a/secret --\n-> ../../etc/passwd\n-- elsewhere/link --\n-> /etc/passwd\n")
	const want = "a/secret: is a symbolic link that leaves the repository, where a job has nothing, so projects that read it are refused; let it lead to a file of this repository"
	if got := Warnings(mustParse(t, "version: 1\nprojects: [{name: a, dir: a}]\n"), graphOf(t, tree)); got.Error() != want {
		t.Errorf("warnings: %v", got)
	}
}
