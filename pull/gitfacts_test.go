package pull

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatGitSaidOfCommitsIsNotAskedAgain(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("main", nil, entry{path: "a", content: "1"})
	head := u.commit("pull", []string{base}, entry{path: "a", content: "2"})
	mirror := fetched(t, u, base, head)
	ask := func() (out []any) {
		t.Helper()
		compared, err := mirror.Compare(t.Context(), base, head)
		if err != nil {
			t.Fatal(err)
		}
		commits, err := mirror.Commits(t.Context(), base, head)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := mirror.Tree(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		id, err := tree.ID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return append(out, compared, commits, id)
	}
	missing := strings.Repeat("ab", 20)
	if _, err := mirror.MergeBase(t.Context(), base, missing); err == nil {
		t.Error("a commit that is not there has a merge base")
	}
	before := ask()
	if err := os.Rename(mirror.dir, mirror.dir+".gone"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, ask()); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
	if _, err := mirror.MergeBase(t.Context(), base, missing); err == nil {
		t.Error("what failed was remembered as something else")
	}
}

func TestWhatIsRememberedOfCommitsHasABound(t *testing.T) {
	var f facts
	f.remember("small", "1")
	f.remember("too much", strings.Repeat("x", factBytes))
	if len(f.known) != 0 {
		t.Errorf("%d facts are known after one that is too much", len(f.known))
	}
	for _, key := range strings.Split("abcdefgh", "") {
		f.remember(key, strings.Repeat("x", factBytes/3))
	}
	if _, known := f.known["h"]; !known || len(f.known) > 3 {
		t.Errorf("%d facts are known, the newest of them: %v", len(f.known), known)
	}
}
