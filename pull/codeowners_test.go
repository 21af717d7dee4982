package pull

import (
	"fmt"
	"strings"
	"testing"
)

func ownersOf(t *testing.T, entries ...entry) (CodeOwners, error) {
	t.Helper()
	u := newUpstream(t)
	sha := u.commit("main", nil, append(entries, entry{path: "x", content: "x"})...)
	return tree(t, fetched(t, u, sha), sha).CodeOwners(t.Context())
}

func TestCodeOwnersOfADirectory(t *testing.T) {
	text := strings.Join([]string{
		"# who owns what",
		"*            @acme/everybody",
		"*.tf         @acme/terraform   # and nobody else",
		"/live/       @acme/live ana@example.com",
		"/live/prod/  @Acme/Production @rui",
		"/live/dev/",
		"docs/        @writers",
		"/live/*/x.tf @somebody",
		"/only/*      @direct",
		"**/secret    @acme/security",
		"/spaced\\ out/ @space",
		"/mail/       rui@acme.digital o'rui@example.com @rui",
	}, "\r\n")
	owners, err := ownersOf(t, entry{path: ".github/CODEOWNERS", content: text})
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		".":                "@acme/terraform",
		"other":            "@acme/terraform",
		"live":             "@acme/live ana@example.com",
		"live/prod":        "@Acme/Production @rui",
		"live/prod/db":     "@Acme/Production @rui",
		"live/production":  "@acme/live ana@example.com",
		"live/dev":         "", // a line without owners: nobody
		"live/dev/secret":  "@acme/security",
		"other/docs/a":     "@writers",
		"only":             "@direct",
		"only/below":       "@acme/terraform",
		"nested/live/prod": "@acme/terraform",
		"spaced out":       "@space",
		"mail":             "rui@acme.digital o'rui@example.com @rui",
	} {
		got, err := owners.Of(dir)
		if joined := strings.Join(got, " "); err != nil || joined != want {
			t.Errorf("%s: %q, %v; want %q", dir, joined, err, want)
		}
	}
	for _, dir := range []string{"../x", "/x"} {
		if got, err := owners.Of(dir); err == nil {
			t.Errorf("%s: %v", dir, got)
		}
	}
}

func TestTheFirstCodeOwnersFileCounts(t *testing.T) {
	file := func(path, owner string) entry { return entry{path: path, content: "* " + owner + "\n"} }
	for want, entries := range map[string][]entry{
		"@a": {file(".github/CODEOWNERS", "@a"), file("CODEOWNERS", "@b"), file("docs/CODEOWNERS", "@c")},
		"@b": {file("CODEOWNERS", "@b"), file("docs/CODEOWNERS", "@c")},
		"@c": {file("docs/CODEOWNERS", "@c"), file(".gitlab/CODEOWNERS", "@d"), file("codeowners", "@e")},
		"":   {file(".gitlab/CODEOWNERS", "@d")},
	} {
		owners, err := ownersOf(t, entries...)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := owners.Of("live"); err != nil || strings.Join(got, " ") != want {
			t.Errorf("got %v, %v; want %q", got, err, want)
		}
	}
}

// What GitHub makes of a line that the parser does not know is not known, so it
// is an error for every directory that the line could be about, and for no other.
func TestCodeOwnersThatCannotBeReadAreAnError(t *testing.T) {
	for _, line := range []string{"/live/pr[o]d/ @x", "live/[ab] @x", "!/live/ @x", "/live/ @", "/live/ x", "/live/prod @a/b/c", "*** @x"} {
		owners, err := ownersOf(t, entry{path: "CODEOWNERS", content: "* @all\n" + line + "\n/web/ @web\n"})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := owners.Of("live/prod"); err == nil || !strings.Contains(err.Error(), "CODEOWNERS: line 2") {
			t.Errorf("%s: %v, %v", line, got, err)
		}
		if got, err := owners.Of("web"); err != nil || strings.Join(got, " ") != "@web" {
			t.Errorf("%s: the owners of /web/ are %v, %v", line, got, err)
		}
	}
	owners, err := ownersOf(t, entry{path: "CODEOWNERS", content: "* @all\n/pages/[id]/ @x\n/é/ @y\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := owners.Of("live/prod"); err != nil || strings.Join(got, " ") != "@all" {
		t.Errorf("a line about /pages/ hides the owners of /live/: %v, %v", got, err)
	}
	long, err := ownersOf(t, entry{path: "CODEOWNERS", content: "* @all\n/live/ " + strings.Repeat("@a ", 30_000) + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := long.Of("live"); err == nil {
		t.Errorf("a line that is too long: %v", got)
	}
}

func TestCodeOwnersThatIsNoFileOrTooLargeIsAnError(t *testing.T) {
	for name, e := range map[string]entry{
		"a symlink": {path: "CODEOWNERS", content: "docs/CODEOWNERS", mode: "120000"},
		"three MB":  {path: "CODEOWNERS", content: strings.Repeat("/a/b/c/d @acme/everybody\n", maxCodeOwnersBytes/25+1)},
	} {
		if owners, err := ownersOf(t, e); err == nil || !strings.Contains(err.Error(), "reading CODEOWNERS") {
			t.Errorf("%s: %v, %v", name, fmt.Sprint(owners)[:20], err)
		}
	}
}
