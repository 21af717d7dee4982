package pull

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/project"
)

// awkward are names that break whoever splits at the wrong byte.
var awkward = []string{
	"a b/c d.tf", "a\tb.tf", "line\nfeed.tf", `quote".tf`, `back\slash.tf`, "ünïcode/日本.tf",
	"latin1-\xe9.tf", "-dash.tf", ":colon.tf", "a.b", "a/b", "a0", "*.tf", "a -> b",
}

func TestFilesOfAwkwardNames(t *testing.T) {
	u := newUpstream(t)
	var entries []entry
	for _, name := range awkward {
		entries = append(entries, entry{path: name, content: "content of " + name})
	}
	submodule := u.commit("other", nil, entry{path: "x", content: "x"})
	entries = append(entries,
		entry{path: "run.sh", content: "#!/bin/sh\n", mode: "100755"},
		entry{path: "link", content: "/etc/passwd", mode: "120000"},
		entry{path: "sub", content: submodule, mode: "160000"},
		entry{path: "empty", content: ""})
	sha := u.commit("main", nil, entries...)
	commit := tree(t, fetched(t, u, sha), sha)

	files, err := commit.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := commit.Read(t.Context(), files, func(file project.File, content []byte) error {
		got[file.Path] = fmt.Sprintf("%o %s", file.Mode, content)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"run.sh": "100755 #!/bin/sh\n", "link": "120000 /etc/passwd", "empty": "100644 "}
	for _, name := range awkward {
		want[name] = "100644 content of " + name
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if !slices.IsSortedFunc(files, func(a, b project.File) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("the files are not sorted by path in byte order")
	}
}

func TestReadStopsAtTheFirstError(t *testing.T) {
	u := newUpstream(t)
	big := strings.Repeat("x", 1<<20) // more than a pipe holds
	sha := u.commit("main", nil, entry{path: "a", content: big}, entry{path: "b", content: big})
	commit := tree(t, fetched(t, u, sha), sha)
	files, err := commit.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	enough, calls := errors.New("enough"), 0
	err = commit.Read(t.Context(), files, func(project.File, []byte) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestReadErrors(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a.tf", content: strings.Repeat("x", 100)})
	mirror := newMirror(t, Limits{FileBytes: 99})
	if err := mirror.Fetch(t.Context(), u.remote(), sha); err != nil {
		t.Fatal(err)
	}
	files, err := tree(t, mirror, sha).Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ blob, text string }{
		"larger than allowed":     {files[0].Blob, `"a.tf": the file has 100 bytes, the limit is 99`},
		"content that is missing": {strings.Repeat("ab", 20), "no such content"},
		"a commit as content":     {sha, "no such content"},
		"an expression as id":     {"HEAD:a.tf", "not a full commit SHA"},
		"two lines as id":         {files[0].Blob + "\n" + files[0].Blob, "not a full commit SHA"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tree(t, mirror, sha).Read(t.Context(), []project.File{{Path: "a.tf", Blob: c.blob}},
				func(project.File, []byte) error { return nil })
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %q", err, c.text)
			}
		})
	}
	if _, err := tree(t, mirror, strings.Repeat("ab", 20)).Files(t.Context()); err == nil {
		t.Error("the files of a commit that was never fetched were listed")
	}
	if _, err := mirror.Tree(t.Context(), "main"); err == nil {
		t.Error("a branch name was taken for a commit")
	}
}

func TestListingsAreRememberedPerMirrorAndBounded(t *testing.T) {
	var kept listings
	one, other := &Mirror{}, &Mirror{}
	kept.put(listing{of: Tree{mirror: one, sha: "1"}, files: []project.File{{Path: "one"}}})
	if _, there := kept.get(Tree{mirror: other, sha: "1"}); there {
		t.Error("one repository sees the listing of another")
	}
	for i := range maxListings {
		kept.put(listing{of: Tree{mirror: one, sha: fmt.Sprint("x", i)}})
	}
	if _, there := kept.get(Tree{mirror: one, sha: "1"}); there || len(kept.last) != maxListings {
		t.Errorf("%d listings are kept, want the last %d", len(kept.last), maxListings)
	}
}

func FuzzParseListing(f *testing.F) {
	f.Add("100644 blob 0123\ta/b\x00120000 blob 45\tlink\n\x00160000 commit 67\tsub\x00")
	f.Add("100644 blob\tx\x00")
	f.Fuzz(func(t *testing.T, text string) {
		files, submodules, err := parseListing(text)
		if err == nil && len(files)+len(submodules) > strings.Count(text, "\x00") {
			t.Errorf("%d files from %q", len(files), text)
		}
	})
}
